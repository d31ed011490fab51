"""Which order a credit note takes back: the file does not say, the customer's earlier lines do.

A credited line belongs to the customer's latest earlier line of the same article from which enough pieces are left.
Where there is none, it is an unattributed refund.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from streams.demo.retail import Invoice, Line


class Refund(msgspec.Struct, frozen=True):
    """The part of one credit note that concerns one order, or no order that we know.

    Attributes:
        credit_note: where it comes from.
        order_number: the order it takes back from; None when unattributed.
        lines: what is taken back, at the credit note's prices.
        is_full: with this refund nothing of the order is left.
        is_whole: this refund alone takes back everything the order had.
    """

    credit_note: Invoice
    order_number: str | None
    lines: list[Line]
    is_full: bool = False
    is_whole: bool = False

    @property
    def total_milli(self) -> int:
        """What the customer gets back, in thousandths of a pound."""
        return sum(line.total_milli for line in self.lines)


class OpenLine(msgspec.Struct):
    """An ordered line with the pieces that no credit note has taken back yet."""

    order_number: str
    pieces_left: int


class Ledger:
    """What is left of every order, as credit notes come in. Feed it invoices in the order of time."""

    def __init__(self) -> None:
        self._open: defaultdict[tuple[str, str], list[OpenLine]] = defaultdict(list)
        self._ordered: dict[str, int] = {}
        self._left: dict[str, int] = {}

    def take_order(self, order: Invoice) -> None:
        """Remember an order's lines."""
        for line in order.lines:
            key = (order.customer_id, line.product_id)
            self._open[key].append(OpenLine(order.number, line.quantity))
        pieces = sum(line.quantity for line in order.lines)
        self._ordered[order.number] = self._left[order.number] = pieces

    def take_credit_note(self, credit_note: Invoice) -> Iterator[Refund]:
        """Yield one refund for each order that the note touches, the unattributed part last."""
        by_order: dict[str | None, list[Line]] = {}
        for line in credit_note.lines:
            order_number = self._take_back(credit_note.customer_id, line)
            by_order.setdefault(order_number, []).append(line)
        unattributed = by_order.pop(None, None)
        for order_number, lines in by_order.items():
            if order_number is not None:
                full = self._left[order_number] == 0
                whole = full and sum(line.quantity for line in lines) == self._ordered[order_number]
                yield Refund(credit_note, order_number, lines, is_full=full, is_whole=whole)
        if unattributed:
            yield Refund(credit_note, None, unattributed)

    def _take_back(self, customer_id: str, credited: Line) -> str | None:
        """Take pieces from the latest line that has enough left; return its order's number."""
        for line in reversed(self._open.get((customer_id, credited.product_id), [])):
            if line.pieces_left >= credited.quantity:
                line.pieces_left -= credited.quantity
                self._left[line.order_number] -= credited.quantity
                return line.order_number
        return None


def refunds(invoices: list[Invoice]) -> Iterator[Refund]:
    """Yield what every credit note among *invoices*, given oldest first, takes back."""
    ledger = Ledger()
    for invoice in invoices:
        if invoice.is_credit:
            yield from ledger.take_credit_note(invoice)
        else:
            ledger.take_order(invoice)
