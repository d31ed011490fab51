"""Reading and cleaning the real shop (S27)."""

from __future__ import annotations

from collections import Counter

import pytest

from streams.demo.retail import History, local_time_ms, milli, money
from streams.segmentation.timeline import rfc3339


def test_s27_published_figures(shop: History) -> None:
    """S27: under the stated cleaning the orders give the figures that others have published."""
    orders_of = Counter(order.customer_id for order in shop.orders)
    assert len(orders_of) == 4_338
    assert sum(count == 1 for count in orders_of.values()) == 1_493
    assert sum(count > 1 for count in orders_of.values()) == 2_845
    assert len(shop.orders) == 18_532
    assert sum(len(order.lines) for order in shop.orders) == 397_884
    assert money(sum(order.total_milli for order in shop.orders)) == "8911407.904"


def test_every_line_is_counted_once(shop: History) -> None:
    """S27: lines without a customer go to a named filter, and the filters add up to the file."""
    counts = shop.counts
    assert counts.read == 541_909
    assert counts.without_customer == 135_080
    assert counts.without_worth == 40
    assert counts.credited == sum(len(note.lines) for note in shop.credit_notes) == 8_905
    assert counts.without_customer + counts.without_worth + counts.credited + counts.ordered == counts.read


def test_invoices_come_in_the_order_of_time(shop: History) -> None:
    """The file is in the order of time, and stays so."""
    times = [invoice.time_ms for invoice in shop.invoices]
    assert times == sorted(times)


def test_an_invoice_has_one_customer_and_positive_quantities(shop: History) -> None:
    """Credit notes keep positive quantities: their number says that they take back."""
    assert all(line.quantity > 0 and line.price_milli > 0 for i in shop.invoices for line in i.lines)
    assert all(invoice.customer_id.isdigit() for invoice in shop.invoices)


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2010-12-01 08:26:00", "2010-12-01T08:26:00.000Z"),
        ("2011-03-27 00:59:00", "2011-03-27T00:59:00.000Z"),
        ("2011-03-27 02:00:00", "2011-03-27T01:00:00.000Z"),
        ("2011-07-01 10:00:00", "2011-07-01T09:00:00.000Z"),
        ("2011-10-30 02:00:00", "2011-10-30T02:00:00.000Z"),
    ],
)
def test_times_are_local_to_the_shop(local: str, utc: str) -> None:
    """The file's times are London's: an hour ahead of UTC in summer."""
    assert rfc3339(local_time_ms(local)) == utc


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [("2.55", 2_550), ("1", 1_000), ("0.001", 1), ("-11062.06", -11_062_060), ("-0.5", -500)],
)
def test_prices_are_exact(text: str, thousandths: int) -> None:
    """A price is read without rounding, to the thousandth."""
    assert milli(text) == thousandths


def test_a_price_that_cannot_be_exact_is_refused() -> None:
    """More places than thousandths hold are an error, not a rounding."""
    with pytest.raises(ValueError, match="three places"):
        milli("0.0001")


@pytest.mark.parametrize(
    ("thousandths", "text"),
    [(139_120, "139.12"), (1, "0.001"), (5_000, "5.00"), (-500, "-0.50"), (0, "0.00")],
)
def test_money_has_two_places_or_three(thousandths: int, text: str) -> None:
    """Amounts are decimal text: two places, three only where a thousandth is there."""
    assert money(thousandths) == text
