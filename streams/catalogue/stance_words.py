"""Says in words how a membership stands."""

from __future__ import annotations

from collections.abc import Iterator

from streams.segmentation.effects import Kind, Stance


def arbitration_words(stance: Stance) -> str:
    """Return whether the membership is active in its group, or which one is; empty where it is in none."""
    one = stance.arbitration
    if one is None:
        return ""
    where = f"in {one.group}, rank {one.rank}"
    return f"active {where}" if one.active else f"shadowed by {one.shadowed_by} {where}"


def eligibility_words(stance: Stance) -> str:
    """Return where the segment may speak, or why it may not."""
    if stance.arm == "holdout":
        return "held out: it speaks nowhere"
    if stance.suppressions:
        return f"suppressed by {', '.join(stance.suppressions)}"
    if stance.eligible_channels:
        return f"may speak by {', '.join(stance.eligible_channels)}"
    return "may speak nowhere"


def words_of(stance: Stance, kind: Kind) -> str:
    """Return what a transition of *kind* says of the stance; nothing for those that change a membership."""
    if kind == "arbitration_changed":
        return arbitration_words(stance)
    return eligibility_words(stance) if kind == "eligibility_changed" else ""


def all_words(stance: Stance) -> Iterator[str]:
    """Yield all that is to be said of *stance*, a sentence each."""
    if stance.arbitration is not None:
        yield arbitration_words(stance)
    yield eligibility_words(stance)
