"""The journal: an append-only file of JSON lines, each holding the digest of the one before it.

A record is `{"kind", "seq", "time", "prev", "body", "hash"}`; `hash` is the SHA-256 of the canonical JSON of the
other five, `prev` the hash of the record before (64 zeros for the first), `time` Unix seconds. Training starts a
journal; pack, eval and audit append their receipts to it.
"""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from golfctl.core.canonical import canonical_json, sha256_json
from golfctl.core.files import read_bytes, storage_errors
from golfctl.errors import CheckpointError

GENESIS = "0" * 64
_LIMIT_BYTES = 1 << 30


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
    *lines, torn = read_bytes(path, _LIMIT_BYTES).split(b"\n")
    records: list[Record] = []
    for number, line in enumerate(lines):
        record = _parse(path, number, line)
        expected = records[-1].hash if records else GENESIS
        if record.prev != expected or record.seq != number:
            raise CheckpointError(f"{path}: line {number + 1} does not continue the hash chain of the line before it")
        records.append(record)
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

    def __init__(self, path: Path) -> None:
        """Open or create `path`; a torn last line is cut off and kept in `self.torn` for the caller to report."""
        self.path = Path(path)
        self.torn = b""
        self._seq, self._last, self._bytes = 0, GENESIS, 0
        if self.path.exists():
            records, self.torn = read_journal(self.path)
            if self.torn:
                with storage_errors(self.path):
                    os.truncate(self.path, self.path.stat().st_size - len(self.torn))
            if records:
                self._seq, self._last = len(records), records[-1].hash
            self._bytes = self.path.stat().st_size

    @property
    def head(self) -> str:
        """Hash of the last record: what a receipt cites."""
        return self._last

    def append(self, kind: str, body: dict[str, Any]) -> Record:
        """Append one record and force it to disk.

        Raises:
            StorageError: the disk is full or refuses the write.
        """
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                self._catch_up(stream.tell())
                draft = Record(kind, self._seq, round(time.time(), 3), self._last, body, "")
                record = draft._replace(hash=_digest(draft))
                stream.write(canonical_json(record._asdict()) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
                self._seq, self._last, self._bytes = self._seq + 1, record.hash, stream.tell()
        return record

    def _catch_up(self, bytes_now: int) -> None:
        """Continue after what another process appended meanwhile (an evaluation beside a training run)."""
        if bytes_now != self._bytes:
            records = read_journal(self.path).records
            self._seq, self._last = len(records), records[-1].hash if records else GENESIS
