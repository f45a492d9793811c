"""T5: are these tokens the text, all of it, in order, and are its bytes counted as they are. Exact integers.

Legend: N tokens, D documents.
"""

from hashlib import sha256

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.subject import AuditContext, ByteClaim, Subject
from golfctl.data.dataset import Dataset
from golfctl.data.shards import read_shard
from golfctl.data.tokenizers.byte_table import ByteTable
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.errors import DataError

_STATISTIC = "disagreements between text, tokens and bytes"
_OVERLAP_TOKENS = 16
_OVERLAP_LIMIT_TOKENS = 200_000_000  # beyond, `golfctl data verify` looks


def run(subject: Subject, context: AuditContext) -> Outcome:
    """The dataset against its raw texts and tokenizer, and the report's byte counts against both."""
    if subject.dataset is None:
        return not_covered("no dataset given (--data)")
    try:
        problems, lost = check_dataset(subject.dataset)
    except DataError as error:
        return Outcome(Verdict.FAIL, _STATISTIC, 1.0, 0.0, str(error))
    if subject.byte_claim is not None:
        problems += check_claim(subject.dataset, subject.byte_claim)
    problems += shared_documents(subject.dataset)
    v = subject.dataset.validation()
    if problems:
        return Outcome(Verdict.FAIL, _STATISTIC, float(len(problems)), 0.0, "; ".join(problems[:3]))
    detail = f"{len(v.tokens_N):,} tokens, {v.raw_bytes:,} bytes, {len(v.starts_D)} documents"
    if not overlap_is_looked_for(subject.dataset):
        detail += "; overlap with training not looked for (`golfctl data verify`)"
    if subject.byte_claim is not None and subject.byte_claim.carried_bytes is None:
        detail += "; carried bytes: not stated by the receipt"
    if v.raw_is_decoded and v.text_sha256 not in context.rules.known_texts:
        return Outcome(Verdict.WARN, _STATISTIC, 0.0, 0.0, f"{detail}; raw texts unknown, bytes are the decoded ones")
    if lost:
        detail = "; ".join([detail, *v.losses.causes(), f"{v.carried_bytes:,} bytes are divided by"])
        return Outcome(Verdict.WARN, _STATISTIC, 0.0, 0.0, detail)
    return Outcome(Verdict.PASS, _STATISTIC, 0.0, 0.0, detail)


def check_dataset(dataset: Dataset) -> tuple[list[str], int]:
    """Problems, and how many bytes of the text the tokens do not carry.

    Raises:
        DataError: the texts are not those that the dataset describes.
    """
    v = dataset.validation()
    problems = check_table(v.table, ByteTable.of(dataset.tokenizer), np.asarray(v.tokens_N))
    if v.raw_is_decoded:
        return problems, 0
    documents = np.split(np.asarray(v.tokens_N), v.starts_D[1:])
    return _differing(dataset.tokenizer, v.texts, documents) + problems, v.raw_bytes - v.carried_bytes


def _differing(tokenizer: Tokenizer, texts: list[bytes], documents: list[np.ndarray]) -> list[str]:
    """Documents whose tokens are not the encoding of their text, in order (a BOS before each is allowed)."""
    encoded = tokenizer.encode_many([text.decode("utf-8") for text in texts])
    wrong = []
    for i, (ids, tokens_N) in enumerate(zip(encoded, documents, strict=False)):
        body = tokens_N[1:] if len(tokens_N) and tokens_N[0] == tokenizer.bos else tokens_N
        if not np.array_equal(np.asarray(ids), body):
            wrong.append(i)
    return [f"{len(wrong)} documents are not the encoding of their text (first: {wrong[0]})"] if wrong else []


def check_table(claimed: ByteTable, derived: ByteTable, tokens_N: np.ndarray) -> list[str]:
    """Where a claimed byte table departs from the one derived from the tokenizer, and what that does to the sum."""
    if claimed.vocab_size != derived.vocab_size:
        return [f"the byte table has {claimed.vocab_size} entries, the tokenizer {derived.vocab_size}"]
    ids = np.flatnonzero(
        (claimed.base_bytes_V != derived.base_bytes_V)
        | (claimed.leading_space_V != derived.leading_space_V)
        | (claimed.boundary_V != derived.boundary_V)
    )
    if not len(ids):
        return []
    mine, theirs = derived.billed_total(tokens_N), claimed.billed_total(tokens_N)
    return [f"byte table wrong for {len(ids)} tokens (first: {ids[0]}): {theirs:,} bytes instead of {mine:,}"]


def check_claim(dataset: Dataset, claim: ByteClaim) -> list[str]:
    """Every figure of the claim against the dataset's own, exactly."""
    v = dataset.validation()
    pairs = [
        ("raw bytes", claim.raw_bytes, v.raw_bytes),
        ("carried bytes", claim.carried_bytes, v.carried_bytes),
        ("billed bytes", claim.billed_bytes, v.billed_bytes),
        ("tokens scored", claim.tokens, len(v.tokens_N) - 1),
        ("text digest", claim.text, v.text_sha256),
    ]
    return [f"{what}: claimed {said}, is {true}" for what, said, true in pairs if said is not None and said != true]


def shared_documents(dataset: Dataset) -> list[str]:
    """Held-out documents that stand in the training shards too, token for token."""
    bos = dataset.tokenizer.bos
    if bos is None or not overlap_is_looked_for(dataset):
        return []
    held_out = _documents(np.asarray(dataset.validation().tokens_N), bos)
    seen: set[bytes] = set()
    for shard in dataset.train_shards:
        seen |= held_out & _documents(np.asarray(read_shard(shard)), bos)
    return [f"{len(seen)} held-out documents stand in the training text"] if seen else []


def overlap_is_looked_for(dataset: Dataset) -> bool:
    """Whether the training text is small enough to be searched here."""
    return bool(dataset.train_shards) and dataset.train_tokens() <= _OVERLAP_LIMIT_TOKENS


def _documents(tokens_N: np.ndarray, bos: int) -> set[bytes]:
    """Digests of the documents that are long enough not to be equal by chance."""
    starts_D = np.flatnonzero(tokens_N == bos)
    ends_D = np.append(starts_D[1:], len(tokens_N))
    long = ends_D - starts_D > _OVERLAP_TOKENS
    ids = tokens_N.astype("<u2")
    return {sha256(ids[s:e].tobytes()).digest() for s, e in zip(starts_D[long], ends_D[long], strict=True)}


CHECK = Check(
    "T5",
    "byte and data identity",
    1,
    "R10",
    "held-out text that stands in training as part of a document, or reworded; whether the split is the official one",
    "the tokens are not this text's, their bytes are counted wrongly, or training held it: another thing was scored",
    run,
)
