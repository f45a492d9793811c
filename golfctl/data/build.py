"""Build a dataset folder from documents: tokens, shards, exact byte counts and a manifest, all or nothing."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zstandard

from golfctl.core.canonical import canonical_json, sha256_bytes
from golfctl.core.files import storage_errors
from golfctl.core.progress import SILENT, Progress, Task
from golfctl.data import dataset_json as manifests
from golfctl.data.carried import Losses, account
from golfctl.data.dataset import TOKENIZER_FILE, Dataset
from golfctl.data.dataset_json import Manifest, ShardEntry, TokenizerEntry, TrainEntry, ValidationEntry
from golfctl.data.folders import new_folder
from golfctl.data.shards import SHARD_TOKENS, ShardInfo, ShardWriter
from golfctl.data.text.records import MOST_BYTES
from golfctl.data.text.sources import Document
from golfctl.data.tokenizers.byte_table import ByteTable
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.errors import DataError

TEXT_FILE = "validation.jsonl.zst"
_BATCH_DOCUMENTS, _BATCH_CHARACTERS = 256, 1 << 24  # whichever is reached first: documents may be large
_ZSTD_LEVEL = 12


class Labelled(NamedTuple):
    """A document and whether it is held out; a held-out text comes before any training document equal to it."""

    document: Document
    held_out: bool


def split_by_hash(documents: Iterable[Document], fraction: float) -> Iterator[Labelled]:
    """Hold out about `fraction` of the documents, chosen by the digest of their text: equal texts go the same way.

    Raises:
        ValueError: a fraction outside (0, 1).
    """
    if not 0 < fraction < 1:
        raise ValueError("the held-out fraction lies between 0 and 1")
    for document in documents:
        yield Labelled(document, int.from_bytes(document.key[:8], "big") < fraction * 2.0**64)


def split_explicit(train: Iterable[Document], validation: Iterable[Document]) -> Iterator[Labelled]:
    """Held-out documents first, then the training ones, as given."""
    for document in validation:
        yield Labelled(document, True)
    for document in train:
        yield Labelled(document, False)


@dataclass
class _Part:
    """Running counts of one part."""

    writer: ShardWriter
    raw_bytes: list[int] = field(default_factory=list)


def build_dataset(
    out: Path,
    documents: Iterable[Labelled],
    tokenizer: Tokenizer,
    *,
    source: str,
    split: str,
    licence: str = "not stated",
    shard_tokens: int = SHARD_TOKENS,
    drop_overlap: bool = False,
    replace: bool = False,
    progress: Progress = SILENT,
) -> Dataset:
    """Write a dataset folder; it appears whole or not at all, and an existing one stays unless `replace`.

    Each document becomes BOS + ids. A training document whose text is also held out is an error, or with
    `drop_overlap` left out and counted.

    Raises:
        DataError: no training or held-out text, overlap, or a tokenizer without BOS. StorageError: the disk refuses.
    """
    if tokenizer.bos is None:
        raise DataError("this tokenizer has no BOS piece, so documents could not be told apart: train one with a BOS")
    with new_folder(out, replace) as folder:
        builder = _Builder(folder, tokenizer, shard_tokens, drop_overlap)
        with progress.task("tokenizing", None, "bytes") as task:
            builder.run(documents, task)
        for line in builder.remarks():
            progress.say(line)
        described = builder.describe(source, licence, split)
        with storage_errors(folder):
            (folder / TOKENIZER_FILE).write_bytes(tokenizer.proto)
            (folder / manifests.FILE).write_bytes(canonical_json(described.to_dict()) + b"\n")
    return Dataset.open(out)


class _Builder:
    """Tokenizes in batches and keeps the accounts."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, shard_tokens: int, drop_overlap: bool) -> None:
        self._folder, self._tokenizer, self._drop = folder, tokenizer, drop_overlap
        self._table = ByteTable.of(tokenizer)
        self._train = _Part(ShardWriter(folder, "train", shard_tokens))
        self._held = _Part(ShardWriter(folder, "val", shard_tokens))
        self._held_keys: set[bytes] = set()
        self._dropped = self._changed = self._decoded = self._billed = 0
        self._losses = Losses(0, 0, 0, 0, 0, tokenizer)
        self._text_digest = hashlib.sha256()

    def run(self, documents: Iterable[Labelled], task: Task) -> None:
        """Tokenize everything and write shards and raw held-out texts."""
        path = self._folder / TEXT_FILE
        compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True)
        with (
            storage_errors(path),
            path.open("wb") as raw,
            compressor.stream_writer(raw) as self._texts,
            self._train.writer,
            self._held.writer,
        ):
            for batch in _batches(documents):
                self._add(batch)
                task.advance(sum(len(item.document.data) for item in batch))
        for part, what in ((self._held, "held-out"), (self._train, "training")):
            if not part.raw_bytes:
                raise DataError(f"no {what} documents: empty input, or the split left none; give more text")

    def _add(self, batch: list[Labelled]) -> None:
        kept = [item for item in batch if self._keeps(item)]
        encoded = self._tokenizer.encode_many([item.document.text for item in kept])
        for (document, held_out), ids in zip(kept, encoded, strict=True):
            part = self._held if held_out else self._train
            tokens = np.array([self._tokenizer.bos, *ids], np.uint16)
            part.writer.write(tokens)
            part.raw_bytes.append(len(document.data))
            if held_out:
                self._account(document, tokens)

    def _keeps(self, item: Labelled) -> bool:
        """False for a training document that is also held out (held-out documents come first)."""
        key = item.document.key
        if item.held_out:
            self._held_keys.add(key)
        if item.held_out or key not in self._held_keys:
            return True
        if not self._drop:
            raise DataError(
                f"document {item.document.name!r} is both in the training and the held-out text; "
                "remove it, or pass --drop-overlap to train without it"
            )
        self._dropped += 1
        return False

    def _account(self, document: Document, tokens: np.ndarray) -> None:
        """Bytes of one held-out document: raw, decoded, carried, billed; its text goes to the texts file."""
        record = {"name": document.name, "text": document.text}
        line = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace")
        if len(line) > MOST_BYTES:  # it could not be read again
            raise DataError(f"document {document.name!r} has more than {MOST_BYTES:,} bytes as JSON; split it")
        self._texts.write(line + b"\n")
        self._text_digest.update(document.data)
        found = account(self._tokenizer, tokens.tolist(), document.data)
        self._losses = self._losses.plus(Losses.of(found, tokens, self._tokenizer))
        self._decoded += len(self._tokenizer.decode_bytes(tokens.tolist()))
        self._changed += found.carried < found.raw
        self._billed += self._table.billed_total(tokens)

    def remarks(self) -> list[str]:
        """What a user must know about the result."""
        lines = [f"{self._dropped:,} training documents that are also held out were left out"] if self._dropped else []
        losses, divisor = self._losses, f"val_bpb divides by the {self._losses.carried:,} that are carried"
        lines += [f"warning: {cause}; {divisor}" for cause in losses.causes()]
        if losses.altered and not self._tokenizer.normalization.identity:
            lines[-1] = (
                f"warning: the tokenizer's {self._tokenizer.normalizer} normaliser changes {self._changed:,} of "
                f"{len(self._held.raw_bytes):,} held-out documents and hides {losses.altered:,} of their "
                f"{losses.raw:,} bytes; {divisor}"
            )
        if self._tokenizer.space_ids is not None:
            lines.append(
                "warning: this tokenizer has no piece for a space: it spells a lone one as the bytes of U+2581, from "
                "which it cannot be told; it is one byte here"
            )
        return lines

    def describe(self, source: str, licence: str, split: str) -> Manifest:
        """The manifest of what was written."""
        tokenizer, held, train = self._tokenizer, self._held, self._train
        raw_bytes = sum(held.raw_bytes)
        return Manifest(
            source=source,
            licence=licence,
            split=split,
            tokenizer=TokenizerEntry(
                file=TOKENIZER_FILE, sha256=tokenizer.digest, vocab_size=tokenizer.vocab_size,
                normalizer=tokenizer.normalizer, reversible=tokenizer.reversible and not self._changed,
            ),
            train=TrainEntry(
                documents=len(train.raw_bytes), tokens=train.writer.tokens, raw_bytes=sum(train.raw_bytes),
                shards=_entries(train.writer.shards),
            ),
            validation=ValidationEntry(
                tokens=held.writer.tokens, document_raw_bytes=tuple(held.raw_bytes), text_file=TEXT_FILE,
                text_file_sha256=sha256_bytes((self._folder / TEXT_FILE).read_bytes()),
                text_sha256=self._text_digest.hexdigest(), decoded_bytes=self._decoded, billed_bytes=self._billed,
                hidden_bytes=raw_bytes - self._decoded, changed_documents=self._changed,
                shards=_entries(held.writer.shards),
            ),
        )  # fmt: skip


def _entries(shards: list[ShardInfo]) -> tuple[ShardEntry, ...]:
    return tuple(ShardEntry(file=shard.file, tokens=shard.tokens, sha256=shard.sha256) for shard in shards)


def _batches(documents: Iterable[Labelled]) -> Iterator[list[Labelled]]:
    batch: list[Labelled] = []
    characters = 0
    for item in documents:
        batch.append(item)
        characters += len(item.document.text)
        if len(batch) == _BATCH_DOCUMENTS or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
