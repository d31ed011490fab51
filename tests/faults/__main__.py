"""The fault matrix: `make faults`, or `python -m tests.faults --only kill --seed 7`."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import random
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path

from streams.testing.verdicts import Verdict
from tests.faults import rows, table
from tests.faults.outcome import Outcome
from tests.faults.stage import NotHere, Stage

ROOT = Path(__file__).parents[2]
NAMES = sorted(module.name for module in pkgutil.iter_modules(rows.__path__))


def chosen(only: list[str]) -> list[str]:
    """Return the rows whose name holds one of *only*; all but the soak when nothing is asked for.

    Raises:
        SystemExit: there is no such row.
    """
    if not only:
        return [name for name in NAMES if name != "soak"]
    found = [name for name in NAMES if any(part.replace("-", "_") in name for part in only)]
    if not found:
        sys.exit(f"error: no row is called like {', '.join(only)}\n  hint: one of {', '.join(NAMES)}")
    return found


def run(name: str, seed: int, stage: Stage) -> tuple[Outcome, float]:
    """Run one row; whatever it raises is its outcome."""
    module = importlib.import_module(f"tests.faults.rows.{name}")
    began_s = time.monotonic()
    try:
        outcome = module.run(seed, stage)
    except NotHere:
        raise
    except Exception as error:  # noqa: BLE001 - a row that breaks must not end the others
        traceback.print_exc()
        outcome = Outcome(0, Verdict(), failures=[f"{type(error).__name__}: {error}"[:300]])
    return outcome, time.monotonic() - began_s


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make faults ARGS=...", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the rows and say what each does")
    parser.add_argument(
        "--only", action="append", default=[], help="rows whose name holds this; may be repeated"
    )
    parser.add_argument("--seed", type=int, help="of all that is random [default: a new one]")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the soak lasts")
    parser.add_argument("--quick", action="store_true", help="the short form of each row; writes no table")
    parser.add_argument("--json", action="store_true", help="print each outcome as a line of JSON")
    parser.add_argument("--keep", action="store_true", help="keep the workers' logs")
    return parser.parse_args()


def main() -> None:
    """Run what was asked for; exit code 1 when a row fails."""
    asked = arguments()
    if asked.list:
        for name in NAMES:
            module = importlib.import_module(f"tests.faults.rows.{name}")
            print(f"{name:20} {(module.__doc__ or '').splitlines()[0]}")
        return
    names, commit = chosen(asked.only), table.commit_of(ROOT)
    seed = random.randrange(100_000) if asked.seed is None else asked.seed
    failed = False
    stage = Stage(quick=asked.quick, minutes=asked.minutes)
    try:
        for number, name in enumerate(names, 1):
            print(f"[{number} of {len(names)}] {name}, seed {seed}", file=sys.stderr, flush=True)
            try:
                outcome, duration_s = run(name, seed, stage)
            except NotHere as lacking:
                print(f"  not here: {lacking}", file=sys.stderr)
                continue
            failed |= not outcome.passed
            row = table.line(name, seed, outcome, duration_s, commit)
            print(row, file=sys.stderr)
            if asked.json:
                print(json.dumps({"row": name, "passed": outcome.passed, **asdict(outcome)}), flush=True)
            if not asked.quick:
                table.write({name: row}, NAMES)
    finally:
        stage.close(keep=asked.keep or failed)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
