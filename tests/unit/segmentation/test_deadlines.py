"""The queue of deadlines: everything due comes out, in order, once; nothing else does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.segmentation.deadlines import BUCKET_MS, Deadlines
from streams.segmentation.timeline import NEVER

_TIMES = st.integers(-3 * BUCKET_MS, 5 * BUCKET_MS)


@given(st.lists(st.one_of(st.tuples(_TIMES, st.sampled_from("abc")), _TIMES)))
def test_it_gives_what_a_sorted_list_gives(work: list[tuple[int, str] | int]) -> None:
    """Pushes and watermarks in any order: what is due comes out sorted, and `earliest` is never too late."""
    queue, expected = Deadlines(), []
    for one in work:
        if isinstance(one, tuple):
            queue.push(*one)
            expected.append(one)
            continue
        due = sorted(entry for entry in expected if entry[0] <= one)
        assert queue.pop_due(one) == due
        for entry in due:
            expected.remove(entry)
        assert queue.earliest <= min((entry[0] for entry in expected), default=NEVER)


def test_a_deadline_is_due_at_its_millisecond() -> None:
    """At -1 ms nothing, at the deadline itself it comes out, once."""
    queue = Deadlines()
    queue.push(2 * BUCKET_MS, "a")
    assert queue.pop_due(2 * BUCKET_MS - 1) == []
    assert queue.pop_due(2 * BUCKET_MS) == [(2 * BUCKET_MS, "a")]
    assert queue.pop_due(2 * BUCKET_MS + 1) == []
    assert queue.earliest == NEVER
