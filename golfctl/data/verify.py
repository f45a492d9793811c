"""Check a dataset folder: digests, counts, ids, every held-out byte, and overlap of training and held-out text."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from golfctl.core.canonical import sha256_bytes, sha256_file
from golfctl.core.progress import SILENT, Progress
from golfctl.data.dataset import Dataset
from golfctl.data.overlap import find_overlap
from golfctl.data.shards import check_ids, read_shard
from golfctl.data.validation import split_documents
from golfctl.errors import InputError


class Check(NamedTuple):
    """One question about the dataset; `ok` None means that it could not be asked, and `detail` says why."""

    name: str
    ok: bool | None
    detail: str


def verify_dataset(
    dataset: Dataset, *, overlap: bool = True, texts: Sequence[bytes] | None = None, progress: Progress = SILENT
) -> dict[str, Any]:
    """Run every check and return the report as plain JSON values; `texts` are the original held-out documents.

    Raises:
        DataError: no held-out tokens, or an id outside the vocabulary: nothing can be accounted for then.
    """
    held = dataset.validation()
    _check_training_ids(dataset, progress)
    checks = [
        Check("ids", True, f"all below the vocabulary's {dataset.tokenizer.vocab_size}"),
        *_digests(dataset, progress),
        _tokens_are_the_text(dataset),
        _reversible(dataset),
        _billed(dataset),
        _original(dataset, texts),
    ]
    report = _facts(dataset)
    if overlap and dataset.train_shards:
        shards = [read_shard(path) for path in dataset.train_shards]
        found = find_overlap(shards, held.tokens_N, dataset.tokenizer.bos, progress=progress)
        report["train"]["documents"] = found.train_documents
        report["overlap"] = {
            "documents": found.documents, "run_tokens": found.run_tokens, "tokens": found.tokens, "share": found.share
        }  # fmt: skip
        detail = f"{found.documents:,} held-out documents occur whole in the training text; {found.tokens:,} held-out "
        detail += f"tokens ({found.share:.2%}) lie in a run of {found.run_tokens} tokens that occurs there"
        checks.append(Check("overlap", found.documents == 0, detail))
    else:
        checks.append(Check("overlap", None, "not compared" if dataset.train_shards else "no training shards here"))
    report["checks"] = [check._asdict() for check in checks]
    report["ok"] = all(check.ok is not False for check in checks)
    return report


def _facts(dataset: Dataset) -> dict[str, Any]:
    held, tokenizer = dataset.validation(), dataset.tokenizer
    return {
        "path": str(dataset.path),
        "sha256": dataset.digest,
        "described": dataset.manifest is not None,
        "source": dataset.manifest.source if dataset.manifest else None,
        "tokenizer": {
            "sha256": tokenizer.digest, "vocab_size": tokenizer.vocab_size, "normalizer": tokenizer.normalizer,
            "reversible": tokenizer.reversible,
        },
        "train": {"shards": len(dataset.train_shards), "tokens": dataset.train_tokens(), "documents": None},
        "validation": {
            "shards": len(dataset.val_shards), "tokens": len(held.tokens_N), "documents": len(held.starts_D),
            "raw_bytes": held.raw_bytes, "decoded_bytes": held.decoded_bytes, "billed_bytes": held.billed_bytes,
            "hidden_bytes": held.hidden_bytes, "raw_is_decoded": held.raw_is_decoded,
            "bytes_per_token": held.raw_bytes / len(held.tokens_N), "text_sha256": held.text_sha256,
        },
        "overlap": None,
    }  # fmt: skip


def _check_training_ids(dataset: Dataset, progress: Progress) -> None:
    with progress.task("checking ids", dataset.train_tokens(), "tokens") as task:
        for path in dataset.train_shards:
            ids_N = read_shard(path)
            check_ids(ids_N, dataset.tokenizer.vocab_size, str(path))
            task.advance(len(ids_N))


def _digests(dataset: Dataset, progress: Progress) -> Iterator[Check]:
    manifest = dataset.manifest
    if manifest is None:
        yield Check("digests", None, "no dataset.json here: nothing says what the files should be")
        return
    entries = [(shard.file, shard.sha256) for shard in manifest.train.shards + manifest.validation.shards]
    entries.append((manifest.validation.text_file, manifest.validation.text_file_sha256))
    wrong = []
    with progress.task("computing digests", len(entries), "files") as task:
        for name, digest in entries:
            path = dataset.path / name
            if not path.is_file():
                wrong.append(f"{name} is missing")
            elif sha256_file(path) != digest:
                wrong.append(f"{name} was changed")
            task.advance()
    yield Check("digests", not wrong, "; ".join(wrong) or f"{len(entries)} files as described")


def _tokens_are_the_text(dataset: Dataset) -> Check:
    """Encode the held-out text again: the very tokens must come out."""
    held, bos = dataset.validation(), dataset.tokenizer.bos
    prefix = [] if bos is None else [bos]
    try:
        texts = [text.decode("utf-8") for text in dataset.validation_texts()]
    except InputError as error:
        return Check("tokens", False, str(error))
    except UnicodeDecodeError:
        return Check("tokens", None, "the decoded documents are no UTF-8, so they cannot be encoded again")
    encoded = dataset.tokenizer.encode_many(texts)
    parts = split_documents(held.tokens_N, held.starts_D)
    differ = sum(
        len(prefix) + len(ids) != len(part) or not np.array_equal(prefix + ids, part)
        for ids, part in zip(encoded, parts, strict=False)
    ) + abs(len(encoded) - len(parts))
    if held.raw_is_decoded:
        ok = None if differ else True
        return Check("tokens", ok, f"{differ:,} of {len(parts):,} decoded documents encode to other tokens")
    return Check("tokens", not differ, f"{differ:,} of {len(parts):,} held-out documents encode to other tokens")


def _reversible(dataset: Dataset) -> Check:
    held, name = dataset.validation(), dataset.tokenizer.normalizer
    if dataset.tokenizer.reversible:
        return Check("reversible", held.hidden_bytes == 0, f"{held.hidden_bytes:,} bytes hidden by the tokenizer")
    if held.raw_is_decoded:
        return Check("reversible", None, f"the {name} normaliser is lossy; the raw texts are unknown, so is its loss")
    share = held.hidden_bytes / max(held.raw_bytes, 1)
    detail = f"the {name} normaliser is lossy: it hides {held.hidden_bytes:,} of {held.raw_bytes:,} raw bytes"
    return Check("reversible", None, f"{detail} ({share:.2%}); bpb divides by the raw bytes")


def _billed(dataset: Dataset) -> Check:
    """Billed bytes above the text's own length lower every score: spaces counted twice, byte pieces by their names."""
    held = dataset.validation()
    detail = f"{held.billed_bytes:,} billed, {held.decoded_bytes:,} decoded, {held.raw_bytes:,} raw bytes"
    return Check("billed", held.billed_bytes <= max(held.raw_bytes, held.decoded_bytes), detail)


def _original(dataset: Dataset, texts: Sequence[bytes] | None) -> Check:
    """The denominator must be the original text, not a transformed one."""
    held = dataset.validation()
    if texts is None:
        return Check("original", None, "not compared: give the original held-out text with --text")
    size, digest = sum(map(len, texts)), sha256_bytes(b"".join(texts))
    if (len(texts), size, digest) == (len(held.starts_D), held.raw_bytes, held.text_sha256):
        return Check("original", True, f"the {len(texts):,} documents are the original ones, byte for byte")
    detail = f"{len(held.starts_D):,} documents of {held.raw_bytes:,} bytes here, {len(texts):,} of {size:,} bytes in "
    return Check("original", False, detail + "the original text: transformed, truncated or another split")


def failures(report: dict[str, Any]) -> str:
    """The failed checks of a report as one line; empty when there are none."""
    return "; ".join(f"{check['name']}: {check['detail']}" for check in report["checks"] if check["ok"] is False)


def read_texts(paths: Sequence[Path]) -> list[bytes]:
    """Original documents for `verify_dataset`; raises as `read_documents` does."""
    from golfctl.data.sources import read_documents

    return [document.data for document in read_documents(paths)]
