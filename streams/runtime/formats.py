"""Chooses codecs by the settings: how each input is decoded and how the output is encoded."""

from __future__ import annotations

from streams.codecs.customer_events import Decode, EventDecoder
from streams.codecs.transitions import TransitionEncoder
from streams.segmentation.vocabulary import Vocabulary
from streams.settings import InputTopic, Settings

SPELLINGS = {"json": "segment", "compact": "compact", "avro": "avro"}
"""Format of an input in the settings → in the codecs."""


def decoder_of(settings: Settings, entry: InputTopic, vocabulary: Vocabulary) -> Decode:
    """Return what decodes the values of the input *entry*."""
    decoder = EventDecoder(vocabulary, max_clock_skew_ms=settings.max_clock_skew_ms)
    return decoder.of(SPELLINGS[entry.format])  # type: ignore[arg-type]


def encoder_of(settings: Settings) -> TransitionEncoder:
    """Return what encodes transitions and memberships."""
    return TransitionEncoder(settings.output_format)
