"""The text to be scored, as the runner holds it: tokens, documents, and what each target is worth in bytes.

N tokens, D documents. Row i predicts token i + 1; the very first token is given, every other one is a target.
"""

from dataclasses import dataclass, replace

import numpy as np

from golfctl.core.canonical import sha256_bytes
from golfctl.data.dataset import Dataset
from golfctl.errors import DataError


@dataclass(frozen=True)
class Stream:
    """Held-out tokens with byte accounts; only the runner reads targets from it."""

    tokens_N: np.ndarray
    starts_D: np.ndarray
    raw_bytes_D: np.ndarray
    billed_N: np.ndarray
    digest: str
    raw_is_decoded: bool = False
    decoded_N: np.ndarray | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> "Stream":
        """The validation part of a data set.

        Raises:
            DataError: nothing to score.
        """
        v = dataset.validation()
        billed_N = np.zeros(len(v.tokens_N), np.int64)
        billed_N[1:] = v.table.billed(v.tokens_N[:-1], v.tokens_N[1:])
        made = cls.of_arrays(v.tokens_N, v.starts_D, v.raw_bytes_D, billed_N, v.text_sha256, v.raw_is_decoded)
        decoded_N = np.concatenate([np.zeros(1, np.int64), v.table.decoded(v.tokens_N[:-1], v.tokens_N[1:])])
        return replace(made, decoded_N=decoded_N)

    @classmethod
    def of_arrays(
        cls,
        tokens_N: np.ndarray,
        starts_D: np.ndarray,
        raw_bytes_D: np.ndarray,
        billed_N: np.ndarray,
        digest: str,
        raw_is_decoded: bool = False,
    ) -> "Stream":
        """Check and freeze: documents must start at 0, increase, and bring bytes to divide by."""
        if len(tokens_N) < 2:
            raise DataError(f"only {len(tokens_N)} validation tokens: at least 2 are needed to score anything")
        if len(starts_D) == 0 or starts_D[0] != 0 or (np.diff(starts_D) <= 0).any():
            raise DataError("the first document must start at token 0 and starts must increase: rebuild the data set")
        if int(raw_bytes_D.sum()) <= 0:
            raise DataError("the validation text has no bytes: bits per byte are undefined")
        return cls(tokens_N, starts_D, raw_bytes_D, billed_N, digest, raw_is_decoded)

    @property
    def rows(self) -> int:
        """Number of targets."""
        return len(self.tokens_N) - 1

    def identity(self) -> dict[str, str]:
        """Digests of everything that a score of this stream depends on."""
        arrays = {"tokens": self.tokens_N, "starts": self.starts_D, "raw": self.raw_bytes_D, "billed": self.billed_N}
        known = {name: sha256_bytes(np.ascontiguousarray(array).tobytes()) for name, array in arrays.items()}
        return {"text": self.digest, **known}

    def head(self, documents: int) -> "Stream":
        """The first `documents` documents alone."""
        if documents >= len(self.starts_D):
            return self
        return self._front(int(self.starts_D[documents]), self.raw_bytes_D[:documents])

    def cut(self, tokens: int) -> "Stream":
        """The first `tokens` tokens alone; of a document that is cut, the bytes its tokens decode to count.

        Raises:
            DataError: nothing to score, or bytes per token are not known.
        """
        if tokens >= len(self.tokens_N):
            return self
        if self.decoded_N is None:
            raise DataError("max_tokens needs a data set whose tokens can be decoded")
        documents = int(np.searchsorted(self.starts_D, tokens))
        raw_bytes_D = self.raw_bytes_D[:documents].copy()
        raw_bytes_D[-1] = min(int(self.decoded_N[self.starts_D[documents - 1] : tokens].sum()), int(raw_bytes_D[-1]))
        return self._front(tokens, raw_bytes_D)

    def _front(self, tokens: int, raw_bytes_D: np.ndarray) -> "Stream":
        digest = f"{self.digest}[:{tokens}]"
        starts_D, billed_N = self.starts_D[: len(raw_bytes_D)], self.billed_N[:tokens]
        made = Stream.of_arrays(self.tokens_N[:tokens], starts_D, raw_bytes_D, billed_N, digest, self.raw_is_decoded)
        return replace(made, decoded_N=None if self.decoded_N is None else self.decoded_N[:tokens])

    def per_document(self, values_R: np.ndarray) -> np.ndarray:
        """Sums per document of one value per row; a target belongs to the document it stands in."""
        values_N = np.concatenate([np.zeros(1, values_R.dtype), values_R])
        return np.add.reduceat(values_N, self.starts_D)

    def lane_starts(self) -> list[int]:
        """First row of every document when documents are isolated from each other.

        The row of a document's last token, whose target begins the next document, stays with its own document.
        """
        return [int(start) for start in self.starts_D if start < self.rows]
