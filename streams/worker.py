"""The composition root: the one Faust application, made at import from the environment.

``faust -A streams.worker worker`` and ``streams worker`` both run it.
"""

from __future__ import annotations

import os

from streams.runtime.application import create_application
from streams.settings import Settings

app = create_application(Settings.load(os.environ))

if __name__ == "__main__":
    app.main()
