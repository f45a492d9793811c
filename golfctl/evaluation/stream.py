"""The text to be scored, as the runner holds it: tokens, documents, and what each target is worth in bytes.

N tokens, D documents. Row i predicts token i + 1; the very first token is given, every other one is a target.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from golfctl.data.carried import Account, Losses
from golfctl.data.dataset import Dataset
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.data.validation import per_document
from golfctl.errors import DataError


@dataclass(frozen=True)
class Stream:
    """Held-out tokens with byte accounts; only the runner reads targets from it.

    `raw_bytes_D` are the bytes of each document, `carried_bytes_D` those that its tokens carry: the divisor. `account`
    has both for every token, where `tokenizer` could be asked.
    """

    tokens_N: np.ndarray
    starts_D: np.ndarray
    raw_bytes_D: np.ndarray
    billed_N: np.ndarray
    digest: str
    raw_is_decoded: bool = False
    account: Account | None = None
    tokenizer: Tokenizer | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> "Stream":
        """The validation part of a data set.

        Raises:
            DataError: nothing to score, or texts that are not those of the tokens.
        """
        v = dataset.validation()
        made = cls.of_arrays(
            v.tokens_N, v.starts_D, v.raw_bytes_D, v.table.billed_each(v.tokens_N), v.text_sha256, v.raw_is_decoded
        )
        return replace(made, account=v.account, tokenizer=v.tokenizer).checked()

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
        return cls(tokens_N, starts_D, raw_bytes_D, billed_N, digest, raw_is_decoded).checked()

    def checked(self) -> "Stream":
        """This stream; raises DataError where it cannot be scored."""
        if len(self.tokens_N) < 2:
            raise DataError(f"only {len(self.tokens_N)} validation tokens: at least 2 are needed to score anything")
        if len(self.starts_D) == 0 or self.starts_D[0] != 0 or (np.diff(self.starts_D) <= 0).any():
            raise DataError("the first document must start at token 0 and starts must increase: rebuild the data set")
        if int(self.raw_bytes_D.sum()) <= 0:
            raise DataError("the validation text has no bytes: bits per byte are undefined")
        if self.carried_bytes <= 0:
            raise DataError(
                f"the tokens carry none of the {self.raw_bytes:,} bytes of the validation text, so bits per byte are "
                f"undefined: {'; '.join(self.losses.causes()) if self.losses else 'other tokens or another text'}"
            )
        return self

    @property
    def rows(self) -> int:
        """Number of targets."""
        return len(self.tokens_N) - 1

    @property
    def raw_bytes(self) -> int:
        """Bytes of the text."""
        return int(self.raw_bytes_D.sum())

    @cached_property
    def carried_bytes_D(self) -> np.ndarray:
        """Bytes of each document that its tokens carry; all of them where nothing was held against the tokens."""
        return self.raw_bytes_D if self.account is None else per_document(self.account.carried_N, self.starts_D)

    @property
    def carried_bytes(self) -> int:
        """What bits are divided by."""
        return int(self.carried_bytes_D.sum())

    @property
    def losses(self) -> Losses | None:
        """What of the text is not carried, where the text is known."""
        if self.account is None or self.tokenizer is None or self.raw_is_decoded:
            return None
        return Losses.of(self.account, self.tokens_N, self.tokenizer)

    def head(self, documents: int) -> "Stream":
        """The first `documents` documents alone."""
        return self if documents >= len(self.starts_D) else self._front(int(self.starts_D[documents]))

    def cut(self, tokens: int) -> "Stream":
        """The first `tokens` tokens alone; of a document that is cut, the bytes that its tokens stand for count.

        Raises:
            DataError: nothing to score, or bytes per token are not known.
        """
        if tokens >= len(self.tokens_N):
            return self
        if self.account is None:
            raise DataError("max_tokens needs a data set whose tokens can be decoded")
        return self._front(tokens)

    def _front(self, tokens: int) -> "Stream":
        starts_D = self.starts_D[self.starts_D < tokens]
        account = self.account and Account(self.account.raw_N[:tokens], self.account.carried_N[:tokens])
        raw_bytes_D = self.raw_bytes_D[: len(starts_D)] if account is None else per_document(account.raw_N, starts_D)
        return Stream(
            self.tokens_N[:tokens], starts_D, raw_bytes_D, self.billed_N[:tokens], f"{self.digest}[:{tokens}]",
            self.raw_is_decoded, account, self.tokenizer,
        ).checked()  # fmt: skip

    def per_document(self, values_R: np.ndarray) -> np.ndarray:
        """Sums per document of one value per row; a target belongs to the document it stands in."""
        values_N = np.concatenate([np.zeros(1, values_R.dtype), values_R])
        return np.add.reduceat(values_N, self.starts_D)

    def lane_starts(self) -> list[int]:
        """First row of every document when documents are isolated from each other.

        The row of a document's last token, whose target begins the next document, stays with its own document.
        """
        return [int(start) for start in self.starts_D if start < self.rows]
