"""The journal: an append-only file of JSON lines, each holding the digest of the one before it.

A record is `{"kind", "seq", "time", "prev", "body", "hash"}`; `hash` is the SHA-256 of the canonical JSON of the
other five, `prev` the hash of the record before (64 zeros for the first), `time` Unix seconds. Training starts a
journal; pack, eval and audit append their receipts to it. Each append holds the journal's lock, looks for the end
under it, and either leaves a whole record on disk or the journal as it was.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from golfctl.core.canonical import canonical_json, sha256_json
from golfctl.core.files import read_bytes, storage_error, storage_errors, writing
from golfctl.core.lfs import refuse_pointer
from golfctl.errors import CheckpointError, InputError, StorageError

GENESIS = "0" * 64
_LIMIT_BYTES = 1 << 30
_WAIT_SECONDS = 60.0  # for another writer, which needs milliseconds


class Record(NamedTuple):
    """One line of a journal."""

    kind: str
    seq: int
    time: float
    prev: str
    body: dict[str, Any]
    hash: str


class JournalText(NamedTuple):
    """What a journal file holds: its records, and the torn last line that was dropped, if any."""

    records: list[Record]
    torn: bytes


def read_journal(path: Path) -> JournalText:
    """Read and verify a journal; a last line without its newline is reported as torn, not as an error.

    Raises:
        InputError: no such file. CheckpointError: a record is malformed or the chain is broken.
    """
    return _continued(path, read_bytes(path, _LIMIT_BYTES), 0, GENESIS)


def _continued(path: Path, data: bytes, count: int, last: str) -> JournalText:
    """The records in `data`, which follows on `count` others, of which the last has the hash `last`."""
    *lines, torn = data.split(b"\n")
    records: list[Record] = []
    for number, line in enumerate(lines, count):
        record = _parse(path, number, line)
        if record.prev != last or record.seq != number:
            raise CheckpointError(f"{path}: line {number + 1} does not continue the hash chain of the line before it")
        records.append(record)
        last = record.hash
    return JournalText(records, torn)


def _parse(path: Path, number: int, line: bytes) -> Record:
    try:
        record = Record(**json.loads(line))
        if not _well_typed(record):
            raise TypeError("a field is of the wrong type")
    except (ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path}: line {number + 1} is not a journal record: {error}") from error
    if record.hash != _digest(record):
        raise CheckpointError(f"{path}: line {number + 1} was changed after it was written (its digest does not match)")
    return record


def _well_typed(record: Record) -> bool:
    numbers = type(record.seq) is int and type(record.time) in (int, float) and record.time >= 0
    texts = all(isinstance(text, str) for text in (record.kind, record.prev, record.hash))
    return numbers and texts and bool(record.kind) and isinstance(record.body, dict)


def _digest(record: Record) -> str:
    return sha256_json({key: value for key, value in record._asdict().items() if key != "hash"})


class Journal:
    """Appends records to a journal file, one flushed line each."""

    def __init__(self, path: Path, say: Callable[[str], None] = lambda message: None) -> None:
        """Open `path`, or create it with the first record.

        A torn last line is cut off, kept in `self.torn`, and `say` is told.
        """
        self.path, self.torn, self._say = Path(path), b"", say
        self._count, self._last, self._bytes = 0, GENESIS, 0
        if self.path.exists():
            with self._open() as stream:
                self._catch_up(stream)

    @property
    def head(self) -> str:
        """Hash of the last record: what a receipt cites."""
        return self._last

    def append(self, kind: str, body: dict[str, Any]) -> Record:
        """Append one record and force it to disk.

        Raises:
            StorageError: the disk is full or refuses the write, or the journal is gone; the message says what is left.
            CheckpointError: somebody else broke the chain. UsageError: another process holds the journal and goes on.
        """
        if self._bytes and not self.path.exists():
            raise StorageError(f"{self.path} is gone: it was moved or removed while a process was writing to it")
        with self._open() as stream:
            self._catch_up(stream)
            draft = Record(kind, self._count, round(time.time(), 3), self._last, body, "")
            record = draft._replace(hash=_digest(draft))
            self._write(stream, canonical_json(record._asdict()) + b"\n")
            self._count, self._last, self._bytes = self._count + 1, record.hash, stream.tell()
        return record

    @contextlib.contextmanager
    def _open(self) -> Iterator[FileIO]:
        """The file, unbuffered, under the journal's lock."""
        with writing(self.path, _WAIT_SECONDS):
            with storage_errors(self.path):
                handle = os.open(self.path, os.O_RDWR | (0 if self._bytes else os.O_CREAT), 0o644)
            with FileIO(handle, "r+") as stream:
                yield stream

    def _catch_up(self, stream: FileIO) -> None:
        """Go to the end, past what others appended meanwhile; cut off what a killed writer left unfinished there."""
        with storage_errors(self.path):
            size = os.fstat(stream.fileno()).st_size
            stream.seek(min(size, self._bytes))
            found = stream.readall() if size <= _LIMIT_BYTES else b""
        if size < self._bytes:
            raise CheckpointError(f"{self.path} is shorter than it was: somebody else cut it while we wrote to it")
        if size > _LIMIT_BYTES:
            raise InputError(f"{self.path} has {size:,} bytes; at most {_LIMIT_BYTES:,} are read here")
        refuse_pointer(found, str(self.path))
        records, torn = _continued(self.path, found, self._count, self._last)
        if records:
            self._count, self._last = self._count + len(records), records[-1].hash
        self._bytes += len(found) - len(torn)
        if torn:
            with storage_errors(self.path):
                stream.truncate(self._bytes)
            self.torn = torn
            self._say(f"{self.path}: dropped a torn last line of {len(torn)} bytes")
        stream.seek(self._bytes)

    def _write(self, stream: FileIO, line: bytes) -> None:
        """Write `line` at the end; when that fails, take back what was written of it."""
        try:
            done = 0
            while done < len(line):
                done += stream.write(line[done:]) or 0
            os.fsync(stream.fileno())
        except BaseException as error:
            left = self._cut_back(stream)
            if isinstance(error, OSError):
                raise storage_error(self.path, error, left) from error
            raise

    def _cut_back(self, stream: FileIO) -> str:
        try:
            stream.truncate(self._bytes)
            if not self._bytes:
                self.path.unlink()
        except OSError:
            return "its last line is torn, and the next writer will remove it"
        return "it is as it was"


def add_receipt(path: Path, kind: str, body: dict[str, Any], say: Callable[[str], None]) -> Record | None:
    """Continue a run's journal at `path` with what became of the run.

    In a folder that takes no writes there is no receipt, which is said: looking at a run changes nothing in it.

    Raises:
        StorageError, CheckpointError, UsageError: as `Journal.append`.
    """
    if not all(os.access(place, os.W_OK) for place in (path, path.parent) if place.exists()):
        say(f"note: {path} cannot be written, so it gets no receipt of this {kind}")
        return None
    return Journal(path, say).append(kind, body)
