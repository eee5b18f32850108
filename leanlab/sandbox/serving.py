"""What a confined worker does: load the experiment, call its functions, send back what they say.

Nothing here is trusted once the experiment is loaded: it can replace all of it. What it can not do
is make the evaluator believe anything but marks and texts of the declared form.
"""

from __future__ import annotations

import io
import json
import linecache
import os
import pickle
import struct
import sys
import traceback
import types
from typing import TYPE_CHECKING, Any

from leanlab.sandbox import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

REPLIES = 3

_BIT_TYPES, _BIT_VALUES = frozenset((int, bool)), frozenset((0, 1))
_BIT_MARKS = bytes((wire.ZERO, wire.ONE)) + bytes(254)

Header = dict[str, Any]


class _Failure(Exception):
    """A request that has no usable answer."""

    def __init__(self, outcome: int, error: BaseException | None = None) -> None:
        super().__init__()
        self.outcome = outcome
        self.error = error


def serve() -> NoReturn:
    """Answer requests until the evaluator hangs up."""
    requests = io.FileIO(0, closefd=False)
    candidate = _Candidate()
    while True:
        nonce, header, payload = _next_request(requests)
        outcome, error = wire.OK, None
        try:
            reply, error = candidate.answer(header, payload)
        except _Failure as failure:
            outcome, error = failure.outcome, failure.error
            reply = bytes([wire.mark_of(error)]) if outcome == wire.RAISED and error else b""
        except MemoryError:
            outcome, reply = wire.OUT_OF_MEMORY, b""
        note = _describe(error, header["note"]) if error is not None and header["note"] else b""
        del error, payload
        sys.stdout.flush()
        if outcome == wire.OK and len(reply) > header["cap"]:
            outcome, reply = wire.TOO_MUCH, b""
        _write(wire.REPLY.pack(nonce, outcome, len(reply), len(note)), reply, note)


def rehearse() -> None:
    """Go once through what a request does, so that the pages of memory are this process' own.

    Until it writes to one for the first time, a forked process shares it, and then waits for a
    copy: to count a reference is to write.
    """
    function = eval(compile("lambda x: x.count('1') % 2", "", "eval", dont_inherit=True))  # noqa: S307
    payload = bytearray(json.dumps(["01"]).encode())
    header = json.loads(json.dumps({"form": "json", "reply": "bit"}))
    _call_for_bits(function, _unpack(header["form"], payload))
    wire.REPLY.pack(bytes(wire.NONCE), wire.OK, 0, 0)


def _next_request(requests: io.FileIO) -> tuple[bytes, Header, bytearray]:
    nonce, head, body = wire.REQUEST.unpack(_read(requests, wire.REQUEST.size))
    return nonce, json.loads(_read(requests, head)), _read(requests, body)


def _read(requests: io.FileIO, size: int) -> bytearray:
    data = bytearray(size)
    view, start = memoryview(data), 0
    while start < size:
        got = requests.readinto(view[start:])
        if not got:
            os._exit(0)
        start += got
    return data


def _write(*parts: bytes) -> None:
    view = memoryview(b"".join(parts))
    while view:
        view = view[os.write(REPLIES, view) :]


