"""The real shop, read once."""

from __future__ import annotations

import pytest

from streams.demo.order_events import ShopEvent, order_events
from streams.demo.retail import History, read_history
from streams.demo.shop import Replay, replay


@pytest.fixture(scope="session")
def shop() -> History:
    """The cleaned history of the shipped file."""
    return read_history()


@pytest.fixture(scope="session")
def real_events(shop: History) -> list[ShopEvent]:
    """Every order and credit of the shop as events."""
    return list(order_events(shop))


@pytest.fixture(scope="session")
def whole_replay(shop: History) -> Replay:
    """The replay as the demo makes it by default."""
    return replay(shop, browsing=10, seed=7, partitions=4)
