"""Text that a model writes: one lane of the step protocol, each target drawn from the row before it is known.

N tokens, V vocabulary.
"""

import codecs
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from golfctl.codec.sampling import Drawing, Sampler
from golfctl.codec.tokens_of_bytes import given_token
from golfctl.core.text import printable
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.errors import DataError
from golfctl.scoring.protocol import Scorer
from golfctl.scoring.steps.lanes import Lanes, Text
from golfctl.scoring.steps.question import NONE_KNOWN

_BETWEEN = b"\n\n"
"""What is shown where a document ends and the next begins."""
_SPELT = 3  # pieces at most that spell one space together


class Drawn(NamedTuple):
    """One token, and the bits that it has under the model (whatever the temperature)."""

    token: int
    bits: float


def prompt_ids(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """The tokens of a prompt.

    Raises:
        DataError: it holds what the tokenizer has no piece for, or what it drops.
    """
    ids = tokenizer.encode(prompt)
    if tokenizer.unk in ids:
        letters = sorted({letter for letter in prompt if tokenizer.unk in tokenizer.encode(letter)})
        raise DataError(f"the tokenizer has no piece for {printable(' '.join(letters))} in the prompt: leave it out")
    if prompt and not ids:
        raise DataError("the tokenizer drops all of the prompt: write another")
    return ids


def generate(
    scorer: Scorer, tokenizer: Tokenizer, prompt: Sequence[int], tokens: int, drawing: Drawing
) -> Iterator[Drawn]:
    """`tokens` drawn tokens after `prompt`, which the scorer reads first, as it is known.

    A drawn BOS ends a document and begins the next one; no document ends before it has a token.
    """
    sampler = Sampler(drawing, tokenizer.vocab_size)
    lanes = Lanes([Text(given_token(tokenizer), len(prompt) + tokens)], 1)
    known = iter(prompt)
    scorer.reset(NONE_KNOWN)
    while step := lanes.step():
        row_V, before = scorer.predict(step)[0], int(step.token_K[0])
        token = next(known, None)
        if token is None:
            token = sampler.draw(row_V, but=before if before == tokenizer.bos else None)
            yield Drawn(token, -float(row_V[token]) / math.log(2))
        target_1 = np.array([token], np.int64)
        scorer.observe(step, target_1)
        lanes.reveal(target_1)


class TextOfTokens:
    """Tokens to text as they come; a character is given out once all of its bytes are there."""

    def __init__(self, tokenizer: Tokenizer, document: Sequence[int]) -> None:
        """`document` came before, and is not given out again."""
        self._tokenizer = tokenizer
        self._held = _SPELT - 1 if tokenizer.space_ids else 0
        self._ids = list(document)
        self._shown = len(self._ids)
        self._letters = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        """What can be shown now that `token` has come."""
        if token == self._tokenizer.bos:
            ended = self._settle(0) + self._letters.decode(b"", final=True) + _BETWEEN.decode()
            self._ids, self._shown = [], 0
            return ended
        self._ids.append(token)
        return self._settle(self._held)

    def end(self) -> str:
        """What is left."""
        return self._settle(0) + self._letters.decode(b"", final=True)

    def _settle(self, held: int) -> str:
        """The bytes of all tokens but the `held` latest, which may still spell a space with those to come."""
        # a piece's bytes depend on where the document begins, and on the pieces that spell a space with it
        first = max(0, self._shown - 2 * _SPELT)
        anchor = [i for i in self._ids[:first] if self._tokenizer.pieces()[i].kind != "control"][:1]
        parts = self._tokenizer.decode_each([*anchor, *self._ids[first:]])[len(anchor) :]
        stop = max(self._shown, len(self._ids) - held)
        fresh = b"".join(parts[self._shown - first : stop - first])
        self._shown = stop
        return self._letters.decode(fresh)