def _describe(error: BaseException, cap: int) -> bytes:
    """Format a traceback from the experiment's first frame on."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__") == __name__:
        frames = frames.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, frames))
        return text.encode("utf-8", "backslashreplace")[:cap]
    except BaseException:  # noqa: BLE001 - the experiment's own __str__, or no memory
        return b"an exception that cannot be shown"[:cap]


class _Candidate:
    """The loaded experiment, and the model that its fit made."""

    def __init__(self) -> None:
        self.module = types.ModuleType("experiment")
        self.model: Any = None

    def answer(self, header: Header, payload: bytearray) -> tuple[bytes, BaseException | None]:
        """Return the reply, and the first exception if some items have failed."""
        operation: Callable[[Header, bytearray], tuple[bytes, BaseException | None]]
        operation = getattr(self, header["op"])
        return operation(header, payload)

    def load(self, header: Header, payload: bytearray) -> tuple[bytes, None]:
        name, source = header["name"], bytes(payload)
        lines = io.StringIO(source.decode("utf-8", "replace")).readlines()
        linecache.cache[name] = (len(source), None, lines, name)
        self.module.__file__ = name
        sys.modules["experiment"] = self.module
        try:
            exec(compile(source, name, "exec", dont_inherit=True), self.module.__dict__)  # noqa: S102
        except MemoryError as error:
            raise _Failure(wire.OUT_OF_MEMORY, error) from None
        except BaseException as error:  # noqa: BLE001 - sys.exit() as well
            raise _Failure(wire.LOAD_FAILED, error) from None
        return b"", None

    def call(self, header: Header, payload: bytearray) -> tuple[bytes, BaseException | None]:
        function = self._function(header)
        items = _unpack(header["form"], payload)
        if header["spread"]:
            return _call_for_json(lambda item: function(*item), items, header["each"])
        if header["reply"] == "bit":
            return _call_for_bits(function, items)
        return _call_for_json(function, items, header["each"])

    def fit(self, header: Header, payload: bytearray) -> tuple[bytes, None]:
        function = self._function(header)
        view = memoryview(payload)
        inputs = _unpack(header["form"], view[: header["split"]])
        labels = _unpack(header["labels"], view[header["split"] :])
        try:
            model = function(inputs, labels)
        except BaseException as error:  # noqa: BLE001
            raise _Failure(wire.RAISED, error) from None
        try:
            return pickle.dumps(model, pickle.HIGHEST_PROTOCOL), None
        except MemoryError as error:
            raise _Failure(wire.OUT_OF_MEMORY, error) from None
        except BaseException as error:  # noqa: BLE001
            raise _Failure(wire.UNPICKLABLE, error) from None

    def restore(self, _header: Header, payload: bytearray) -> tuple[bytes, None]:
        # The blob is the experiment's own, and this process is as confined as the one it is from.
        try:
            self.model = pickle.loads(payload)  # noqa: S301
        except BaseException as error:  # noqa: BLE001
            raise _Failure(wire.UNPICKLABLE, error) from None
        return b"", None

    def predict(self, header: Header, payload: bytearray) -> tuple[bytes, BaseException | None]:
        function = self._function(header)
        items = _unpack(header["form"], payload)
        count = len(items)
        try:
            answers = function(self.model, items)
            answers = list(answers.tolist() if hasattr(answers, "tolist") else answers)
        except BaseException as error:  # noqa: BLE001
            raise _Failure(wire.RAISED, error) from None
        if len(answers) != count:
            raise _Failure(wire.WRONG_LENGTH, None)
        if header["reply"] == "bit":
            return _call_for_bits(_same, answers)
        return _call_for_json(_same, answers, header["each"])

    def _function(self, header: Header) -> Callable[..., Any]:
        function = getattr(self.module, header["function"], None)
        if not callable(function):
            raise _Failure(wire.NO_FUNCTION)
        return function  # type: ignore[no-any-return]


def _same(value: Any) -> Any:
    return value


def _unpack(form: Any, payload: bytearray | memoryview) -> Any:
    """Rebuild a batch: a JSON list, or an array of the dtype and shape that form gives."""
    if form == "json":
        return json.loads(bytes(payload))
    numpy: Any = sys.modules["numpy"]
    dtype, shape = form
    return numpy.frombuffer(payload, numpy.dtype(dtype)).reshape(shape)


def _call_for_bits(
    function: Callable[[Any], Any], items: Iterable[Any]
) -> tuple[bytes, BaseException | None]:
    first: BaseException | None = None
    failed: dict[int, int] = {}
    values: list[Any] = []
    for item in items:
        try:
            values.append(function(item))
        except BaseException as error:  # noqa: BLE001 - one failed item is one wrong answer
            first = first or error
            failed[len(values)] = wire.mark_of(error)
            values.append(None)
    # By exact type: a subclass, or numpy's, could answer == in its own way.
    if _BIT_TYPES.issuperset(map(type, values)) and _BIT_VALUES.issuperset(values):
        return bytes(values).translate(_BIT_MARKS), None
    marks = bytearray(
        _BIT_MARKS[value] if type(value) in _BIT_TYPES and value in _BIT_VALUES else wire.INVALID
        for value in values
    )
    for position, mark in failed.items():
        marks[position] = mark
    return bytes(marks), first


def _call_for_json(
    function: Callable[[Any], Any], items: Iterable[Any], each: int
) -> tuple[bytes, BaseException | None]:
    first: BaseException | None = None
    marks = bytearray()
    texts: list[bytes] = []
    encode = json.JSONEncoder(allow_nan=False, default=_plain, separators=(",", ":")).encode
    for item in items:
        text = b""
        try:
            value = function(item)
        except BaseException as error:  # noqa: BLE001 - one failed item is one wrong answer
            first = first or error
            mark = wire.mark_of(error)
        else:
            try:
                text = encode(value).encode("ascii")
                mark = wire.JSON if len(text) <= each else wire.TOO_LARGE
            except (TypeError, ValueError):
                mark = wire.INVALID
            except BaseException as error:  # noqa: BLE001 - too deep, or the value's own code
                first = first or error
                mark = wire.mark_of(error)
        marks.append(mark)
        texts.append(text if mark == wire.JSON else b"")
    lengths = struct.pack(f"<{len(texts)}I", *map(len, texts))
    return b"".join((marks, lengths, *texts)), first


def _plain(value: Any) -> Any:
    """Turn numpy's scalars and arrays into Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
