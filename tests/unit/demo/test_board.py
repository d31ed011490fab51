"""What the demo shows: counted from the transitions as they are written."""

from __future__ import annotations

from zlib import crc32

import msgspec

from streams.demo.board import LAST_SHOWN, STORIES_OF, Board, ClauseSeen, TransitionSeen

FOLLOWED = next(f"c{n}" for n in range(1_000) if crc32(f"c{n}".encode()) % STORIES_OF == 0)


def written(
    kind: str, segment_id: str = "value.vip", customer_id: str = "c1", origin: str = "event"
) -> bytes:
    """Return the JSON of a transition, with a field the demo does not know."""
    occurred_at = "2011-01-01T10:00:00.000Z"
    seen = TransitionSeen(customer_id, segment_id, kind, origin, occurred_at)
    return msgspec.json.encode(msgspec.structs.asdict(seen) | {"sequence": 1})


def test_a_size_is_entries_less_exits_and_retractions() -> None:
    """Both ways out make a segment smaller; what was entered stays counted."""
    board = Board()
    assert board.take([written("entered"), written("entered"), written("exited"), written("entered")]) == 4
    assert board.take([written("retracted")]) == 1
    assert board.members() == {"value.vip": 1}
    assert board.entered["value.vip"] == 3
    assert board.kinds == {"entered": 3, "exited": 1, "retracted": 1}
    assert board.transitions == 5


def test_an_emptied_segment_is_still_listed() -> None:
    """A segment that everybody has left is shown with no members."""
    board = Board()
    board.take([written("entered"), written("exited")])
    assert board.members() == {"value.vip": 0}


def test_only_the_last_ones_are_shown() -> None:
    """The list of the last transitions stays short, newest last."""
    board = Board()
    board.take(written("entered", customer_id=f"c{n}") for n in range(LAST_SHOWN + 5))
    assert len(board.last) == LAST_SHOWN
    assert board.last[-1].customer_id == f"c{LAST_SHOWN + 4}"


def test_the_reason_is_the_clauses_with_their_values() -> None:
    """A person reads why in one line; without clauses the cause is named."""
    clauses = (ClauseSeen("did orders 5+ times", "true", "5"), ClauseSeen("did not leave"))
    seen = TransitionSeen("c", "s", "entered", "event", "", "order-1", clauses)
    assert seen.reason == "did orders 5+ times (5); did not leave"
    assert TransitionSeen("c", "s", "entered", "event", "", "order-1").reason == "because of order-1"


def test_a_story_with_a_retraction_is_told_first() -> None:
    """Of the customers that are followed, one with a retraction has the story worth telling."""
    board = Board()
    board.take([written("entered", customer_id=FOLLOWED), written("retracted", customer_id=FOLLOWED)])
    other = next(f"d{n}" for n in range(1_000) if crc32(f"d{n}".encode()) % STORIES_OF == 0)
    board.take([written("entered", customer_id=other)] * 20)
    assert [seen.kind for seen in board.story()] == ["entered", "retracted"]


def test_without_transitions_there_is_no_story() -> None:
    """An empty board has nothing to tell."""
    assert Board().story() == []


def test_what_changes_no_membership_changes_no_size() -> None:
    """A member that is shadowed, or may be spoken to otherwise, is counted by kind only."""
    board = Board()
    board.take([written("entered"), written("arbitration_changed"), written("eligibility_changed")])

    assert board.members() == {"value.vip": 1}
    assert board.transitions == 3
