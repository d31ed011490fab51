"""Reads the short form of conditions: ``count(orders within 60d) >= 2 and not did(Order Refunded)``.

An expression is rewritten as the YAML that says the same, every part at the place where it stands in the file: the same
reader reads it, and its errors point into the expression.

    or, and, not, parentheses            not binds closest, or loosest
    did | did_not | first | last(EVENT within T)     in(SEGMENT)
    count | sum | avg | min | max | distinct(EVENT.PROPERTY within T) OP N, N% of AGGREGATE, or AGGREGATE
    days_since(EVENT) OP T               trait(NAME) OP VALUE
    OP                                   >=  >  <=  <, of traits and counts also =, of traits !=
"""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

from streams.catalogue.grammar import AGGREGATES
from streams.catalogue.nodes import Node, nearest

NESTED_MAX = 50
_PREDICATES = ("did", "did_not", "first", "last", "in")
_COMPARED = (*(name for name in AGGREGATES if name != "most_frequent"), "days_since", "trait")
_LIMITS = {">=": "at_least", ">": "more_than", "<=": "at_most", "<": "less_than"}
_TESTS = {">=": "at_least", ">": "above", "<=": "at_most", "<": "below", "=": "is", "!=": "not"}
_TOKEN = re.compile(
    r"\s*(?:(?P<call>[A-Za-z_]+)\s*\((?P<argument>[^()]*)\)|(?P<sign>>=|<=|!=|=|>|<)|(?P<mark>[()])"
    r"|'(?P<quoted>[^']*)'|(?P<word>[^\s()<>=!']+))"
)
_WORDS = {"and", "or", "not"}


class _Token(NamedTuple):
    """A piece of the expression: what it is, its text, where it stands; of a call also its argument."""

    kind: str
    text: str
    at: int
    argument: str = ""
    argument_at: int = 0


