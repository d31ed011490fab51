"""A stable name for this worker, unique on its machine, when the operator gives none.

The host's name and the first free number: held by a file lock that the kernel releases with the process, however it
dies. So a restart gets the name of the worker it replaces, and its transactional id fences the predecessor; two
workers on one machine never share a name.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import tempfile
from pathlib import Path

from streams.errors import OperationError

NUMBERS_MAX = 1_000


class InstanceName:
    """Holds the name until `release`, or the end of the process.

    Attributes:
        name: host name and number.
    """

    def __init__(
        self, application_id: str, *, directory: Path | None = None, host: str | None = None
    ) -> None:
        safe = re.sub(r"[^A-Za-z0-9_.-]", "_", host or socket.gethostname())
        place = directory or Path(tempfile.gettempdir())
        for number in range(NUMBERS_MAX):
            path = place / f"streams-{os.getuid()}-{application_id}-{number}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            self._descriptor = descriptor
            self.name = f"{safe}-{number}"
            return
        raise OperationError(
            f"no free instance number below {NUMBERS_MAX} in {place}",
            hint="give every worker its own STREAMS_INSTANCE_ID",
        )

    def release(self) -> None:
        """Give the name back."""
        os.close(self._descriptor)
