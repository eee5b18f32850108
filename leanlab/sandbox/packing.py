"""How the evaluator's inputs are sent: JSON, or the raw bytes of an array. Never a pickle."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.errors import EvaluatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ARRAY_KINDS = "biufc"

_encode = msgspec.json.Encoder().encode


def pack(batch: Sequence[Any], *, arrays: bool) -> tuple[Any, bytes]:
    """Return the form that a worker rebuilds the batch by, and its bytes.

    An array becomes an array of the same dtype and shape, which the worker needs numpy for;
    anything else becomes a JSON list, in which a tuple is a list.
    """
    if is_array(batch):
        if not arrays:
            raise EvaluatorError(
                "an array cannot be sent to candidates that have no numpy: "
                "add numpy to imports in lab.json, or send lists."
            )
        return _pack_array(batch)
    try:
        return "json", _encode_exactly(batch)
    except (TypeError, ValueError, RecursionError) as error:
        raise EvaluatorError(f"these inputs cannot be sent to a candidate: {error}") from error


def _encode_exactly(batch: Sequence[Any]) -> bytes:
    """Encode fast, and slowly where that would change a value or fail."""
    with contextlib.suppress(UnicodeEncodeError, OverflowError):
        text = _encode(batch)
        # What is not finite becomes null; json has words for it that a worker reads back.
        if b"null" not in text:
            return text
    return json.dumps(batch).encode()


def is_array(batch: Any) -> bool:
    """Tell whether batch is a numpy array, without importing numpy."""
    numpy: Any = sys.modules.get("numpy")
    return numpy is not None and isinstance(batch, numpy.ndarray)


def _pack_array(array: Any) -> tuple[Any, bytes]:
    if array.dtype.kind not in _ARRAY_KINDS or not array.ndim:
        raise EvaluatorError(
            f"an array of dtype {array.dtype} and {array.ndim} dimensions cannot be sent to a "
            "candidate: send numbers or booleans, in rows."
        )
    return [array.dtype.str, list(array.shape)], array.tobytes()
