"""The text to be scored, as the runner holds it: tokens, documents, and what each target is worth in bytes.

N tokens, D documents. Row i predicts token i + 1; the very first token is given, every other one is a target.
"""

from dataclasses import dataclass

import numpy as np

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

    @classmethod
    def of(cls, dataset: Dataset) -> "Stream":
        """The validation part of a data set.

        Raises:
            DataError: nothing to score.
        """
        v = dataset.validation()
        billed_N = np.zeros(len(v.tokens_N), np.int64)
        billed_N[1:] = v.table.billed(v.tokens_N[:-1], v.tokens_N[1:])
        digest = f"{v.text_sha256}"
        return cls.of_arrays(v.tokens_N, v.starts_D, v.raw_bytes_D, billed_N, digest, v.raw_is_decoded)

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

    def head(self, documents: int) -> "Stream":
        """The first `documents` documents alone."""
        if documents >= len(self.starts_D):
            return self
        stop = int(self.starts_D[documents])
        digest = f"{self.digest}[:{documents}]"
        return Stream.of_arrays(
            self.tokens_N[:stop],
            self.starts_D[:documents],
            self.raw_bytes_D[:documents],
            self.billed_N[:stop],
            digest,
            self.raw_is_decoded,
        )

    def per_document(self, values_R: np.ndarray) -> np.ndarray:
        """Sums per document of one value per row; a target belongs to the document it stands in."""
        values_N = np.concatenate([np.zeros(1, values_R.dtype), values_R])
        return np.add.reduceat(values_N, self.starts_D)

    def lane_starts(self) -> list[int]:
        """First row of every document when documents are isolated from each other.

        The row of a document's last token, whose target begins the next document, stays with its own document.
        """
        return [int(start) for start in self.starts_D if start < self.rows]
