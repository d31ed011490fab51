"""`make e2e`: docker-compose.yml brought up, an event becomes a transition, a metric moves, a worker is killed; down again.

It needs a Docker engine with compose and this development environment. `--offline` swaps the images that cannot be
pulled, as deploy/docker/README.md says. It is no part of `make test`: it takes minutes and gigabytes.
"""

from __future__ import annotations

import argparse
import sys

from streams.errors import StreamsError
from tests.e2e.checks import Checks
from tests.e2e.stack import Stack, Trouble


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make e2e ARGS=...", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--offline", action="store_true", help="use images made on this machine instead of pulled ones"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave everything running, to look at it; prints how to end it"
    )
    return parser.parse_args()


def main() -> int:
    """Run every check; return the status to exit with."""
    chosen = options()
    stack = Stack(offline=chosen.offline)
    try:
        stack.prepare()
    except Trouble as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 2
    passed = False
    try:
        Checks(stack).run()
        passed = True
    except (Trouble, StreamsError) as trouble:
        print(f"\nfailed: {trouble}\n\n{stack.logs()}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
    finally:
        if chosen.keep:
            print(f"left running; to end it: {stack.command_line('down', '--volumes')}")
        else:
            stack.down()
    if passed:
        print(f"passed in {stack.seconds():.0f} s")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
