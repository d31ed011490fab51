"""The grammar of scenario files as data, in the words of `streams.catalogue.forms`."""

from __future__ import annotations

from collections.abc import Mapping

from streams.catalogue.forms import Form, Key

_EXPECT: Form = {"expect": Key("expectations", "What this step brings about, in order; nothing.")}
_SETTING: Form = {
    "start": Key("instant", "What times count from; default 2026-03-02 10:00."),
    "out_of_orderness": Key(
        "duration", "How far the watermark stays behind the highest event time; default none."
    ),
    "watermarks": Key(
        "watermarks", "shared (default), or by source: each source has a watermark of its own."
    ),
}
_PASSING: Form = {
    "source": Key("source", "Whose time passes, with 'watermarks: by source'; default all."),
    **_EXPECT,
}

SCENARIO_FORMS: Mapping[str, Form] = {
    "scenario file": {
        "segment": Key("segment", "The segment that the scenarios are about.", required=True),
        "cannot": Key("reasons", "Kinds of scenarios that this segment cannot have, each with the reason."),
        **_SETTING,
        "scenarios": Key("scenarios", "The scenarios.", required=True),
    },
    "scenario": {
        "name": Key("text", "What happens, in a sentence.", required=True),
        "shows": Key("shown kinds", "The kinds of behaviour that it shows; the run checks the claim."),
        **_SETTING,
        "steps": Key("steps", "What happens, in order of arrival.", required=True),
        "expect": Key("expectations", "Every transition of the whole scenario, in order; nothing."),
    },
    "step did": {
        "at": Key("instant", "When it happened.", required=True),
        "did": Key("type", "The event.", required=True),
        "with": Key("event values", "The event's properties."),
        "arrives": Key("instant", "When it arrives, if later: time has passed until then."),
        "customer": Key("text", "Who did it; default c."),
        "id": Key("text", "Its message id; the same id again is the same message."),
        **_EXPECT,
    },
    "step time passes until": {
        "time passes until": Key("instant", "Everything before this instant has arrived.", required=True),
        **_PASSING,
    },
    "step time passes over": {
        "time passes over": Key(
            "instant", "Time passes to 1 ms before, to the instant, to 1 ms after it.", required=True
        ),
        **_PASSING,
    },
    "expected": {
        "entered": Key("segment", "The segment that the customer entered."),
        "exited": Key("segment", "The segment that the customer left."),
        "retracted": Key("segment", "The segment whose entry was taken back."),
        "at": Key("instant", "When it occurred.", required=True),
        "origin": Key("origin", "event, timer or late; left out: any."),
        "customer": Key("text", "Whose transition; default c."),
    },
}
"""Name of a form of a scenario file -> its keys."""
