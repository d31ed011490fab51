"""Reads conditions from YAML; the grammar stands in `streams.catalogue.documents`."""

from __future__ import annotations

from collections.abc import Callable, Collection

from streams.catalogue.calendar_phrases import CalendarReader
from streams.catalogue.expressions import rewritten
from streams.catalogue.grammar import AGGREGATES, CONDITIONS, FORMS
from streams.catalogue.nodes import Node, nearest
from streams.catalogue.parts import (
    COMPARISONS,
    SCALES,
    read_age,
    read_filters,
    read_tests,
    required,
    scaled,
)
from streams.catalogue.patterns import PatternReader
from streams.catalogue.rhythm_phrases import RhythmReader
from streams.segmentation.conditions import (
    DEPTH_MAX,
    AgeRange,
    Aggregate,
    AggregateKind,
    All,
    Any_,
    Compare,
    Condition,
    Consent,
    During,
    Filter,
    InSegment,
    Last,
    LookedUp,
    Not,
    Otherwise,
    Performed,
    Trait,
    depth,
)
from streams.segmentation.definitions import FactDefinition

TRAITS_FACT = "traits"
"""A fact of this name says which events carry traits; without it, ``identify`` alone does."""

CHANNELS = ("email", "sms", "push", "ads", "web")
STATES = ("granted", "denied", "pending", "unknown")
OPTING = {
    "email": ("Email Subscribed", "Email Unsubscribed"),
    "sms": ("SMS Subscribed", "SMS Unsubscribed"),
}
"""Channel → the events that grant and deny consent to it by themselves."""


