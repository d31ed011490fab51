"""The event vocabulary: all events that are promised, their other names, and errors that say what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.catalogue.events import KINDS, SOURCES, load_vocabulary
from streams.errors import DefinitionError
from streams.segmentation.vocabulary import HEARTBEAT, Vocabulary

PROMISED = """
Page Viewed; Products Searched; Product List Viewed; Product List Filtered; Promotion Viewed; Promotion Clicked;
Product Clicked; Product Viewed; Product Added; Product Removed; Cart Viewed; Cart Updated; Cart Emptied;
Checkout Started; Checkout Step Viewed; Checkout Step Completed; Payment Info Entered; Payment Failed;
Order Completed; Ordered Product; Order Updated; Order Cancelled; Order Refunded; Order Paid; Order On Hold;
Return Requested; Return Approved; Return Closed; Dispute Opened; Dispute Closed; Coupon Entered; Coupon Applied;
Coupon Denied; Coupon Removed; Product Added to Wishlist; Product Removed from Wishlist;
Wishlist Product Added to Cart; Product Shared; Cart Shared; Product Reviewed; Back In Stock Subscribed;
Price Drop Subscribed; Order Fulfilled; Order Partially Fulfilled; Shipment Confirmed; Shipment In Transit;
Shipment Out For Delivery; Shipment Delivered; Shipment Delayed; Shipment Exception; Shipment Lost;
Shipment Returned To Sender; Email Sent; Email Delivered; Email Opened; Email Clicked; Email Bounced;
Email Marked as Spam; Email Dropped; SMS Sent; SMS Delivered; SMS Clicked; SMS Failed; Push Sent; Push Opened;
Ad Clicked; Ad Impression; Email Subscribed; Email Unsubscribed; SMS Subscribed; SMS Unsubscribed; Consent Updated;
Profile Suppressed; Profile Unsuppressed; Signed Up; Lead Captured; Signed In; Signed Out; identify; alias;
Profiles Merged; Profiles Unmerged; group; Account Updated; Quote Requested; Quote Sent; Quote Accepted;
Ticket Created; Ticket Updated; Ticket Solved; Ticket Reopened; Ticket Closed; Ticket Classified;
Ticket Message Received; CSAT Submitted; NPS Submitted; Subscription Created; Subscription Updated;
Subscription Cancelled; Subscription Paused; Billing Attempt Succeeded; Billing Attempt Failed;
Loyalty Points Changed; Referral Completed; Product Upserted; Product Deleted; Inventory Level Changed;
Back In Stock; Out Of Stock; Low Stock; Product Launched; Sale Started; Sale Ended; Season Opened;
Customer Erasure Requested; Customer Data Requested; Customer Deleted; Segment Override; Human Review Resolved;
Heartbeat; External Score Updated
"""


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The built-in vocabulary."""
    return load_vocabulary()


def test_every_promised_event_is_known(vocabulary: Vocabulary) -> None:
    """The vocabulary has exactly the events that the catalogue promises."""
    promised = [" ".join(name.split()) for name in PROMISED.split(";")]

    assert sorted(promised) == sorted(vocabulary.event_types)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("Email Link Clicked", "Email Clicked"),
        ("Email Opened", "Email Opened"),
        ("orders/create", "Order Completed"),
        ("Placed Order", "Order Completed"),
        ("ecommerce.order_placed", "Order Completed"),
        ("checkout_completed", "Order Completed"),
        ("Added to Cart", "Product Added"),
        ("product_viewed", "Product Viewed"),
        ("orders/cancelled", "Order Cancelled"),
        ("Subscribed to Email Marketing", "Email Subscribed"),
        ("Source Watermark", "Heartbeat"),
        ("  ORDER   completed ", "Order Completed"),
    ],
)
def test_other_names_are_found(vocabulary: Vocabulary, alias: str, name: str) -> None:
    """Aliases, and any spelling with other case or white space, lead to the canonical name."""
    found = vocabulary.find(alias)

    assert found is not None
    assert name == found.name


@pytest.mark.parametrize(
    "name",
    [
        "carts/update",
        "checkouts/update",
        "orders/paid",
        "ecommerce.cart_updated",
        "shop/redact",
        "order_completed",
        "",
    ],
)
def test_ambiguous_and_unknown_names_are_not_found(vocabulary: Vocabulary, name: str) -> None:
    """A name that could mean several of our events, or none, means none."""
    assert vocabulary.find(name) is None


def test_every_event_has_a_source_but_the_heartbeat(vocabulary: Vocabulary) -> None:
    """Each event belongs to one of the seven sources; the heartbeat moves the one that it names."""
    assert set(SOURCES) == set(vocabulary.sources)
    assert [name for name, event in vocabulary.event_types.items() if not event.source] == [HEARTBEAT]


def test_the_sources_that_gates_rest_on(vocabulary: Vocabulary) -> None:
    """Checkouts are behaviour and orders are orders: an abandonment waits for both."""
    find = vocabulary.event_types

    assert [
        find[name].source for name in ("Checkout Started", "Order Completed", "Email Opened", "Signed Up")
    ] == ["behaviour", "orders", "engagement", "profile"]


def test_every_property_has_a_kind(vocabulary: Vocabulary) -> None:
    """Each property of each event is of a known kind, and amounts of orders are money."""
    kinds = {kind for event in vocabulary.event_types.values() for kind in event.properties.values()}
    assert kinds <= set(KINDS)
    assert vocabulary.event_types["Order Completed"].properties["total"] == "money"
    assert vocabulary.event_types["Order Completed"].properties["products"] == "items"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("events: [", "no YAML"),
        ("", "no events here"),
        ("events: {}", "no events here"),
        ("events: {A: orders}", "no mapping"),
        ("events: {A: {source: sales}}", "unknown source 'sales'"),
        ("events: {A: {source: ''}}", "unknown source ''"),
        ("events: {A: {source: orders, alias: [b]}}", "unknown key 'alias'"),
        ("events: {A: {source: orders, aliases: b}}", "aliases must be a list"),
        ("events: {A: {source: orders, properties: [b]}}", "properties must be a mapping"),
        ("events: {A: {source: orders, properties: {b: colour}}}", "unknown kind 'colour'"),
        ("events: {A: {source: orders, aliases: [x]}, B: {source: orders, aliases: [X]}}", "names both"),
    ],
)
def test_a_wrong_vocabulary_says_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    """A vocabulary of one's own is refused with the event, the word and the file."""
    file = tmp_path / "events.yaml"
    file.write_text(text)

    with pytest.raises(DefinitionError, match=complaint) as refused:
        load_vocabulary(file)

    assert refused.value.file == "events.yaml"


def test_a_vocabulary_of_ones_own(tmp_path: Path) -> None:
    """A file of the same form replaces the built-in vocabulary."""
    file = tmp_path / "events.yaml"
    file.write_text("events: {Tasted: {source: behaviour, aliases: [tried], properties: {cheese: text}}}")

    found = load_vocabulary(file).find("TRIED")

    assert found is not None
    assert (found.name, found.source, found.properties) == ("Tasted", "behaviour", {"cheese": "text"})
