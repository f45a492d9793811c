"""The held-out tokens of a dataset, document by document, with every byte accounted for.

N: tokens, D: documents. Each document is a BOS followed by its ids; documents follow each other in one stream.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golfctl.core.canonical import sha256_bytes
from golfctl.data.carried import Account, Losses, account
from golfctl.data.dataset_json import Manifest
from golfctl.data.shards import Tokens
from golfctl.data.tokenizers.byte_table import ByteTable
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.errors import DataError


class Original(NamedTuple):
    """The documents as they were before the tokenizer saw them; `where` names them in messages."""

    where: str
    read: Callable[[], list[bytes]]


@dataclass(frozen=True)
class Validation:
    """Held-out tokens, where documents start, and bytes.

    Raw bytes are the text's, decoded ones what the tokens decode to, carried ones those of the text that decode
    identically (`golfctl.data.carried`), billed ones the formula's. Without the original text the decoded bytes stand
    in for raw and carried ones. The text is read and held against the tokens when it is first asked for.
    """

    tokens_N: Tokens
    starts_D: NDArray[np.int64]
    decoded_N: NDArray[np.int64]
    billed_bytes: int
    table: ByteTable
    tokenizer: Tokenizer
    original: Original | None = None

    @classmethod
    def of(
        cls, tokens_N: Tokens, tokenizer: Tokenizer, table: ByteTable, original: Original | None = None
    ) -> "Validation":
        """Account for a stream of tokens."""
        starts_D = document_starts(tokens_N, tokenizer.bos)
        decoded_N = table.decoded_each(tokens_N)
        return cls(tokens_N, starts_D, decoded_N, table.billed_total(tokens_N), table, tokenizer, original)

    @property
    def raw_is_decoded(self) -> bool:
        """True where the original text is unknown."""
        return self.original is None

    @cached_property
    def texts(self) -> list[bytes]:
        """The original documents, or what the tokens decode to.

        Raises:
            DataError: other documents than those of the tokens. And as reading them does.
        """
        if self.original is None:
            return self.decoded_texts()
        texts, parts = self.original.read(), split_documents(self.tokens_N, self.starts_D)
        if len(parts) == 1:  # tokens without BOS tell no documents apart
            return [b"".join(texts)]
        if len(texts) != len(parts):
            raise DataError(f"{self.original.where}: {len(texts):,} documents, the tokens have {len(parts):,}")
        return texts

    def decoded_texts(self) -> list[bytes]:
        """What the tokens of each document decode to."""
        parts = split_documents(self.tokens_N, self.starts_D)
        return [self.tokenizer.decode_bytes(ids.tolist()) for ids in parts]

    @cached_property
    def account(self) -> Account:
        """Raw and carried bytes of every token of the stream."""
        if self.original is None:
            return Account(self.decoded_N, self.decoded_N)
        parts = split_documents(self.tokens_N, self.starts_D)
        found = [account(self.tokenizer, ids.tolist(), text) for ids, text in zip(parts, self.texts, strict=True)]
        return Account(*(np.concatenate(column) for column in zip(*found, strict=True)))

    @cached_property
    def raw_bytes_D(self) -> NDArray[np.int64]:
        """UTF-8 bytes of each document."""
        return per_document(self.account.raw_N, self.starts_D)

    @cached_property
    def carried_bytes_D(self) -> NDArray[np.int64]:
        """Bytes of each document that its tokens carry."""
        return per_document(self.account.carried_N, self.starts_D)

    @property
    def decoded_bytes_D(self) -> NDArray[np.int64]:
        """Bytes that the tokens of each document decode to."""
        return per_document(self.decoded_N, self.starts_D)

    @property
    def raw_bytes(self) -> int:
        """UTF-8 bytes of all held-out documents."""
        return int(self.raw_bytes_D.sum())

    @property
    def carried_bytes(self) -> int:
        """Bytes of the documents that the tokens carry."""
        return int(self.carried_bytes_D.sum())

    @property
    def decoded_bytes(self) -> int:
        """Bytes that the tokens decode to."""
        return int(self.decoded_N.sum())

    @property
    def hidden_bytes(self) -> int:
        """Bytes by which the tokens decode to less than the text."""
        return self.raw_bytes - self.decoded_bytes

    @property
    def losses(self) -> Losses:
        """What of the text the tokens do not carry."""
        return Losses.of(self.account, self.tokens_N, self.tokenizer)

    @cached_property
    def text_sha256(self) -> str:
        """SHA-256 of all raw documents concatenated (of the decoded ones when raw texts are unknown)."""
        return sha256_bytes(b"".join(self.texts))

    def check(self, manifest: Manifest | None, where: str) -> None:
        """Raise DataError when the tokens contradict the manifest: exact integer equality, no tolerance."""
        if manifest is None:
            return
        entry = manifest.validation
        pairs = [
            ("documents", len(self.starts_D), len(entry.document_raw_bytes)),
            ("decoded bytes", self.decoded_bytes, entry.decoded_bytes),
            ("billed bytes", self.billed_bytes, entry.billed_bytes),
            ("hidden bytes", sum(entry.document_raw_bytes) - self.decoded_bytes, entry.hidden_bytes),
        ]
        for what, found, promised in pairs:
            if found != promised:
                raise DataError(f"{where} says {promised:,} held-out {what}, the tokens give {found:,}; build it again")


def per_document(bytes_N: NDArray[np.int64], starts_D: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of one figure a token over each document."""
    return np.add.reduceat(bytes_N, starts_D)


def document_starts(tokens_N: Tokens, bos: int | None) -> NDArray[np.int64]:
    """Positions of the BOS tokens; position 0 always starts a document."""
    if bos is None:
        return np.zeros(1, np.int64)
    starts_D = np.flatnonzero(tokens_N == bos)
    return starts_D if len(starts_D) and starts_D[0] == 0 else np.concatenate([np.zeros(1, np.int64), starts_D])


def decoded_bytes(tokens_N: Tokens, starts_D: NDArray[np.int64], table: ByteTable) -> NDArray[np.int64]:
    """Bytes each document's tokens decode to."""
    return per_document(table.decoded_each(tokens_N), starts_D)


def split_documents(tokens_N: Tokens, starts_D: NDArray[np.int64]) -> list[Tokens]:
    """The ids of each document, its BOS included (it decodes to nothing)."""
    return np.split(tokens_N, starts_D[1:])
