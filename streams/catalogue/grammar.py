"""The grammar of definitions as data: which keys each form has and what they may hold.

`streams.catalogue.documents` accepts exactly these keys, `streams.catalogue.schema` writes them as a JSON Schema for
editors, and `streams.catalogue.findings` walks along them: one description, so that the three cannot drift apart.

A *form* is a mapping with known keys. A condition is the form that its first word (its *head*) names.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.catalogue.forms import Form, Key

PERIODS: Mapping[str, tuple[str, int]] = {
    "today": ("day", 0),
    "yesterday": ("day", -1),
    **{f"this {unit}": (unit, 0) for unit in ("week", "month", "year")},
    **{f"last {unit}": (unit, -1) for unit in ("week", "month", "year")},
}
"""Word for a period -> its unit, and how many before the present one."""

_RANGE: Form = {
    "within": Key("window", "Only what is younger than this, such as 30m, 72h or 90d."),
    "ago": Key("ago", "Only what is at least 'from' and less than 'to' old."),
}
_WHERE: Form = {"where": Key("filters", "Only events whose properties pass these tests.")}
_MARKS: Form = {
    "since": Key("event", "Only at or after the last of this event; without one, nothing counts."),
    "before": Key("event", "Only before the last of this event."),
}
_LIMITS: Form = {
    "at_least": Key("limit", "Not less than this number (with 'of': this percentage)."),
    "more_than": Key("limit", "More than this number (with 'of': this percentage)."),
    "at_most": Key("limit", "Not more than this number (with 'of': this percentage)."),
    "less_than": Key("limit", "Less than this number (with 'of': this percentage)."),
    "of": Key("share", "What a percentage is a share of."),
}
_ZONE: Form = {
    "zone": Key("text", "customer, shop, or a time zone such as Europe/Berlin.", default="customer")
}
_DURING: Form = {
    "during": Key("period", "today, yesterday, this or last week, month or year, or {from: DATE, to: DATE}."),
    **_ZONE,
}
_TESTS: Form = {
    "not": Key("scalar", "Another value, or none."),
    "below": Key("number", "Less than."),
    "at_most": Key("number", "Not more than."),
    "above": Key("number", "More than."),
    "at_least": Key("number", "Not less than."),
    "in": Key("scalars", "One of these values."),
    "exists": Key("flag", "Whether it has a value at all."),
    "has": Key("scalar", "A list that holds this value."),
    "contains": Key("scalars", "A text with one of these words in it, whatever their case."),
}
_ITEM_TESTS: Form = {
    "any": Key("filters", "At least one item of the list passes these tests."),
    "all": Key("filters", "Every item of the list passes these tests, and there is one."),
    "sum": Key(
        "text", "The sum over the items of quantity, price, or price x quantity; with a limit beside it."
    ),
    "more_than": Key("number", "The sum is more than this."),
    "less_than": Key("number", "The sum is less than this."),
}
_COUNT = Key("event", "How many of an event or fact.")
_SUM = Key("amount", "The sum of a money property: EVENT.PROPERTY, or a fact with an amount.")
_NUMBER_OF = "of a number or money property: EVENT.PROPERTY, or a fact with an amount."

AGGREGATES: Form = {
    "count": _COUNT,
    "sum": _SUM,
    "avg": Key("amount", f"The average {_NUMBER_OF}"),
    "min": Key("amount", f"The least {_NUMBER_OF}"),
    "max": Key("amount", f"The greatest {_NUMBER_OF}"),
    "distinct": Key(
        "amount", "How many different values of a property: EVENT.PROPERTY or EVENT.products.PROPERTY."
    ),
    "most_frequent": Key(
        "amount", "The share of the most frequent value of a property among those that have one."
    ),
}
"""Head of a comparison -> what it takes."""

_MORE: Mapping[str, Form] = {
    "most_frequent": {"is": Key("scalars", "Only when one of these is the most frequent value.")}
}

CONDITIONS: Mapping[str, Form] = {
    "all": {"all": Key("conditions", "True when every one is.", required=True)},
    "any": {"any": Key("conditions", "True when at least one is.", required=True)},
    "not": {"not": Key("condition", "True when the other is not.", required=True)},
    "if": {"if": Key("expression", "A condition in short: count(orders within 60d) >= 2.", required=True)},
    "in": {"in": Key("segment", "The truth of another segment.", required=True)},
    "otherwise": {
        "otherwise": Key("true", "The catch-all of a partition group: none above is true.", required=True)
    },
    "did": {
        "did": Key("event", "Did this event or fact, at least once unless a number is said.", required=True),
        "at_least": Key("natural", "At least so many times.", default="1"),
        "at_most": Key("whole", "At most so many times."),
        "exactly": Key("whole", "Exactly so many times."),
        **_RANGE,
        **_MARKS,
        **_WHERE,
        **_DURING,
        "same": Key("property", "Counts only events that have the same value of this property."),
    },
    "did_not": {
        "did_not": Key("event", "Did this event or fact not even once.", required=True),
        **_RANGE,
        **_MARKS,
        **_WHERE,
        **_DURING,
    },
    "last": {
        "last": Key(
            "event", "The newest of this event or fact is this old, and passes 'where'.", required=True
        ),
        **_RANGE,
        "among": Key("filters", "Only events that pass these tests are looked at."),
        "where": Key("filters", "What the newest of them must pass."),
    },
    "trait": {
        "trait": Key("property", "The newest value of this property of the customer.", required=True),
        "is": Key("scalar", "This value."),
        **_TESTS,
    },
    "consent": {
        "consent": Key(
            "text", "The newest consent for this channel: email, sms, push, ads or web.", required=True
        ),
        "is": Key("text", "granted, denied, pending or unknown.", default="granted"),
        "purpose": Key("text", "Only consent for this purpose."),
    },
    "score": {
        "score": Key("text", "The newest score of this name.", required=True),
        "at_least": Key("number", "Not below."),
        "at_most": Key("number", "Not above."),
        "confidence": Key("number", "How sure the model must be at least."),
        **_RANGE,
    },
    **{
        head: {head: key._replace(required=True), **_RANGE, **_WHERE, **_LIMITS, **_MORE.get(head, {})}
        for head, key in AGGREGATES.items()
    },
    "sequence": {
        "sequence": Key("sequence", "Did these events in this order.", required=True),
        "by": Key("property", "They have the same value of this property, such as cart_id."),
        "gap": Key("duration", "Each comes less than this after the one before."),
        "without": Key("step", "What did not happen at or after the last step, with the same 'by'."),
        **_RANGE,
    },
    "cadence": {
        "cadence": Key("event", "Does this at regular intervals.", required=True),
        "by": Key("property", "For each value of this property, such as products.sku_family."),
        "intervals": Key("natural", "At least so many intervals.", default="2"),
        "variation": Key("number", "Their deviation over their mean is at most this, such as 0.4."),
        "due": Key("due", "From and to which percentage of the median interval after the last."),
        **_RANGE,
        **_WHERE,
    },
    "bucket": {
        "bucket": Key("text", "A salt: every salt deals the customers anew.", required=True),
        "percent": Key("percents", "From which to which percentage, such as [0, 10].", required=True),
    },
    "now": {"now": Key("now", "The local time is in all of these.", required=True), **_ZONE},
    "first": {
        "first": Key("event", "The first of this event or fact ever is this old.", required=True),
        **_RANGE,
        **_WHERE,
    },
    "stopped": {
        "stopped": Key("event", "Did this before, and not lately.", required=True),
        "for": Key("duration", "Not within this time.", required=True),
        "after": Key("duration", "But within this time before that.", required=True),
        "at_least": Key("natural", "So many times at least.", default="1"),
        **_WHERE,
    },
    "restarted": {
        "restarted": Key("event", "Did this again after a pause.", required=True),
        "after": Key("duration", "The pause was at least this long.", required=True),
        "within": Key("duration", "It was taken up again within this time."),
        **_WHERE,
    },
    "regularly": {
        "regularly": Key("event", "Did this in so many of the last periods.", required=True),
        "in": Key("natural", "In at least so many of them.", required=True),
        "of": Key("natural", "Of so many periods.", required=True),
        "every": Key("duration", "How long a period is; the last one ends now.", required=True),
        **_WHERE,
    },
    "days_since": {
        "days_since": Key(
            "event", "How long ago the newest was; only compared with durations.", required=True
        ),
        "at_least": Key("duration", "At least this long ago."),
        "more_than": Key("duration", "Longer ago than this."),
        "at_most": Key("duration", "At most this long ago."),
        "less_than": Key("duration", "Less than this long ago."),
        **_WHERE,
    },
}
"""Head of a condition -> its form."""

FORMS: Mapping[str, Form] = {
    "file": {
        "facts": Key("facts", "Named sets of events, by name."),
        "groups": Key("groups", "Groups of segments, by name."),
        "segments": Key("definitions", "The segments."),
        "tables": Key("tables", "Tables of durations: table: {default: 24h, VALUE: 4h}."),
        "time_zone": Key("text", "The shop's time zone, such as Europe/London.", default="UTC"),
    },
    "fact": {
        "events": Key("types", "The event types it consists of.", required=True),
        **_WHERE,
        "key": Key("property", "The property that identifies an occurrence, such as order_id."),
        "amount": Key("properties", "Money properties; the first present one counts."),
        "undone_by": Key("undoings", "Events with the same key that take an occurrence back."),
    },
    "undoing": {"event": Key("type", "What takes it back.", required=True), **_WHERE},
    "group": {
        "kind": Key(
            "kind of group", "partition: exactly one member; arbitrated: all, one active.", required=True
        ),
        "population": Key("condition", "For a partition: who is in it at all.", default="everyone"),
        "description": Key("text", "What it is for."),
        "owner": Key("text", "Who answers for it."),
    },
    "segment": {
        "id": Key("id", "Its name for machines.", required=True),
        "version": Key("natural", "Counts its changes.", default="1"),
        "label": Key("text", "Its name for people: Intent, window, exclusions.", required=True),
        "description": Key("text", "What it is for."),
        "owner": Key("text", "Who answers for it."),
        "group": Key("group", "The group that it is a member of."),
        "rank": Key("natural", "Its place in the group; 1 is tried first."),
        "when": Key(
            "condition", "When a customer enters; without 'until' also how long they stay.", required=True
        ),
        "until": Key("condition", "When a member leaves.", default="'when' is no longer true"),
        "hysteresis": Key(
            "threshold", "A member stays while the number that 'when' compares passes this laxer limit."
        ),
        "exclude": Key("segments", "Whoever is in one of these is not in this one."),
        "dwell": Key("duration", "How long 'when' must hold before the entry.", default="0s"),
        "grace": Key("duration", "How long evidence may still cancel the entry.", default="0s"),
        "gate": Key(
            "gate", "none: do not wait for the sources that could tell otherwise.", default="sources"
        ),
        "min_membership": Key("duration", "No exit earlier than this after the entry."),
        "cooldown": Key("duration", "No entry earlier than this after an exit."),
        "max_entries": Key(
            "rate", "At most so many entries in this time, such as 3 per 30d; one more waits."
        ),
        "context": Key("context", "What transitions carry of the newest event: NAME: EVENT.PROPERTY."),
        "tests": Key("files", "Files of scenarios, beside this one."),
        "entity": Key(
            "entity", "Whom it is about: customer or account; changes no membership.", default="customer"
        ),
        "channels": Key("channels", "Where it may speak to its members: email, sms, push, ads, web."),
        "suppresses": Key(
            "neighbours", "Segments, or whole groups, that are silent while it holds; all stay members."
        ),
        "holdout": Key(
            "holdout", "A share of its members who get nothing, to compare with; they are members."
        ),
        "actions": Key("actions", "What people do for its members."),
        "size": Key("size", "How many members are expected."),
    },
    "holdout": {
        "share": Key("part", "From 0 to 0.5, or 0% to 50%.", required=True),
        "salt": Key("text", "Every salt deals the customers anew.", required=True),
    },
    "actions": {
        "retention": Key("text", "Of marketing: the name of a flow or campaign."),
        "support": Key("text", "Of the support team."),
        "review": Key("text", "The queue in which a person looks first."),
    },
    "size": {
        "share": Key("percents", "From and to which percentage of all customers, such as [3, 8]."),
        "at_least": Key("natural", "So many members at least."),
    },
    "step": {"event": Key("event", "An event or fact.", required=True), **_WHERE},
    "now": {
        "month": Key("scalars", "Months by number, or by name: jan to dec."),
        "weekday": Key("scalars", "Weekdays: mon to sun."),
        "hour": Key("hours", "From this hour, before that one; over midnight when 'from' is the greater."),
        "from": Key("text", "From this day on, such as 2026-11-27."),
        "to": Key("text", "Before this day."),
    },
    "days": {
        "from": Key("text", "From this day on, such as 2026-11-27."),
        "to": Key("text", "Before this day."),
    },
    "hours": {
        "from": Key("whole", "0 to 23.", required=True),
        "to": Key("whole", "1 to 24.", required=True),
    },
    "due": {
        "from": Key("limit", "A percentage, such as 80%.", required=True),
        "to": Key("limit", "A percentage, such as 120%.", required=True),
    },
    "lookup": {
        "lookup": Key("text", "A table.", required=True),
        "by": Key(
            "properties",
            "The properties of the event to look up; the first with a row counts.",
            required=True,
        ),
        "percent": Key("number", "This percentage of what stands there.", default="100"),
    },
    "ago": {
        "from": Key("window", "At least this old.", default="0s"),
        "to": Key("window", "Less than this old.", default="any age"),
    },
    "share": {**AGGREGATES, **_RANGE, **_WHERE},
    "filter": {**_TESTS, **_ITEM_TESTS},
    **{f"condition {head}": form for head, form in CONDITIONS.items()},
}
"""Name of a form -> its keys."""
