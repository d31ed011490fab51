"""What the errors of librdkafka mean for the cycle; decided here, and nowhere else.

- the transaction must be aborted, or the group has moved on: `Abortable`;
- fenced, fatal, or *any* time-out: `Fatal`. A request that timed out may still arrive, and only a new producer's
  epoch fences it (librdkafka has no KIP-890), so the producer is never used again;
- not allowed, or our identity is taken: `OperationError`, the worker stops.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import confluent_kafka as ck

from streams.errors import OperationError
from streams.runtime.kafka_ports import Abortable, Fatal

T = TypeVar("T")
E = ck.KafkaError

GROUP_MOVED_ON = {E.ILLEGAL_GENERATION, E.UNKNOWN_MEMBER_ID, E.REBALANCE_IN_PROGRESS}
FENCED = {E._FENCED, E.PRODUCER_FENCED, E.INVALID_PRODUCER_EPOCH, E.INVALID_PRODUCER_ID_MAPPING}
NOT_ALLOWED = {
    E.TOPIC_AUTHORIZATION_FAILED,
    E.GROUP_AUTHORIZATION_FAILED,
    E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    E.CLUSTER_AUTHORIZATION_FAILED,
}

DAMAGED = {E._BAD_MSG, E._BAD_COMPRESSION, E.INVALID_MSG}
"""The bytes are not what was written: a checksum is wrong, or nothing can be unpacked."""

client_logger = logging.getLogger("streams.runtime.librdkafka")
"""Give it to every handle: else librdkafka writes to stderr by itself."""


def _cap(record: logging.LogRecord) -> bool:
    """Log what the client calls critical as a warning: the cycle recovers, or says itself that it cannot."""
    if record.levelno > logging.WARNING:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


client_logger.addFilter(_cap)


def operation_error(error: ck.KafkaError, doing: str) -> OperationError | None:
    """Translate an error only the operator can mend; None for all others."""
    if error.code() in NOT_ALLOWED:
        return OperationError(
            f"not allowed while {doing}: {error.str()}",
            hint="grant this application's principal read on the inputs and its group, write on the outputs and"
            " the changelog, and write on its transactional id",
        )
    if error.code() in DAMAGED:
        return OperationError(
            f"damaged records while {doing}: {error.str()}",
            hint="the broker's disk or a network between gave other bytes than were written: let the partition be served"
            " by a healthy replica, and start the worker again; nothing of it was used",
        )
    if error.code() == E.FENCED_INSTANCE_ID:
        return OperationError(
            f"another process has joined the group with this worker's instance id ({doing})",
            hint="give every worker its own STREAMS_INSTANCE_ID",
        )
    return None


def translated(doing: str, function: Callable[..., T], *arguments: Any) -> T:
    """Call a transactional function of the client.

    Raises:
        Abortable: surely not committed.
        Fatal: the outcome is unknown, or the producer is unusable.
        OperationError: the operator must act.
    """
    try:
        return function(*arguments)
    except ck.KafkaException as failure:
        error = failure.args[0]
        known = operation_error(error, doing)
        if known is not None:
            raise known from None
        message = f"{doing}: {error.str()} ({error.name()})"
        if error.code() in FENCED:
            raise Fatal(message, fenced=True) from None
        if error.txn_requires_abort() or error.code() in GROUP_MOVED_ON:
            raise Abortable(message) from None
        raise Fatal(message) from None