class ConditionReader(PatternReader, CalendarReader, RhythmReader):
    """Reads conditions, knowing which events and facts exist.

    Attributes:
        facts: the facts that conditions may name, by name.
        references: every mention of another segment, and of a group: its place, its kind, the name.
    """

    def __init__(self, events: Collection[str]) -> None:
        """Accept *events* (canonical event types)."""
        self.events = events
        self.facts: dict[str, FactDefinition] = {}
        self.tables = {}
        self.references: list[tuple[Node, str, str]] = []
        self._sums: dict[tuple[str, tuple[Filter, ...]], str] = {}

    def condition(self, node: Node) -> Condition:
        """Return the condition at *node*; a list means ``all``."""
        found = self._condition(node, 1)
        if depth(found) > DEPTH_MAX:
            raise node.error(
                f"nested deeper than {DEPTH_MAX} levels", "name a part as a segment and use 'in:'"
            )
        return found

    def _condition(self, node: Node, level: int) -> Condition:
        if level > 2 * DEPTH_MAX:
            raise node.error(f"nested deeper than {DEPTH_MAX} levels")
        if node.is_list:
            return All(self._several(node, level))
        parts = node.mapping()
        heads = [key for key in parts if key in CONDITIONS]
        heads = [key for key in heads if not any(key in CONDITIONS[other] for other in heads if other != key)]
        if len(heads) != 1:
            unknown = next((key for key in parts if key not in CONDITIONS), "")
            hint = (
                nearest(unknown, CONDITIONS)
                if not heads
                else f"split {' and '.join(heads)} into a list under 'all'"
            )
            raise node.error("a condition needs exactly one of " + ", ".join(CONDITIONS), hint)
        head = heads[0]
        read_head: dict[str, Callable[[Node, dict[str, Node], int], Condition]] = {
            "all": lambda n, p, k: All(self._several(p["all"], k)),
            "any": lambda n, p, k: Any_(self._several(p["any"], k)),
            "not": lambda n, p, k: Not(self._condition(p["not"], k + 1)),
            "in": lambda n, p, k: InSegment(self._segment(p["in"])),
            "if": lambda n, p, k: self._condition(rewritten(p["if"]), k + 1),
            "otherwise": lambda n, p, k: _otherwise(p["otherwise"]),
        }
        if head in read_head:
            node.mapping(CONDITIONS[head])
            return read_head[head](node, parts, level)
        own: dict[str, Callable[[Node], Condition]] = {
            "did": self._did,
            "did_not": self._did_not,
            "last": self._last,
            "trait": self._trait,
            "consent": self._consent,
            "score": self._score,
            "days_since": self._days_since,
            "now": self._now,
            "cadence": self._cadence,
            "bucket": self._bucket,
        }
        return (own | self._patterns).get(head, self._compare)(node)

    def _several(self, node: Node, level: int) -> tuple[Condition, ...]:
        if not node.is_list or not node.items():
            raise node.error("expected a list of conditions")
        return tuple(self._condition(item, level + 1) for item in node.items())

    def _segment(self, node: Node) -> str:
        name = node.text()
        self.references.append((node, "segment", name))
        return name

    def _event(self, node: Node) -> str:
        return node.one_of([*self.facts, *self.events], "event or fact")

    def _did(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["did"])
        least, most = 1, None
        if "exactly" in parts:
            if "at_least" in parts or "at_most" in parts:
                raise parts["exactly"].error("'exactly' stands alone")
            least = most = parts["exactly"].whole()
        if "at_least" in parts:
            least = parts["at_least"].whole(1)
        if "at_most" in parts:
            most = parts["at_most"].whole()
            least = least if "at_least" in parts else 0
        if most is not None and most < least:
            raise node.error(f"at most {most} is less than at least {least}")
        return self._performed(parts, "did", least, most)

    def _did_not(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["did_not"])
        return Not(self._performed(parts, "did_not", 1, None))

    def _performed(
        self, parts: dict[str, Node], head: str, least: int, most: int | None
    ) -> Performed | During | LookedUp:
        if (found := self._looked_up(parts, head)) is not None:
            return found
        if "during" in parts:
            return self._during(parts, head, least, most)
        if "zone" in parts:
            raise parts["zone"].error(
                "a time zone needs the calendar", "add 'during: today', or leave it out"
            )
        return Performed(
            event=self._event(parts[head]),
            at_least=least,
            at_most=most,
            age=read_age(parts),
            since=self._event(parts["since"]) if "since" in parts else None,
            before=self._event(parts["before"]) if "before" in parts else None,
            where=read_filters(parts),
            same=parts["same"].text() if "same" in parts else None,
        )

    def _during(self, parts: dict[str, Node], head: str, least: int, most: int | None) -> During:
        others = [key for key in parts if key in {"within", "ago", "since", "before", "same"}]
        if others:
            raise parts[others[0]].error(f"'during' and {others[0]!r} exclude each other")
        event, period = self._event(parts[head]), self._period(parts["during"])
        return During(event, period, self._zone(parts[head], parts), least, most, read_filters(parts))

    def _last(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["last"])
        if (found := self._looked_up(parts, "last")) is not None:
            return found
        event, age = self._event(parts["last"]), read_age(parts)
        return Last(event, age, read_filters(parts, "among"), read_filters(parts))

    def _trait(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["trait"])
        name = parts.pop("trait").text()
        if not parts:
            raise node.error(f"what must the trait {name[:80]!r} be?", "add 'is: VALUE', or 'exists: true'")
        return Trait(self._carrier(node), name, tuple(read_tests(name, parts)))

    def _carrier(self, node: Node) -> str:
        """Return what carries the traits: the fact ``traits`` where there is one."""
        return TRAITS_FACT if TRAITS_FACT in self.facts else self._known(node, "identify")

    def _consent(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["consent"])
        channel = parts["consent"].one_of(CHANNELS, "channel")
        purpose = parts["purpose"].text() if "purpose" in parts else None
        opting = OPTING.get(channel, ()) if purpose in (None, "marketing") else ()
        return Consent(
            channel,
            parts["is"].one_of(STATES, "state of a consent") if "is" in parts else "granted",
            purpose,
            self._known(node, "Consent Updated"),
            grants=tuple(self._known(node, event) for event in opting[:1]),
            denials=tuple(self._known(node, event) for event in opting[1:]),
        )

    def _score(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["score"])
        event = self._known(node, "External Score Updated")
        test = read_tests("value", {key: parts[key] for key in ("at_least", "at_most") if key in parts})
        if not test:
            raise node.error("a score needs a limit", "add 'at_least: 0.7'")
        if "confidence" in parts:
            test += read_tests("confidence", {"at_least": parts["confidence"]})
        named = (Filter("score_name", "eq", parts["score"].text()),)
        return Last(event, read_age(parts), named, tuple(test))

    def _known(self, node: Node, event: str) -> str:
        """Return *event*, which the vocabulary must have for this condition."""
        if event not in self.events:
            raise node.error(f"this needs the event {event!r}, which the vocabulary does not have")
        return event

    def _compare(self, node: Node) -> Condition:
        head = next(key for key in node.mapping() if key in AGGREGATES)
        parts = node.mapping(CONDITIONS[head])
        signs = [key for key in parts if key in COMPARISONS]
        if not signs and "is" in parts:
            return Compare(self._aggregate(node, parts), "gt", 0)
        if len(signs) != 1:
            raise node.error("a comparison needs exactly one of " + ", ".join(COMPARISONS))
        left, sign = self._aggregate(node, parts), COMPARISONS[signs[0]]
        limit = parts[signs[0]]
        if limit.is_mapping:
            return Compare(left, sign, 0, self._other(left, limit))  # type: ignore[arg-type]
        percent = limit.text().endswith("%")
        if left.kind == "share":
            if not percent:
                raise limit.error("a share is compared with a percentage, such as '60%'")
            return Compare(left, sign, scaled(limit, limit.text()[:-1], 10_000))  # type: ignore[arg-type]
        if percent:
            right = self._other(left, required(node, parts, "of"))
            return Compare(left, sign, 0, right, scaled(limit, limit.text()[:-1], 10_000))  # type: ignore[arg-type]
        if "of" in parts:
            raise parts["of"].error("'of' needs a percentage, such as 'at_least: 30%'")
        return Compare(left, sign, scaled(limit, limit.text(), SCALES[left.kind]))  # type: ignore[arg-type]

    def _other(self, left: Aggregate, node: Node) -> Aggregate:
        """Return the aggregate that *left* is compared with; both must be numbers of one kind."""
        right = self._aggregate(node, node.mapping(FORMS["share"]))
        if SCALES[right.kind] != SCALES[left.kind]:
            raise node.error(f"a {left.kind} has no share of a {right.kind}")
        return right

    def _aggregate(self, node: Node, parts: dict[str, Node]) -> Aggregate:
        heads = [key for key in parts if key in AGGREGATES]
        if len(heads) != 1:
            raise node.error("expected exactly one of " + ", ".join(AGGREGATES))
        head, named = heads[0], parts[heads[0]]
        event, field = self._event_and_property(named) if head != "count" else (self._event(named), None)
        where = read_filters(parts)
        if head == "sum" and (field is None or "." not in field):
            self._check_sum(named, event, field or "", where)
        elif head in {"distinct", "most_frequent"} and field is None:
            raise named.error(f"of which property of {event!r}?", f"write '{head}: {event}.PROPERTY'")
        elif head != "count" and field is None and not self._amount(event):
            raise named.error(
                f"{event!r} has no amount", f"write '{head}: {event}.PROPERTY', or give the fact an 'amount'"
            )
        kind: AggregateKind = "share" if head == "most_frequent" else head  # type: ignore[assignment]
        wanted = tuple(item.scalar() for item in parts["is"].items()) if "is" in parts else ()
        return Aggregate(kind, event, field, read_age(parts), where, wanted)

    def _event_and_property(self, named: Node) -> tuple[str, str | None]:
        """Return the event or fact that ``EVENT`` or ``EVENT.PROPERTY`` names, and the property."""
        text = named.text()
        known = [*self.facts, *self.events]
        event = max(
            (name for name in known if text == name or text.startswith(f"{name}.")), key=len, default=""
        )
        if not event:
            said = text.partition(".")[0]
            raise named.error(f"unknown event or fact {said[:80]!r}", nearest(said, known))
        return event, text[len(event) + 1 :].strip() or None

    def _amount(self, event: str) -> str:
        return ", ".join(self.facts[event].amount) if event in self.facts else ""

    def _days_since(self, node: Node) -> Condition:
        parts = node.mapping(CONDITIONS["days_since"])
        signs = [key for key in parts if key in COMPARISONS]
        if len(signs) != 1:
            raise node.error("a comparison needs exactly one of " + ", ".join(COMPARISONS))
        event, long_ms = self._event(parts["days_since"]), parts[signs[0]].duration()
        match signs[0]:
            case "at_least":
                age = AgeRange(long_ms)
            case "more_than":
                age = AgeRange(long_ms + 1)
            case "at_most":
                age = AgeRange(0, long_ms + 1)
            case _:
                age = AgeRange(0, long_ms)
        if age.to_ms == 0:
            raise parts[signs[0]].error("nothing is younger than that")
        return Last(event, age, read_filters(parts))

    def _check_sum(self, named: Node, event: str, field: str, where: tuple[Filter, ...]) -> None:
        """Refuse a sum of nothing, and a second sum of other money over the same events."""
        amount = self._amount(event)
        if not field and not amount:
            raise named.error(
                f"a sum of {event!r} needs a money property",
                f"write 'sum: {event}.PROPERTY', or give the fact an 'amount'",
            )
        summed = self._sums.setdefault((event, where), amount if amount and not where else field or amount)
        if (field or amount) != summed:
            raise named.error(
                f"{event!r} is summed by {summed} already", "name a fact of its own for the other sum"
            )


def _otherwise(node: Node) -> Otherwise:
    if not node.flag():
        raise node.error("expected true")
    return Otherwise()
