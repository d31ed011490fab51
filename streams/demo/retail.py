"""The real shop: Online Retail, read and cleaned. Orders and credit notes in the order in which they happened.

The cleaning is written down in `streams/demo/data/README.md`; every line of the file ends in exactly one count of
`LineCounts`. Amounts are whole thousandths of a pound inside (the file has prices of 0.001), text at the edge.
"""

from __future__ import annotations

import csv
import io
import lzma
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from sys import intern
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from streams.segmentation.timeline import EpochMs

SHOP_ZONE: Final = ZoneInfo("Europe/London")
CURRENCY: Final = "GBP"
MILLI: Final = 1_000
"""Thousandths in one pound."""


class Line(NamedTuple):
    """One article of an invoice; *quantity* is positive on orders and on credit notes."""

    product_id: str
    name: str
    quantity: int
    price_milli: int

    @property
    def total_milli(self) -> int:
        """Price of all pieces, in thousandths of a pound."""
        return self.quantity * self.price_milli

    @property
    def is_goods(self) -> bool:
        """Whether it is an article of the shop, not postage, a discount or a correction by hand."""
        return self.product_id[0].isdigit()


class Invoice(msgspec.Struct, gc=False):
    """An order, or a credit note, of one customer.

    Attributes:
        number: the shop's number; credit notes start with C.
        time_ms: when its first line was written.
        lines: at least one.
    """

    number: str
    customer_id: str
    time_ms: EpochMs
    country: str
    lines: list[Line]

    @property
    def is_credit(self) -> bool:
        """Whether it takes back instead of selling."""
        return self.number.startswith("C")

    @property
    def total_milli(self) -> int:
        """Sum of its lines, in thousandths of a pound."""
        return sum(line.total_milli for line in self.lines)

    @property
    def goods(self) -> list[Line]:
        """Its articles that one can look at in a shop; may be empty."""
        return [line for line in self.lines if line.is_goods]


class LineCounts(msgspec.Struct):
    """Where the lines of the file went; the four parts add up to *read*."""

    read: int = 0
    without_customer: int = 0
    without_worth: int = 0
    credited: int = 0
    ordered: int = 0


class History(msgspec.Struct, frozen=True):
    """The cleaned shop: every invoice in the order of the file, which is that of time."""

    invoices: list[Invoice]
    counts: LineCounts

    @property
    def orders(self) -> list[Invoice]:
        """Every order, oldest first."""
        return [invoice for invoice in self.invoices if not invoice.is_credit]

    @property
    def credit_notes(self) -> list[Invoice]:
        """Every credit note, oldest first."""
        return [invoice for invoice in self.invoices if invoice.is_credit]


def milli(price: str) -> int:
    """Return a price such as ``2.55`` or ``-1`` in thousandths.

    Raises:
        ValueError: it is not a decimal number with at most three places.
    """
    whole, _, places = price.partition(".")
    if len(places) > 3:
        raise ValueError(f"{price!r} has more than three places")
    size = int(whole.lstrip("-") or "0") * MILLI + int(places.ljust(3, "0"))
    return -size if whole.startswith("-") else size


def money(amount_milli: int) -> str:
    """Return an amount as decimal text with two places, or three where the third is needed."""
    sign, size = ("-" if amount_milli < 0 else ""), abs(amount_milli)
    text = f"{size // MILLI}.{size % MILLI:03d}"
    return sign + text.removesuffix("0")


def local_time_ms(text: str) -> EpochMs:
    """Return the instant of a local time of the shop, ``2010-12-01 08:26:00``."""
    return round(datetime.fromisoformat(text).replace(tzinfo=SHOP_ZONE).timestamp() * 1_000)


def rows() -> Iterator[list[str]]:
    """Yield the lines of the shipped file as lists of eight texts, without the heading."""
    packed = resources.files("streams.demo").joinpath("data", "online_retail.csv.xz")
    with packed.open("rb") as raw, lzma.open(raw) as unpacked:
        reader = csv.reader(io.TextIOWrapper(unpacked, encoding="utf-8", newline=""))
        next(reader)
        yield from reader


def read_history() -> History:
    """Read and clean the shipped file; takes about two seconds."""
    counts = LineCounts()
    invoices: dict[str, Invoice] = {}
    for number, product_id, name, quantity_text, time_text, price_text, customer, country in rows():
        counts.read += 1
        if not customer:
            counts.without_customer += 1
            continue
        credit = number.startswith("C")
        quantity, price_milli = int(quantity_text), milli(price_text)
        if price_milli <= 0 or (quantity >= 0) == credit:
            counts.without_worth += 1
            continue
        if credit:
            counts.credited += 1
        else:
            counts.ordered += 1
        invoice = invoices.get(number)
        if invoice is None:
            customer_id = customer.removesuffix(".0")
            invoice = invoices[number] = Invoice(number, customer_id, local_time_ms(time_text), country, [])
        # Four thousand names stand on four hundred thousand lines: each is kept once.
        invoice.lines.append(Line(intern(product_id), intern(name), abs(quantity), price_milli))
    return History(list(invoices.values()), counts)
