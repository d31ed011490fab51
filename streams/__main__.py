"""`python -m streams` is the command `streams`."""

from __future__ import annotations

from streams.cli.main import main

if __name__ == "__main__":
    main(prog_name="streams")
