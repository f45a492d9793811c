"""A score's proof: the rows of an evaluation, coded as they are booked, as a file that decodes to the text.

N tokens of the stream, the first of which is given; K lanes at work.
"""

from typing import Any

import numpy as np
from torch import Tensor

from golfctl.codec.compressing import rows_file
from golfctl.codec.rows.drivers import ProofEncoder
from golfctl.codec.text_format.patches import find_patches
from golfctl.codec.text_format.text_file import TextFile
from golfctl.codec.text_format.text_header import Documents
from golfctl.codec.text_model import TextModel
from golfctl.codec.tokens_of_bytes import Cut, parts_of
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.steps.lanes import whole_documents
from golfctl.scoring.steps.question import Step


class Proof:
    """Hand it every step of an evaluation, then ask for the file."""

    def __init__(self) -> None:
        self._encoder = ProofEncoder()

    def after_step(self, step: Step, rows_KV: Tensor, targets_K: np.ndarray) -> None:
        """One step's rows and targets."""
        self._encoder.add(rows_KV, targets_K)

    def file(
        self,
        model: TextModel,
        config: EvalConfig,
        arithmetic_used: str,
        tokens_N: np.ndarray,
        starts: list[int],
        text: bytes,
        spans_N: np.ndarray | None,
    ) -> TextFile:
        """The file of the whole text.

        Args:
            config: the settled `[eval]` table, with its lanes; `starts` are the first rows of the text's documents.
            text: what was scored; `spans_N` the bytes of it that each token stands for, None where tokens decode to it.
        """
        given = int(tokens_N[0])
        patches: list[Any] = []
        if spans_N is not None:
            patches = find_patches(parts_of(model.tokenizer, tokens_N.tolist()), spans_N.tolist(), text)
        assert config.reading_lanes is not None
        documents = None
        if config.context == "documents":
            stretches = whole_documents(starts, len(tokens_N) - 1)
            documents = Documents(count=len(stretches), last_rows=stretches[-1].stop - stretches[-1].first)
        cut = Cut(given, tokens_N[1:].astype(np.int64), patches)
        coded = self._encoder.finish()
        return rows_file(
            text, cut, coded, model, config, config.reading_lanes, arithmetic_used, embed=False, documents=documents
        )
