"""Limits that contradict each other."""

from __future__ import annotations

import pytest

from streams.errors import SettingsError
from streams.runtime.limits import Limits


@pytest.mark.parametrize("name", ["commit_interval_ms", "patience_ms", "attempts", "outputs_max"])
def test_every_limit_is_positive(name: str) -> None:
    """Zero would mean for ever or never."""
    with pytest.raises(SettingsError, match=f"{name} must be positive"):
        Limits(**{name: 0})  # type: ignore[arg-type]


def test_a_batch_must_fit_in_flight() -> None:
    """Else the cycle would wait for ever."""
    with pytest.raises(SettingsError, match="records_in_flight_max"):
        Limits(records_in_flight_max=999)
