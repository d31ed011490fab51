"""A Faust worker that runs the running hash; `streams.testing.hashing_cluster` starts it as a process of its own.

`STREAMS_` variables are the settings, as everywhere; HASH_OUTPUT, HASH_DEAD_LETTERS and HASH_POISON are the job's.
"""

from __future__ import annotations

import os

from streams.runtime.hosting import create_app
from streams.settings import Settings
from streams.testing.running_hash import RunningHash, RunningHashState

settings = Settings.load(os.environ)
job = RunningHash(
    os.environ.get("HASH_OUTPUT", "hashes"),
    os.environ.get("HASH_DEAD_LETTERS", ""),
    poison="HASH_POISON" in os.environ,
)


def empty_state(partition: int) -> RunningHashState:
    """Make the empty state of a partition."""
    return RunningHashState(partition, settings.changelog_topic)


app = create_app(settings, empty_state, job.handle)

if __name__ == "__main__":
    app.main()
