"""results.jsonl: append-only, one record a line, each naming the hash of the line before."""

from __future__ import annotations

import fcntl
import hashlib
import os
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, Generic, Protocol, TypeVar

import msgspec

from leanlab import flat, records
from leanlab.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from leanlab.records import AnyRecord


Position = tuple[int, int]
"""Bytes and lines before a record."""
_CHUNK = 1 << 20


class Linked(Protocol):
    """Anything that holds what its line says of the line before."""

    @property
    def prev(self) -> str: ...


Glance = TypeVar("Glance", bound=Linked)


class Batch(msgspec.Struct, Generic[Glance], frozen=True, kw_only=True):
    """Records that follow one another, as their reader wants to see them."""

    records: Sequence[Glance]
    starts: Sequence[int]
    """Bytes before each of them."""
    line: int
    """Lines before the first."""

    def position(self, place: int) -> Position:
        return self.starts[place], self.line + place


class Ledger:
    """Reads and appends. Holds a position and a hash, never the records.

    `new()` yields what was added since the last call, whoever wrote it. `append()` returns only
    after the line is on disk; a line that could not be written whole is taken back.

    Rows of leanlab 0.2 may stand at the start, before the first record of ours: they are outside
    the chain, which begins with the hash of the last of them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._line = 0
        self._tail = ""
        self._only_flat = True
        """Whether every line so far is a row of leanlab 0.2."""

    def read(self) -> Iterator[AnyRecord]:
        """Yield every record from the first, checking the chain."""
        return Ledger(self.path).new()

    def new(self) -> Iterator[AnyRecord]:
        """Yield records added since the last call; a torn last line is left alone.

        Raises LedgerError, naming the line, on one that is no record or breaks the chain.
        """
        if file := self._opened():
            with file:
                yield from self._from(file)

    def skim(self, decode: Callable[[bytes], Glance]) -> Iterator[Batch[Glance]]:
        """The same for readers of many records who want a few fields of each, as decode gives them.

        The chain is checked as ever; fields that decode leaves out are not.
        """
        if file := self._opened():
            with file:
                yield from self._skimmed(file, decode)

    def _opened(self) -> BinaryIO | None:
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be read: {error.strerror}.") from error

    @property
    def position(self) -> Position:
        """What was read so far: where `at` finds the next record."""
        return self._offset, self._line

    def at(self, positions: Iterable[Position]) -> Iterator[AnyRecord]:
        """Read records again, wherever they are; their chain was checked when they were new."""
        positions = list(positions)
        if not positions:
            return
        line = 0
        try:
            with self.path.open("rb") as file:
                for offset, line in positions:
                    file.seek(offset)
                    yield _reread(file.readline().rstrip(b"\n"), line + 1)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise LedgerError(
                f"{self.path} line {line + 1} cannot be read as a record: {error}. Look again, "
                "or ask leanlab check."
            ) from error

    def _from(self, file: BinaryIO) -> Iterator[AnyRecord]:
        if self._at_the_end(file):
            return
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            yield self._accept(raw[:-1])

    def _at_the_end(self, file: BinaryIO) -> bool:
        """Go to what was not read yet; tell whether there is nothing."""
        size = os.fstat(file.fileno()).st_size
        if size < self._offset:
            raise LedgerError(f"{self.path} became shorter while it was read. Was it edited?")
        file.seek(self._offset)
        return size == self._offset

    def _accept(self, line: bytes) -> AnyRecord:
        record = self._decode(line)
        self._offset += len(line) + 1
        self._line += 1
        self._tail = hashlib.sha256(line).hexdigest()
        return record

    def _skimmed(
        self, file: BinaryIO, decode: Callable[[bytes], Glance]
    ) -> Iterator[Batch[Glance]]:
        if self._at_the_end(file):
            return
        torn = b""
        while chunk := file.read(_CHUNK):
            *lines, torn = (torn + chunk).split(b"\n")
            if batch := self._accept_all(lines, decode):
                yield batch
            else:
                # Rows of leanlab 0.2 among them, or a line that is wrong: each by itself, as ever.
                for line in lines:
                    start, number = self.position
                    glance = decode(records.encode(self._accept(line)))
                    yield Batch(records=[glance], starts=[start], line=number)
            if len(chunk) < _CHUNK:
                return  # its torn last line may be set aside, and another begin in its place

    def _accept_all(
        self, lines: list[bytes], decode: Callable[[bytes], Glance]
    ) -> Batch[Glance] | None:
        """None unless all are plainly records of ours, in order. A third of the time of each."""
        try:
            for line in lines:
                if not line.isascii():
                    line.decode()
            found = [decode(line) for line in lines]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        hashes = [self._tail, *[hashlib.sha256(line).hexdigest() for line in lines]]
        if [record.prev for record in found] != hashes[:-1]:
            return None
        starts = [*accumulate([len(line) + 1 for line in lines], initial=self._offset)]
        batch = Batch(records=found, starts=starts[:-1], line=self._line)
        self._offset, self._tail = starts[-1], hashes[-1]
        self._line += len(lines)
        self._only_flat = self._only_flat and not lines
        return batch

    def _decode(self, line: bytes) -> AnyRecord:
        number = self._line + 1
        try:
            row = flat.decode(line, number) if self._only_flat else None
            if row is not None:
                return row
            record = records.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise LedgerError(
                f"{self.path} line {number} is no record: {error}. Restore the line from a copy, "
                "or archive the ledger: leanlab reset"
            ) from error
        if record.prev != self._tail:
            raise LedgerError(
                f"{self.path} line {number} does not follow line {number - 1}: one of them was "
                "changed, or a line between them removed. Restore the file from a copy, or "
                "archive it: leanlab reset"
            )
        self._only_flat = False
        return record

    def mend(self) -> int:
        """Move a torn last line to <name>.torn; return its length in bytes, 0 when all is whole.

        A torn line was never acknowledged: whoever wrote it died on the way.
        """
        if not self.path.exists():
            return 0
        with self._locked() as file:
            return self._set_aside(file, _end_of_last_line(file))

    def append(self, record: AnyRecord) -> tuple[AnyRecord, list[AnyRecord]]:
        """Write one record under the file's lock and flush it to disk.

        Returns the record with ts and prev filled in, and what others had appended before it
        since the last look.
        """
        with self._locked() as file:
            others = list(self._from(file))
            self._set_aside(file, self._offset)
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            whole = msgspec.structs.replace(record, ts=now, prev=self._tail)
            line = records.encode(whole)
            self._write(file, line + b"\n")
            self._offset += len(line) + 1
            self._line += 1
            self._only_flat = False
            self._tail = hashlib.sha256(line).hexdigest()
        return whole, others

    def _locked(self) -> BinaryIO:
        """Open for reading and writing, alone; closing the file unlocks it."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be written: {error.strerror}.") from error
        file = os.fdopen(descriptor, "rb+")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def _set_aside(self, file: BinaryIO, end: int) -> int:
        torn = os.fstat(file.fileno()).st_size - end
        if torn:
            file.seek(end)
            with self.path.with_name(self.path.name + ".torn").open("ab") as aside:
                aside.write(file.read() + b"\n")
            file.truncate(end)
        return torn

    def _write(self, file: BinaryIO, line: bytes) -> None:
        first = self._offset == 0
        try:
            view = memoryview(line)
            at = self._offset
            while view:
                written = os.pwrite(file.fileno(), view, at)
                view, at = view[written:], at + written
            os.fsync(file.fileno())
            if first:
                _sync_folder(self.path.parent)
        except OSError as error:
            os.ftruncate(file.fileno(), self._offset)
            raise LedgerError(
                f"{self.path} could not take a record: {error.strerror}. Nothing of it was "
                "kept; make room and run again: an experiment on disk is evaluated first."
            ) from error


def _reread(line: bytes, number: int) -> AnyRecord:
    try:
        return records.decode(line)
    except msgspec.DecodeError:
        row = flat.decode(line, number)
        if row is None:
            raise
        return row


def _end_of_last_line(file: BinaryIO) -> int:
    """Return the offset just after the last newline; 0 without one."""
    position = os.fstat(file.fileno()).st_size
    while position > 0:
        start = max(0, position - (1 << 16))
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