class _Expression:
    """One expression, read from left to right."""

    def __init__(self, node: Node) -> None:
        self.node, self.text = node, node.text()
        self.tokens = self._tokens()
        self.next = self.level = 0

    def _tokens(self) -> list[_Token]:
        found, at = [], 0
        while self.text[at:].strip():
            match = _TOKEN.match(self.text, at)
            if match is None:
                left = self.text[at:].lstrip()
                raise self.place(len(self.text) - len(left)).error(f"{left[:20]!r} cannot be read here")
            kind = match.lastgroup or ""
            kind = "call" if kind == "argument" else kind
            text = match[kind]
            if kind == "call" and text in _WORDS:  # not (...): a word before a parenthesis
                found.append(_Token("word", text, match.start("call")))
                at = match.end("call")
                continue
            argument = match["argument"] or ""
            found.append(_Token(kind, text, match.start(kind), argument, max(match.start("argument"), 0)))
            at = match.end()
        return found

    def place(self, at: int) -> Node:
        """Return an empty value at a place in the expression, for errors."""
        return Node(self.node.file, self.scalar("", at))

    def scalar(self, text: str, at: int) -> yaml.ScalarNode:
        """Return *text* as YAML at its place; a quoted expression begins behind its quote."""
        start = self.node.node.start_mark
        column = start.column
        style = getattr(self.node.node, "style", None)
        if style not in {"|", ">"}:
            column += at + (style in {"'", '"'})
        mark = yaml.Mark(start.name, start.index, start.line, column, None, 0)
        tag = yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        return yaml.ScalarNode(tag, text, mark, mark)

    def form(self, at: int, *pairs: tuple[str, yaml.Node]) -> yaml.MappingNode:
        """Return a mapping as YAML."""
        mark = self.scalar("", at).start_mark
        return yaml.MappingNode(
            "tag:yaml.org,2002:map", [(self.scalar(key, at), value) for key, value in pairs], mark, mark
        )

    def peek(self) -> _Token:
        """Return the next piece without taking it; at the end one that is nothing."""
        return self.tokens[self.next] if self.next < len(self.tokens) else _Token("end", "", len(self.text))

    def take(self) -> _Token:
        """Return the next piece."""
        token = self.peek()
        self.next += 1
        return token

    def whole(self) -> yaml.Node:
        """Return the whole expression; nothing may be left over."""
        found = self.joined("or")
        if self.peek().kind != "end":
            raise self.place(self.peek().at).error(
                f"{self.peek().text!r} is left over", "join conditions by 'and' or 'or'"
            )
        return found

    def joined(self, word: str) -> yaml.Node:
        """Return conditions joined by *word*: ``or`` of ``and``."""
        at = self.peek().at
        parts = [self.joined("and") if word == "or" else self.single()]
        while self.peek().kind == "word" and self.peek().text == word:
            self.take()
            parts.append(self.joined("and") if word == "or" else self.single())
        if len(parts) == 1:
            return parts[0]
        mark = self.scalar("", at).start_mark
        several = yaml.SequenceNode("tag:yaml.org,2002:seq", parts, mark, mark)
        return self.form(at, ("any" if word == "or" else "all", several))

    def single(self) -> yaml.Node:
        """Return a condition alone: negated, in parentheses, or a call."""
        token = self.take()
        self.level += 1
        if self.level > NESTED_MAX:
            raise self.place(token.at).error(
                "nested too deeply", "name a part as a segment and use 'in(...)'"
            )
        if token.kind == "word" and token.text == "not":
            found: yaml.Node = self.form(token.at, ("not", self.single()))
        elif token.kind == "mark" and token.text == "(":
            found = self.joined("or")
            if (closing := self.take()).text != ")":
                raise self.place(closing.at).error("expected ')'")
        elif token.kind != "call":
            said = repr(token.text) if token.text else "the end"
            raise self.place(token.at).error(
                f"expected a condition, found {said}",
                "such as 'count(orders) >= 2' or 'did(orders within 60d)'",
            )
        elif token.text in _PREDICATES:
            found = self.form(token.at, *self.called(token))
        elif token.text in _COMPARED:
            found = self.comparison(token)
        else:
            known = (*_PREDICATES, *_COMPARED)
            raise self.place(token.at).error(f"unknown function {token.text!r}", nearest(token.text, known))
        self.level -= 1
        return found

    def called(self, token: _Token) -> list[tuple[str, yaml.Node]]:
        """Return what a call says: its head with its event, and its window."""
        event, within, window = re.match(r"(.*?)(?:(\bwithin\b)(.*))?$", token.argument, re.DOTALL).groups()  # type: ignore[union-attr]
        shift = len(event) - len(event.lstrip())
        pairs: list[tuple[str, yaml.Node]] = [
            (token.text, self.scalar(event.strip(), token.argument_at + shift))
        ]
        if within:
            at = token.argument_at + len(event) + len(within)
            pairs.append(("within", self.scalar(window.strip(), at + len(window) - len(window.lstrip()))))
        return pairs

    def comparison(self, token: _Token) -> yaml.Node:
        """Return a call compared with a value."""
        sign, value = self.take(), self.take()
        signs = _signs(token.text)
        if sign.kind != "sign" or sign.text not in signs:
            raise self.place(sign.at).error(f"{token.text}(...) needs one of {' '.join(signs)}")
        pairs = self.called(token)
        if sign.text == "=" and token.text == "count":
            pairs[0] = ("did", pairs[0][1])
        if value.kind == "call" and value.text in AGGREGATES:
            return self.form(token.at, *pairs, (signs[sign.text], self.form(value.at, *self.called(value))))
        if value.kind not in {"word", "quoted"} or value.text in _WORDS:
            raise self.place(value.at).error("expected a value")
        pairs.append((signs[sign.text], self.scalar(value.text, value.at)))
        if value.text.endswith("%") and self.peek().text == "of":
            self.take()
            other = self.take()
            if other.kind != "call" or other.text not in AGGREGATES:
                raise self.place(other.at).error("a percentage of what?", "write '30% of sum(orders)'")
            pairs.append(("of", self.form(other.at, *self.called(other))))
        return self.form(token.at, *pairs)


def functions() -> dict[str, tuple[str, ...]]:
    """Return function → the signs that it is compared with; none where it is a condition by itself."""
    compared = {name: tuple(_signs(name)) for name in _COMPARED}
    return dict.fromkeys(_PREDICATES, ()) | compared


def _signs(name: str) -> dict[str, str]:
    """Return sign → the key that says it, of the function *name*."""
    return _TESTS if name == "trait" else _LIMITS | ({"=": "exactly"} if name == "count" else {})


def rewritten(node: Node) -> Node:
    """Return the expression at *node* as the YAML that says the same.

    Raises:
        DefinitionError: it cannot be read, at the place where.
    """
    return Node(node.file, _Expression(node).whole())
