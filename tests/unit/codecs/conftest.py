"""What the tests of the codecs share."""

from __future__ import annotations

import pytest

from streams.catalogue.events import load_vocabulary
from streams.segmentation.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """The built-in vocabulary."""
    return load_vocabulary()
