"""What a run wrote, kept small enough to compare a million transitions: as a multiset, and in order per customer."""

from __future__ import annotations

from collections import Counter

import msgspec
from xxhash import xxh3_64_intdigest

_BY_CHANCE = ("emitted_at", "watermark")
"""Fields that may differ between runs that are equal (S8)."""


class Difference(msgspec.Struct, frozen=True):
    """How a run differs from another: transitions missing and extra, customers with another order."""

    missing: int
    extra: int
    disordered: int


class Transcript:
    """The transitions of one run.

    Attributes:
        totals: (segment, kind) → how many.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.totals: Counter[tuple[str, str]] = Counter()
        self._records: Counter[int] = Counter()
        self._orders: dict[str, int] = {}

    def __len__(self) -> int:
        return self._records.total()

    def take(self, value: bytes) -> None:
        """Take one transition as JSON; those of a customer in the order in which they were written."""
        fields = msgspec.json.decode(value)
        for name in _BY_CHANCE:
            fields.pop(name, None)
        self.totals[fields["segment_id"], fields["kind"]] += 1
        digest = xxh3_64_intdigest(msgspec.json.encode(fields, order="sorted"))
        self._records[digest] += 1
        customer = f"{fields['shop_id']}/{fields['customer_id']}"
        before = self._orders.get(customer, 0)
        self._orders[customer] = xxh3_64_intdigest(before.to_bytes(8, "big") + digest.to_bytes(8, "big"))

    def difference(self, reference: Transcript) -> Difference:
        """Return how this run differs from *reference*."""
        customers = self._orders.keys() | reference._orders.keys()
        return Difference(
            missing=(reference._records - self._records).total(),
            extra=(self._records - reference._records).total(),
            disordered=sum(self._orders.get(c) != reference._orders.get(c) for c in customers),
        )
