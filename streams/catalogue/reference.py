"""Writes the reference of the language: every form and key from the grammar itself, explained by examples that tests run.

The chapters, and their examples, stand in `reference.yaml`. An example is a file of definitions and a story: what
happens, and which transitions come of it. The facts of `builtin/facts.yaml` are known in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from textwrap import indent, wrap
from typing import Any, NamedTuple

import yaml

from streams.catalogue.expressions import functions
from streams.catalogue.forms import Form, Key, Value
from streams.catalogue.grammar import AGGREGATES, FORMS
from streams.catalogue.scenario_grammar import SCENARIO_FORMS

WORDS: Mapping[Value, str] = {
    "text": "text on one line",
    "id": "a name of letters, digits, `_` and `.`",
    "flag": "`true` or `false`",
    "true": "`true`",
    "whole": "a whole number from 0 on",
    "natural": "a whole number from 1 on",
    "number": "a number",
    "threshold": "a number, or a percentage such as `25%`",
    "limit": "a number, a percentage such as `30%`, or a number over events",
    "duration": "a duration, such as `30m`, `72h`, `90d`",
    "rate": "a number per duration, such as `3 per 30d`",
    "context": "names of your own, each with an `EVENT.PROPERTY`",
    "event": "an event or a fact",
    "amount": "`EVENT.PROPERTY`; also a path into a list, `EVENT.products.PROPERTY`; a fact with an amount needs none",
    "type": "an event",
    "types": "an event, or a list of them",
    "due": "two percentages",
    "percents": "two percentages, such as `[0, 10]`",
    "tables": "tables by name: value and duration, and `default`",
    "window": "a duration, or a lookup in a table",
    "expression": "a short form",
    "period": "`today`, `yesterday`, `this week`, `last month`, …, or days",
    "now": "months, weekdays, hours, days",
    "hours": "two hours of a day",
    "sequence": "a list of steps, 1 to 10",
    "step": "an event, or an event with tests",
    "property": "a property",
    "properties": "a property, or a list: the first that is there counts",
    "filters": "properties, each with a value or with tests",
    "scalar": "a value: text, a number, true or false",
    "scalars": "a value, or a list of them",
    "segment": "a segment",
    "segments": "a segment, or a list of them",
    "group": "a group",
    "gate": "`sources` or `none`",
    "kind of group": "`partition` or `arbitrated`",
    "condition": "a condition, or a list: all of them",
    "conditions": "a list of conditions",
    "undoings": "an event, or an event with tests, or a list of them",
    "facts": "facts by name",
    "groups": "groups by name",
    "definitions": "a list of segments",
    "ago": "two ages",
    "share": "a number over events",
    "files": "a file, or a list of them",
    "entity": "`customer` or `account`",
    "channels": "`email`, `sms`, `push`, `ads` or `web`, or a list of them",
    "neighbours": "a segment or a group, or a list of them",
    "part": "a share from 0 to 0.5, or `0%` to `50%`",
    "holdout": "a share and a salt",
    "actions": "names of what is done",
    "size": "a share and a number",
    "instant": "an instant in UTC: `10:30`, `+30m`, `12:00 - 1ms`, `2026-03-05 09:00`",
    "event values": "properties with their values",
    "source": "a source",
    "watermarks": "`shared` or `by source`",
    "origin": "`event`, `timer`, `late` or `consent`",
    "segments or nothing": "a segment, several, or `nothing`",
    "channels or nothing": "a channel, several, or `nothing`",
    "arm": "`holdout` or `treatment`",
    "shown kinds": "`entry`, `exit_by_event`, `exit_by_time`, `boundary`, `exclusion`, `late`, or a list of them",
    "reasons": "kinds, each with a sentence",
    "scenarios": "a list of scenarios",
    "steps": "a list of steps",
    "expectations": "`nothing`, a transition, or a list of them",
}
"""What a key may hold → how the reference says it, with units and range."""


_TITLES = {
    "undoing": "What takes a fact back",
    "holdout": "Below `holdout`",
    "actions": "Below `actions`",
    "size": "Below `size`",
    "ago": "Below `ago`",
    "share": "The other number: below `of`, or in place of a limit",
    "filter": "Tests of one property",
    "step": "A step",
    "due": "Below `due`",
    "days": "Days, below `during`",
    "now": "Below `now`",
    "hours": "Below `hour`",
    "lookup": "In place of a duration",
    "step did": "A step: something happened",
    "step time passes until": "A step: time passes",
    "step time passes over": "A step: time passes over an instant, looked at to the millisecond",
    "expected": "A transition that is expected",
}
"""Form → how the reference calls it, where "a" and its name do not say it."""


class Example(NamedTuple):
    """Definitions and a story that proves the sentence about them.

    Attributes:
        says: the sentence.
        definitions: YAML of a file of definitions.
        story: YAML of a scenario, without its name.
        about: the segment that the story is about; empty: the first.
    """

    says: str
    definitions: str
    story: str
    about: str = ""

    @property
    def segment(self) -> str:
        """The id of the segment that the story is about."""
        return self.about or str(yaml.safe_load(self.definitions)["segments"][0]["id"])

    @property
    def scenario(self) -> str:
        """The story as a file of scenarios."""
        name = yaml.safe_dump(self.says, width=10_000, default_style='"').strip()
        return f"segment: {self.segment}\nscenarios:\n  - name: {name}\n{indent(self.story, '    ')}"


class Chapter(NamedTuple):
    """A chapter: the forms that it explains, in words, and examples.

    Attributes:
        functions: whether it lists the functions of short forms.
    """

    title: str
    text: str
    forms: tuple[str, ...]
    examples: tuple[Example, ...]
    functions: bool = False


def chapters() -> list[Chapter]:
    """Return the chapters of `reference.yaml`."""
    text = files("streams.catalogue").joinpath("reference.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)["chapters"]
    return [
        Chapter(
            one["title"],
            one["text"].strip(),
            tuple(one["forms"]),
            tuple(Example(**example) for example in one["examples"]),
            one.get("functions", False),
        )
        for one in found
    ]


def reference() -> str:
    """Return the reference as Markdown."""
    return "\n".join(_lines(chapters())) + "\n"


def _lines(known: list[Chapter]) -> Iterator[str]:
    yield "# The language of definitions"
    yield ""
    yield "Written by `streams catalogue reference` from the grammar and from [`reference.yaml`](reference.yaml). A test"
    yield "reads, compiles and runs each example with what it expects; another takes every key out of them, and wants it"
    yield "missed in one."
    yield "The [tutorial](TUTORIAL.md) shows the way from a sentence to a tested segment."
    yield ""
    titles = [*(chapter.title for chapter in known), "Scenarios", "What a key may hold"]
    yield " · ".join(f"[{title}](#{_anchor(title)})" for title in titles)
    for chapter in known:
        yield from ("", f"## {chapter.title}", "", *_wrapped(chapter.text))
        for name in chapter.forms:
            yield from _form(name, FORMS[name])
        if chapter.functions:
            yield from _functions()
        for example in chapter.examples:
            yield from _example(example)
    yield from (
        "",
        "## Scenarios",
        "",
        "The stories above are scenarios; they lie in files beside the definitions.",
    )
    for name, form in SCENARIO_FORMS.items():
        yield from _form(name, form)
    yield from _values()


def _wrapped(text: str) -> list[str]:
    return wrap(text, 120, break_long_words=False, break_on_hyphens=False)


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")


def _form(name: str, form: Form) -> Iterator[str]:
    head = name.removeprefix("condition ")
    title = f"The condition `{head}`" if head != name else _TITLES.get(name, f"A {name}")
    yield from ("", f"**{title}**", "")
    yield from ("| key | holds | meaning | without it |", "|---|---|---|---|")
    for key, entry in form.items():
        yield f"| `{key}` | {_cell(WORDS[entry.value])} | {_cell(entry.says)} | {_without(entry)} |"


def _without(entry: Key) -> str:
    return "must be there" if entry.required else _cell(entry.default)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _functions() -> Iterator[str]:
    yield from ("", "| function | compared with | means |", "|---|---|---|")
    for name, signs in functions().items():
        inside = {"in": "SEGMENT", "trait": "NAME"}.get(name, "EVENT within T")
        if name in AGGREGATES and name != "count":
            inside = "EVENT.PROPERTY within T"
        inside = "EVENT" if name == "days_since" else inside
        yield f"| `{name}({inside})` | {' '.join(f'`{sign}`' for sign in signs)} | {_means(name)} |"
    yield ""
    yield "A number is compared with a number, with another function, or with `30% of` another function."
    yield "`within T` may be left out."


def _means(name: str) -> str:
    form = FORMS[f"condition {name}"]
    return _cell(form[name].says)


def _example(example: Example) -> Iterator[str]:
    yield from ("", f"*{example.says}*", "", "```yaml", example.definitions.rstrip(), "```")
    yield from ("```yaml", example.story.rstrip(), "```")


def _values() -> Iterator[str]:
    yield from ("", "## What a key may hold", "")
    yield "Times are exact: durations count milliseconds, windows are half-open. Money is exact to six decimals."
    yield "Every number, duration and percentage above is written as here:"
    yield from ("", "| written | examples |", "|---|---|")
    yield "| a duration | `250ms`, `45s`, `30m`, `72h`, `1h30m`, `90d` (days of 24 hours), `2w`; at most a hundred years |"
    yield "| a number | `3`, `0.85`, `-0.5`; counts are whole |"
    yield "| a percentage | `30%`, `7.5%` |"
    yield "| a day | `2026-11-27` |"
    yield "| a property | as the event has it; of the items of a list `products.category` |"
    yield "| an event | as [`builtin/events.yaml`](builtin/events.yaml) calls it, or a fact |"
