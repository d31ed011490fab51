"""What `streams topics` prints: the plan and what differs from it, for people, for programs and as YAML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import msgspec
import yaml

from streams.operations.access_plan import Access
from streams.operations.topic_differences import Difference
from streams.operations.topic_plan import PlannedTopic

_SIGNS: Final = {"exactly": "=", "at least": ">=", "at most": "<="}
_UNITS_MS: Final = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))

YAML_HEADER: Final = """\
# The topics of an application with the default settings, and the rights its workers need.
# Made by `streams topics plan --yaml`; a test keeps it current. Your own: the same command with your STREAMS_...
"""


def plan_text(topics: Sequence[PlannedTopic], rights: Sequence[Access]) -> str:
    """Return the plan for people."""
    lines = []
    for topic in topics:
        lines.append(
            f"{topic.name}  ({topic.role}: {topic.why})\n"
            f"  {topic.partitions} partitions, {topic.replication} replicas"
        )
        for one in topic.settings:
            bound = f"{one.name} {_SIGNS[one.bound]} {one.value}{_in_words(one.name, one.value)}"
            lines.append(f"  {'*' if one.needed else ' '} {bound:<46} {one.why}")
        lines.append("")
    lines.append("Rights (--acl-commands prints them as commands)")
    lines += [
        f"  {right.principal}  {right.operation:<15} {right.resource} {right.name}{'*' if right.prefixed else ''}"
        f"  ({right.why})"
        for right in rights
    ]
    lines.append("\n* needed: the application loses data or stops without it; the others are only better so")
    return "\n".join(lines)


def differences_text(topics: Sequence[PlannedTopic], found: Sequence[Difference]) -> str:
    """Return for people what differs, topic by topic."""
    lines = []
    for topic in topics:
        own = [one for one in found if one.topic == topic.name]
        lines.append(f"{'ok ' if not own else '-- '} {topic.name}  ({topic.role})")
        for one in own:
            word = "error  " if one.needed else "warning"
            actual = f"is {one.actual}{_in_words(one.subject, one.actual)}" if one.actual else "is missing"
            lines += [
                f"  {word} {one.subject} {actual}; planned: {one.planned}",
                f"          {one.what_to_do}",
            ]
    return "\n".join(lines)


def plan_json(topics: Sequence[PlannedTopic], rights: Sequence[Access]) -> str:
    """Return the plan for programs."""
    return _json(
        {"topics": [_plain(topic) for topic in topics], "rights": [asdict(right) for right in rights]}
    )


def what_differs_json(topics: Sequence[PlannedTopic], found: Sequence[Difference]) -> str:
    """Return what differs, for programs."""
    return _json({
        "ok": not any(one.needed for one in found),
        "topics": [topic.name for topic in topics],
        "differences": [asdict(one) for one in found],
    })  # fmt: skip


def plan_yaml(topics: Sequence[PlannedTopic], rights: Sequence[Access]) -> str:
    """Return the plan as YAML: what a tool needs to make the topics, without the reasons."""
    plain = {
        "topics": [
            {
                "name": one.name, "partitions": one.partitions, "replication": one.replication, "config": one.config,
            }
            for one in topics
        ],
        "acls": [{name: value for name, value in asdict(one).items() if name != "why"} for one in rights],
    }  # fmt: skip
    return YAML_HEADER + yaml.safe_dump(plain, sort_keys=False, width=120)


def _plain(topic: PlannedTopic) -> dict[str, Any]:
    shown = asdict(topic)
    shown["config"] = topic.config
    return shown


def _json(shown: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()


def _in_words(name: str, value: str) -> str:
    """Return a duration's value in its largest whole unit, in brackets; empty for what is none."""
    if not name.endswith(".ms") or not value.isdecimal() or int(value) == 0:
        return ""
    for unit, size_ms in _UNITS_MS:
        if int(value) % size_ms == 0:
            return f" ({int(value) // size_ms}{unit})"
    return ""
