"""Scenario files: what is read, and what is refused at which place."""

from __future__ import annotations

import pytest

from streams.catalogue.scenarios import SHOWN_KINDS, Expected, Scenario, ScenarioReader, lacking
from streams.errors import DefinitionError
from streams.testing.shop import SOURCES, instant

READER = ScenarioReader(["a.b", "a.c"], SOURCES)


def one(text: str, head: str = "") -> Scenario:
    """Return the only scenario of a file with *head* and the scenario's keys in *text*."""
    return READER.read("s.yaml", f"segment: a.b\n{head}scenarios:\n  - {{name: N, {text}}}\n").scenarios[0]


def test_steps_are_read_in_order() -> None:
    """An event with its properties, time passing until and over an instant."""
    scenario = one(
        "steps: [{at: 10:00, did: Order Completed, with: {order_id: 1, products: [{sku: x}]}, customer: z, id: m}, "
        "{time passes until: 11:00}, {time passes over: 12:00}], expect: nothing"
    )
    first, until, over = scenario.steps

    assert (first.event_type, first.customer, first.event_id) == ("Order Completed", "z", "m")
    assert first.properties == {"order_id": 1, "products": [{"sku": "x"}]}
    assert [until.head, over.head] == ["time passes until", "time passes over"]
    assert [instant("2026-03-02 11:00"), instant("2026-03-02 12:00")] == [until.at_ms, over.at_ms]
    assert scenario.expect == ()


def test_defaults_stand_for_what_is_not_said() -> None:
    """Customer c, an id of its own for each step, at once, any origin, one watermark."""
    scenario = one("steps: [{at: 10:00, did: Cart Viewed}], expect: {entered: a.b, at: 10:00}")
    (step,) = scenario.steps

    assert (step.customer, step.event_id, step.arrives_ms, step.properties) == ("c", "step 1", None, {})
    assert scenario.expect == (Expected("entered", "a.b", instant("2026-03-02 10:00"), None, "c"),)
    assert (scenario.out_of_orderness_ms, scenario.by_source) == (0, False)


def test_settings_of_the_file_hold_for_each_scenario_and_may_be_overridden() -> None:
    """The start, the out-of-orderness and the watermarks."""
    head = "start: 2026-01-01 08:00\nout_of_orderness: 5m\nwatermarks: by source\n"
    mine = one("steps: [{at: 09:00, did: Cart Viewed}], expect: nothing", head)
    own = one(
        "start: 2026-02-01, out_of_orderness: 0s, steps: [{at: +1h, did: Cart Viewed}], expect: nothing", head
    )

    assert (mine.steps[0].at_ms, mine.out_of_orderness_ms) == (instant("2026-01-01 09:00"), 300_000)
    assert mine.by_source
    assert (own.steps[0].at_ms, own.out_of_orderness_ms) == (instant("2026-02-01 01:00"), 0)


def test_the_segments_that_are_named_are_watched() -> None:
    """The file's own and those of every expectation."""
    plain = one("steps: [{at: 10:00, did: Cart Viewed}], expect: nothing")
    both = one("steps: [{at: 10:00, did: Cart Viewed, expect: {exited: a.c, at: 10:00}}]")

    assert plain.watched == {"a.b"}
    assert both.watched == {"a.b", "a.c"}


STEP = "{at: 10:00, did: Cart Viewed}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"steps: [{STEP}]", "nothing is expected"),
        (f"steps: [{STEP}], expect: something", "unknown expectation 'something'"),
        (f"steps: [{STEP}], expect: {{at: 10:00}}", "exactly one of entered, exited, retracted"),
        (f"steps: [{STEP}], expect: {{entered: a.x, at: 10:00}}", "unknown segment 'a.x'"),
        (f"steps: [{STEP}], expect: {{entered: a.b}}", "'at' is missing"),
        (f"steps: [{STEP}], expect: {{entered: a.b, at: 10:00, origin: timmer}}", "did you mean 'timer'"),
        (f"steps: [{STEP}], shows: [entri], expect: nothing", "did you mean 'entry'"),
        ("steps: [{did: Cart Viewed}], expect: nothing", "'at' is missing"),
        ("steps: [{at: 10:00, did: Cart Veiwed}], expect: nothing", "did you mean 'Cart Viewed'"),
        ("steps: [{at: 10:00}], expect: nothing", "exactly one of did, time passes until"),
        ("steps: [{time pases until: 10:00}], expect: nothing", "did you mean 'time passes until'"),
        ("steps: [{at: 10:00, did: Cart Viewed, arrives: 09:00}], expect: nothing", "before it happens"),
        ("steps: [{time passes until: 10:00, source: orders}], expect: nothing", "share one watermark"),
        ("steps: [{at: ten, did: Cart Viewed}], expect: nothing", "'ten' is no instant"),
        ("watermarks: by topic, steps: [], expect: nothing", "unknown kind of watermarks"),
        ("expect: nothing", "'steps' is missing"),
    ],
)
def test_mistakes_are_refused(text: str, message: str) -> None:
    """With the message, in the line where they stand."""
    with pytest.raises(DefinitionError) as caught:
        one(text)

    assert message in str(caught.value)
    assert caught.value.line == 3


def test_a_reason_must_be_one() -> None:
    """`cannot` says why, in a sentence."""
    with pytest.raises(DefinitionError, match="expected a reason"):
        READER.read("s.yaml", "segment: a.b\ncannot: {late: no}\nscenarios: []\n")


def test_two_scenarios_do_not_share_a_name() -> None:
    """A failure must say which one it is."""
    same = f"{{name: N, steps: [{STEP}], expect: nothing}}"
    with pytest.raises(DefinitionError, match="two scenarios are named 'N'"):
        READER.read("s.yaml", f"segment: a.b\nscenarios: [{same}, {same}]\n")


def test_what_is_neither_shown_nor_excused_is_lacking() -> None:
    """Per segment, over all of its files."""
    shown = READER.read(
        "s.yaml",
        "segment: a.b\ncannot: {late: nothing of it can ever come late}\n"
        f"scenarios: [{{name: N, shows: [entry, boundary], steps: [{STEP}], expect: nothing}}]\n",
    )

    assert lacking([shown], ["a.b", "a.c"]) == {
        "a.b": ["exit_by_event", "exit_by_time", "exclusion"],
        "a.c": list(SHOWN_KINDS),
    }
