"""Which order a credit note takes back (S27)."""

from __future__ import annotations

from streams.demo.credits import Refund, refunds
from streams.demo.retail import History, Invoice, Line

SOAP, TIN = "21524", "22423"


def invoice(number: str, *lines: tuple[str, int], customer_id: str = "17850") -> Invoice:
    """Return an invoice at one pound a piece."""
    return Invoice(
        number, customer_id, 0, "", [Line(product, product, count, 1_000) for product, count in lines]
    )


def taken_back(*invoices: Invoice) -> list[tuple[str | None, int, bool, bool]]:
    """Return (order, pieces, is_full, is_whole) of every refund."""

    def brief(refund: Refund) -> tuple[str | None, int, bool, bool]:
        pieces = sum(line.quantity for line in refund.lines)
        return refund.order_number, pieces, refund.is_full, refund.is_whole

    return [brief(refund) for refund in refunds(list(invoices))]


def test_s27_the_latest_earlier_line_is_taken_back() -> None:
    """S27: of two orders of the same article the later one is credited."""
    found = taken_back(invoice("1", (SOAP, 5)), invoice("2", (SOAP, 5)), invoice("C3", (SOAP, 2)))
    assert found == [("2", 2, False, False)]


def test_s27_a_line_needs_enough_quantity() -> None:
    """S27: a later line with too few pieces is passed over, at one piece too few and not at exactly enough."""
    earlier, later = invoice("1", (SOAP, 9)), invoice("2", (SOAP, 3))
    assert taken_back(earlier, later, invoice("C3", (SOAP, 3)))[0][0] == "2"
    assert taken_back(earlier, later, invoice("C3", (SOAP, 4)))[0][0] == "1"


def test_s27_pieces_are_taken_back_once() -> None:
    """S27: what a credit note took is no longer there for the next one."""
    found = taken_back(invoice("1", (SOAP, 3)), invoice("C2", (SOAP, 2)), invoice("C3", (SOAP, 2)))
    assert found == [("1", 2, False, False), (None, 2, False, False)]


def test_s27_what_matches_nothing_is_unattributed() -> None:
    """S27: another customer's line, another article or a later order is never taken back."""
    other = invoice("1", (SOAP, 3), customer_id="12345")
    found = taken_back(other, invoice("2", (TIN, 3)), invoice("C3", (SOAP, 1)), invoice("4", (SOAP, 1)))
    assert found == [(None, 1, False, False)]


def test_the_refund_that_leaves_nothing_is_full() -> None:
    """Two notes that together take back an order: only the last is full, and neither is whole."""
    found = taken_back(invoice("1", (SOAP, 3), (TIN, 1)), invoice("C2", (SOAP, 3)), invoice("C3", (TIN, 1)))
    assert found == [("1", 3, False, False), ("1", 1, True, False)]


def test_a_note_that_takes_back_all_is_whole() -> None:
    """One note with every piece of an order takes it back as a whole, next to parts of another."""
    found = taken_back(
        invoice("1", (TIN, 4)), invoice("2", (SOAP, 3)), invoice("C3", (SOAP, 3), (TIN, 1), ("D", 1))
    )
    assert found == [("2", 3, True, True), ("1", 1, False, False), (None, 1, False, False)]


def test_every_credited_line_goes_somewhere(shop: History) -> None:
    """On the real shop each credited line is in exactly one refund, and the sums agree."""
    all_refunds = list(refunds(shop.invoices))
    assert sum(len(refund.lines) for refund in all_refunds) == shop.counts.credited
    assert sum(r.total_milli for r in all_refunds) == sum(note.total_milli for note in shop.credit_notes)
    unattributed = [refund for refund in all_refunds if refund.order_number is None]
    assert (len(all_refunds), len(unattributed)) == (4_551, 786)
    assert sum(len(refund.lines) for refund in unattributed) == 1_434
    assert sum(refund.is_full for refund in all_refunds) == 148
    assert sum(refund.is_whole for refund in all_refunds) == 143
