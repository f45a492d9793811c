"""Check a dataset folder: digests, counts, ids, every held-out byte, and overlap of training and held-out text."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from golfctl.core.canonical import sha256_bytes, sha256_file
from golfctl.core.progress import SILENT, Progress
from golfctl.data.dataset import Dataset
from golfctl.data.overlap import find_overlap
from golfctl.data.reports import CheckReport, OverlapReport, VerifyReport, describe_dataset
from golfctl.data.shards import Tokens, check_ids, read_shard
from golfctl.data.validation import split_documents
from golfctl.errors import DataError, InputError

_BATCH_DOCUMENTS = 256


def verify_dataset(
    dataset: Dataset, *, overlap: bool = True, texts: Sequence[bytes] | None = None, progress: Progress = SILENT
) -> VerifyReport:
    """Run every check; `texts` are the original held-out documents.

    Raises:
        DataError: no held-out tokens, counts that contradict the manifest, or an id outside the vocabulary: nothing can
            be accounted for then. Files that were changed are named.
    """
    digests = _digests(dataset, progress)
    unchanged = _unchanged(dataset, digests)
    try:
        facts = describe_dataset(dataset)
        _check_training_ids(dataset, progress)
    except DataError as error:
        if unchanged.ok is not False:
            raise
        raise DataError(f"{dataset.path}: {unchanged.detail}; {error}") from error
    checks = [
        _check("ids", True, f"all below the vocabulary's {dataset.tokenizer.vocab_size}"),
        unchanged,
        _tokens_are_the_text(dataset, progress),
        _reversible(dataset),
        _billed(dataset),
        _original(dataset, texts),
    ]
    shared = _overlap(dataset, progress) if overlap and dataset.train_shards else None
    if shared is None:
        checks.append(_check("overlap", None, "not compared" if dataset.train_shards else "no training shards here"))
    else:
        detail = (
            f"{shared.documents:,} held-out documents occur whole in the training text; {shared.tokens:,} held-out "
        )
        detail += f"tokens ({shared.share:.2%}) lie in a run of {shared.run_tokens} tokens that occurs there"
        checks.append(_check("overlap", shared.documents == 0, detail))
    ok = all(check.ok is not False for check in checks)
    return VerifyReport(dataset=facts, sha256=digests, overlap=shared, checks=tuple(checks), ok=ok)


def _check(name: str, ok: bool | None, detail: str) -> CheckReport:
    return CheckReport(name=name, ok=ok, detail=detail)


def _overlap(dataset: Dataset, progress: Progress) -> OverlapReport:
    shards = [read_shard(path) for path in dataset.train_shards]
    found = find_overlap(shards, dataset.validation().tokens_N, dataset.tokenizer.bos, progress=progress)
    return OverlapReport(
        documents=found.documents, train_documents=found.train_documents, run_tokens=found.run_tokens,
        tokens=found.tokens, share=found.share,
    )  # fmt: skip


def _check_training_ids(dataset: Dataset, progress: Progress) -> None:
    with progress.task("checking ids", dataset.train_tokens(), "tokens") as task:
        for path in dataset.train_shards:
            ids_N = read_shard(path)
            check_ids(ids_N, dataset.tokenizer.vocab_size, str(path))
            task.advance(len(ids_N))


def _digests(dataset: Dataset, progress: Progress) -> dict[str, str]:
    """SHA-256 of every shard and of the held-out texts, by file name; a missing file has none."""
    paths = [*dataset.train_shards, *dataset.val_shards]
    if dataset.manifest is not None:
        paths.append(dataset.path / dataset.manifest.validation.text_file)
    found = {}
    with progress.task("computing digests", len(paths), "files") as task:
        for path in paths:
            if path.is_file():
                found[path.name] = sha256_file(path)
            task.advance()
    return found


def _unchanged(dataset: Dataset, digests: dict[str, str]) -> CheckReport:
    if dataset.manifest is None:
        detail = f"no dataset.json here: nothing says what the files should be; --json states {len(digests)} digests"
        return _check("digests", None, detail)
    train, held_out = dataset.manifest.train, dataset.manifest.validation
    described = {shard.file: shard.sha256 for shard in train.shards + held_out.shards}
    described[held_out.text_file] = held_out.text_file_sha256
    wrong = [
        f"{name} {'was changed' if name in digests else 'is missing'}"
        for name, digest in described.items()
        if digests.get(name) != digest
    ]
    return _check("digests", not wrong, "; ".join(wrong) or f"{len(described)} files as described")


def _tokens_are_the_text(dataset: Dataset, progress: Progress) -> CheckReport:
    """Encode the held-out text again: the very tokens must come out."""
    held = dataset.validation()
    try:
        texts = [text.decode("utf-8") for text in dataset.validation_texts()]
    except InputError as error:
        return _check("tokens", False, str(error))
    except UnicodeDecodeError:
        return _check("tokens", None, "the decoded documents are no UTF-8, so they cannot be encoded again")
    parts = split_documents(held.tokens_N, held.starts_D)
    differ = abs(len(texts) - len(parts))
    with progress.task("encoding the held-out text again", len(texts), "documents") as task:
        for start in range(0, len(texts), _BATCH_DOCUMENTS):
            batch = slice(start, start + _BATCH_DOCUMENTS)
            encoded = dataset.tokenizer.encode_many(texts[batch])
            differ += sum(not _same(dataset, *pair) for pair in zip(encoded, parts[batch], strict=False))
            task.advance(len(encoded))
    kind = "decoded" if held.raw_is_decoded else "held-out"
    ok = not differ if not held.raw_is_decoded or not differ else None  # decoded text may have other encodings
    return _check("tokens", ok, f"{differ:,} of {len(parts):,} {kind} documents encode to other tokens")


def _same(dataset: Dataset, ids: list[int], part_N: Tokens) -> bool:
    bos = dataset.tokenizer.bos
    return bool(np.array_equal(ids if bos is None else [bos, *ids], part_N))


def _reversible(dataset: Dataset) -> CheckReport:
    """Whether the text comes back from its tokens: tried, not inferred."""
    held, tokenizer = dataset.validation(), dataset.tokenizer
    if held.raw_is_decoded:
        return _check("reversible", None, "the raw texts are unknown, so is what the tokenizer hides of them")
    if causes := held.losses.causes():
        wrong = False if tokenizer.reversible else None  # one that is made to give all back was used for other tokens
        divisor = f"bpb divides by the {held.carried_bytes:,} bytes that are carried"
        return _check("reversible", wrong, "; ".join([*causes, divisor]))
    if tokenizer.space_ids is not None:
        return _check("reversible", None, "all bytes come back, but a U+2581 would come back as a space")
    return _check("reversible", True, f"all {held.raw_bytes:,} bytes come back from the tokens")


def _billed(dataset: Dataset) -> CheckReport:
    """Billed bytes above the text's own length lower every score: spaces counted twice, byte pieces by their names."""
    held = dataset.validation()
    detail = f"{held.billed_bytes:,} billed, {held.decoded_bytes:,} decoded, {held.raw_bytes:,} raw bytes"
    return _check("billed", held.billed_bytes <= max(held.raw_bytes, held.decoded_bytes), detail)


def _original(dataset: Dataset, texts: Sequence[bytes] | None) -> CheckReport:
    """The denominator must be the original text, not a transformed one."""
    held = dataset.validation()
    if texts is None:
        return _check("original", None, "not compared: give the original held-out text with --text")
    size, digest = sum(map(len, texts)), sha256_bytes(b"".join(texts))
    if (len(texts), size, digest) == (len(held.starts_D), held.raw_bytes, held.text_sha256):
        return _check("original", True, f"the {len(texts):,} documents are the original ones, byte for byte")
    detail = f"{len(held.starts_D):,} documents of {held.raw_bytes:,} bytes here, {len(texts):,} of {size:,} bytes in "
    return _check("original", False, detail + "the original text: transformed, truncated or another split")


def read_texts(paths: Sequence[Path]) -> list[bytes]:
    """Original documents for `verify_dataset`; raises as `read_documents` does."""
    from golfctl.data.text.sources import read_documents

    return [document.data for document in read_documents(paths)]
