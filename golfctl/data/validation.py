"""The held-out tokens of a dataset, document by document, with every byte accounted for.

N: tokens, D: documents. Each document is a BOS followed by its ids; documents follow each other in one stream.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from golfctl.core.canonical import sha256_bytes
from golfctl.data.dataset_json import Manifest
from golfctl.data.shards import Tokens
from golfctl.data.tokenizers.byte_table import ByteTable
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.errors import DataError


@dataclass(frozen=True)
class Validation:
    """Held-out tokens, where documents start, and bytes: raw (the text), decoded (the tokens), billed (the formula)."""

    tokens_N: Tokens
    starts_D: NDArray[np.int64]
    raw_bytes_D: NDArray[np.int64]
    decoded_bytes_D: NDArray[np.int64]
    billed_bytes: int
    raw_is_decoded: bool
    table: ByteTable
    tokenizer: Tokenizer
    known_text_sha256: str | None = None

    @classmethod
    def of(cls, tokens_N: Tokens, tokenizer: Tokenizer, table: ByteTable, manifest: Manifest | None) -> "Validation":
        """Account for a stream of tokens; without a manifest the decoded bytes stand in for the raw ones."""
        starts_D = document_starts(tokens_N, tokenizer.bos)
        decoded_D = decoded_bytes(tokens_N, starts_D, table)
        entry = manifest.validation if manifest else None
        return cls(
            tokens_N=tokens_N,
            starts_D=starts_D,
            raw_bytes_D=np.array(entry.document_raw_bytes, np.int64) if entry else decoded_D,
            decoded_bytes_D=decoded_D,
            billed_bytes=table.billed_total(tokens_N),
            raw_is_decoded=entry is None,
            table=table,
            tokenizer=tokenizer,
            known_text_sha256=entry.text_sha256 if entry else None,
        )

    @property
    def raw_bytes(self) -> int:
        """UTF-8 bytes of all held-out documents."""
        return int(self.raw_bytes_D.sum())

    @property
    def decoded_bytes(self) -> int:
        """Bytes that the tokens decode to."""
        return int(self.decoded_bytes_D.sum())

    @property
    def hidden_bytes(self) -> int:
        """Bytes of the raw text that the tokens do not give back; 0 for a reversible tokenizer."""
        return self.raw_bytes - self.decoded_bytes

    @cached_property
    def text_sha256(self) -> str:
        """SHA-256 of all raw documents concatenated (of the decoded ones when raw texts are unknown)."""
        if self.known_text_sha256 is not None:
            return self.known_text_sha256
        parts = split_documents(self.tokens_N, self.starts_D)
        return sha256_bytes(b"".join(self.tokenizer.decode_bytes(ids.tolist()) for ids in parts))

    def check(self, manifest: Manifest | None, where: str) -> None:
        """Raise DataError when the tokens contradict the manifest: exact integer equality, no tolerance."""
        if manifest is None:
            return
        entry = manifest.validation
        pairs = [
            ("documents", len(self.starts_D), len(entry.document_raw_bytes)),
            ("decoded bytes", self.decoded_bytes, entry.decoded_bytes),
            ("billed bytes", self.billed_bytes, entry.billed_bytes),
            ("hidden bytes", self.hidden_bytes, entry.hidden_bytes),
        ]
        for what, found, promised in pairs:
            if found != promised:
                raise DataError(f"{where} says {promised:,} held-out {what}, the tokens give {found:,}; build it again")


def document_starts(tokens_N: Tokens, bos: int | None) -> NDArray[np.int64]:
    """Positions of the BOS tokens; position 0 always starts a document."""
    if bos is None:
        return np.zeros(1, np.int64)
    starts_D = np.flatnonzero(tokens_N == bos)
    return starts_D if len(starts_D) and starts_D[0] == 0 else np.concatenate([np.zeros(1, np.int64), starts_D])


def decoded_bytes(tokens_N: Tokens, starts_D: NDArray[np.int64], table: ByteTable) -> NDArray[np.int64]:
    """Bytes each document's tokens decode to; the stream's first token counts without a token before it."""
    first = table.base_bytes_V[tokens_N[:1]].astype(np.int64)
    bytes_N = np.concatenate([first, table.decoded(tokens_N[:-1], tokens_N[1:])])
    return np.add.reduceat(bytes_N, starts_D)


def split_documents(tokens_N: Tokens, starts_D: NDArray[np.int64]) -> list[Tokens]:
    """The ids of each document, its BOS included (it decodes to nothing)."""
    return np.split(tokens_N, starts_D[1:])
