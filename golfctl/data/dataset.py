"""A dataset folder: token shards, their tokenizer and, when we built it, `dataset.json` and the raw held-out texts.

    fineweb_train_%06d.bin  fineweb_val_%06d.bin  tokenizer.model  dataset.json  validation.jsonl.zst

A folder of published shards with a tokenizer opens too; its raw texts are unknown, so bytes are those the tokens decode
to, and it says so, until the original texts are given.
"""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from golfctl.core.canonical import sha256_bytes
from golfctl.core.files import read_bytes
from golfctl.core.progress import SILENT, Progress
from golfctl.data import dataset_json as manifests
from golfctl.data.dataset_json import Manifest, ShardEntry
from golfctl.data.shard_digests import computed_sha256, remembered_sha256
from golfctl.data.shards import list_shards, read_shard, token_count
from golfctl.data.text.sources import read_documents
from golfctl.data.tokenizers.byte_table import ByteTable
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.data.validation import Original, Validation
from golfctl.errors import DataError, InputError

TOKENIZER_FILE = "tokenizer.model"
_MANIFEST_LIMIT_BYTES = 256 << 20
_DECODE_TOKENS = 1 << 20


class Dataset:
    """An opened dataset folder; cheap to open, arrays are memory-mapped."""

    def __init__(self, path: Path, tokenizer: Tokenizer, manifest: Manifest | None, texts: Sequence[Path] = ()) -> None:
        """Use `Dataset.open`."""
        self.path = Path(path)
        self._texts = tuple(texts)
        self.tokenizer = tokenizer
        self.manifest = manifest
        self.train_shards = self._shards("train")
        self.val_shards = self._shards("val")

    @classmethod
    def open(cls, folder: Path, tokenizer: Path | None = None, texts: Sequence[Path] = ()) -> "Dataset":
        """Open a folder; `tokenizer` is needed only where the folder holds none, or several.

        `texts` are files with the original held-out documents; they go before those that the folder keeps.

        Raises:
            InputError: no such folder or file. DataError: no shards, a bad manifest, header or tokenizer, or a count,
            or the tokenizer's digest, that contradicts the manifest.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"no such dataset folder: {folder}")
        if not list_shards(folder, "train") + list_shards(folder, "val"):
            raise DataError(
                f"{folder}: no token shards (*_train_*.bin, *_val_*.bin); make some with `golfctl data build`"
            )
        manifest = _read_manifest(folder)
        dataset = cls(folder, Tokenizer.load(tokenizer or _find_tokenizer(folder, manifest)), manifest, texts)
        dataset._check_counts()
        return dataset

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @cached_property
    def table(self) -> ByteTable:
        """Bytes per token of this dataset's tokenizer."""
        return ByteTable.of(self.tokenizer)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over tokenizer and shards; without a manifest every shard is read for it, unless its own digest is
        remembered."""
        if self.manifest is not None:
            return self.manifest.digest
        shards = [*self.train_shards, *self.val_shards]
        entries = tuple(ShardEntry(file=p.name, tokens=token_count(p), sha256=remembered_sha256(p)) for p in shards)
        return manifests.content_digest(self.tokenizer.digest, entries)

    def check_shards(
        self, shards: Sequence[Path], sha256: Callable[[Path], str] = computed_sha256, progress: Progress = SILENT
    ) -> dict[str, str]:
        """The digest of each shard by its file name, held against the manifest where there is one.

        Raises:
            DataError: a shard was changed; its name is said.
        """
        entries = self.manifest.train.shards + self.manifest.validation.shards if self.manifest else ()
        described = {entry.file: entry.sha256 for entry in entries}
        found: dict[str, str] = {}
        with progress.task("computing digests", len(shards), "shards") as task:
            for path in shards:
                found[path.name] = sha256(path)
                if described.get(path.name, found[path.name]) != found[path.name]:
                    raise DataError(
                        f"{path}: changed since {manifests.FILE} was written (sha256 {found[path.name]}, it says "
                        f"{described[path.name]}): build or fetch the data again"
                    )
                task.advance()
        return found

    def train_tokens(self) -> int:
        """Number of training tokens."""
        return sum(map(token_count, self.train_shards))

    def validation(self) -> Validation:
        """The held-out tokens with their documents and byte counts, checked against the manifest.

        Raises:
            DataError: no held-out tokens, an id outside the vocabulary, or counts that contradict the manifest.
        """
        return self._validation

    @cached_property
    def _validation(self) -> Validation:
        parts = [read_shard(path, self.tokenizer.vocab_size) for path in self.val_shards]
        tokens_N = np.concatenate(parts) if parts else np.zeros(0, np.uint16)
        if len(tokens_N) < 2:
            raise DataError(f"{self.path}: no held-out tokens; a score needs at least two")
        tokens_N = np.ascontiguousarray(tokens_N, np.uint16)
        held_out = Validation.of(tokens_N, self.tokenizer, self.table, self._original())
        held_out.check(self.manifest, str(self.path / manifests.FILE))
        return held_out

    def validation_texts(self) -> list[bytes]:
        """The raw held-out documents; the decoded ones where only shards are there (`validation().raw_is_decoded`).

        Raises:
            DataError: the stored texts are damaged or not the ones the manifest names. InputError: they are missing.
        """
        return self._kept_texts() if self.manifest and not self._texts else self.validation().texts

    def _original(self) -> Original | None:
        """Where the raw held-out documents are to be had, if anywhere."""
        if self._texts:
            return Original(", ".join(map(str, self._texts)), lambda: [d.data for d in read_documents(self._texts)])
        if self.manifest is None or not (self.path / self.manifest.validation.text_file).is_file():
            return None
        return Original(str(self.path / self.manifest.validation.text_file), self._kept_texts)

    def _kept_texts(self) -> list[bytes]:
        """The texts that the folder keeps: those and no others that its manifest describes."""
        assert self.manifest is not None
        path, entry = self.path / self.manifest.validation.text_file, self.manifest.validation
        texts = [document.data for document in read_documents([path])]
        if sha256_bytes(b"".join(texts)) != entry.text_sha256:
            raise DataError(f"{path}: not the texts that {manifests.FILE} names; build the dataset again")
        if tuple(map(len, texts)) != entry.document_raw_bytes:
            said, found = sum(entry.document_raw_bytes), sum(map(len, texts))
            raise DataError(
                f"{self.path / manifests.FILE}: says {said:,} raw bytes in {len(entry.document_raw_bytes):,} "
                f"documents, the texts have {found:,} in {len(texts):,}; build the dataset again"
            )
        return texts

    def training_text(self, limit_bytes: int | None = None) -> bytes:
        """What the training tokens decode to, at most `limit_bytes` from the front."""
        parts: list[bytes] = []
        size = 0
        for path in self.train_shards:
            ids_N = read_shard(path)
            for start in range(0, len(ids_N), _DECODE_TOKENS):
                if limit_bytes is not None and size >= limit_bytes:
                    break
                parts.append(self.tokenizer.decode_bytes(ids_N[start : start + _DECODE_TOKENS].tolist()))
                size += len(parts[-1])
        return b"".join(parts)[:limit_bytes]

    def _shards(self, split: str) -> list[Path]:
        if self.manifest is None:
            return list_shards(self.path, split)
        part = self.manifest.train if split == "train" else self.manifest.validation
        return [self.path / shard.file for shard in part.shards]

    def _check_counts(self) -> None:
        """Headers and sizes of all shards; with a manifest also counts and the tokenizer's digest."""
        counts = {path.name: token_count(path) for path in [*self.train_shards, *self.val_shards]}
        if not sum(counts.values()):
            raise DataError(f"{self.path}: the token shards are empty; build or fetch the data again")
        if self.manifest is None:
            return
        if self.tokenizer.digest != self.manifest.tokenizer.sha256:
            raise DataError(f"{self.path}: the tokenizer is not the one that {manifests.FILE} names")
        for shard in self.manifest.train.shards + self.manifest.validation.shards:
            if counts[shard.file] != shard.tokens:
                raise DataError(
                    f"{self.path / shard.file}: {counts[shard.file]:,} tokens, {manifests.FILE} says {shard.tokens:,}"
                )


def _read_manifest(folder: Path) -> Manifest | None:
    path = folder / manifests.FILE
    if not path.exists():
        return None
    try:
        values = json.loads(read_bytes(path, _MANIFEST_LIMIT_BYTES))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON that can be read: {error}") from error
    if not isinstance(values, dict) or values.get("format") != manifests.FORMAT:
        raise DataError(f"{path}: not a dataset description of the form {manifests.FORMAT}")
    found = Manifest.from_dict(values, str(path))
    names = [shard.file for shard in found.train.shards + found.validation.shards]
    for name in [*names, found.tokenizer.file, found.validation.text_file]:
        if Path(name).name != name:
            raise DataError(f"{path}: {name!r} is not a plain file name")
    return found


def _find_tokenizer(folder: Path, manifest: Manifest | None) -> Path:
    if manifest is not None:
        return folder / manifest.tokenizer.file
    if (folder / TOKENIZER_FILE).exists():
        return folder / TOKENIZER_FILE
    found = sorted(folder.glob("*.model"))
    if len(found) != 1:
        raise DataError(
            f"{folder}: {len(found)} tokenizers (*.model) here; put the right one there as {TOKENIZER_FILE}"
        )
    return found[0]
