"""The table of results in this folder's README, written by the runner: each run replaces its row."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

from tests.faults.outcome import Outcome

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
COLUMNS = ("row", "passed", "seed", "events", "missing", "extra", "order", "torn", "state", "letters", "seconds",
           "commit", "date", "notes")  # fmt: skip


def commit_of(root: Path) -> str:
    """Return the short id of the commit that is checked out, with + when the tree differs from it."""
    asked = ["git", "-C", str(root), "describe", "--always", "--abbrev=7", "--dirty=+", "--exclude=*"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def line(row: str, seed: int, outcome: Outcome, duration_s: float, commit: str) -> str:
    """Return a row of the table."""
    verdict = outcome.verdict
    notes = "; ".join([outcome.notes, *outcome.failures]).replace("|", "/").replace("\n", " ")
    today = dt.datetime.now(dt.UTC).date().isoformat()  # noqa: TID251 - the day of the run
    cells = (
        row, "yes" if outcome.passed else "**no**", seed, f"{outcome.events:,}", verdict.missing, verdict.extra,
        verdict.disordered, verdict.torn + verdict.unsettled, verdict.state, verdict.letters, f"{duration_s:.0f}",
        commit, today, notes,
    )  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def write(lines: dict[str, str], order: list[str], readme: Path = README) -> None:
    """Put *lines* (row → line) into the table; rows that were not run keep theirs."""
    text = readme.read_text()
    head, _, rest = text.partition(BEGIN)
    table, _, tail = rest.partition(END)
    known = {each.split("|")[1].strip(): each for each in table.splitlines()[3:] if each.startswith("|")}
    known |= lines
    wanted = [known[row] for row in order if row in known]
    header = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    readme.write_text(f"{head}{BEGIN}\n" + "\n".join([*header, *wanted]) + f"\n{END}{tail}")
