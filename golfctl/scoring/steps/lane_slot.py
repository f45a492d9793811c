"""Causal SLOT by lanes: when a lane's window moves, an offset is fitted on the tokens that the window keeps.

What is fitted on are the states of the refill, and as targets tokens that were shown: the last one is the token that
made the window move. A lane's first window has no past and no offset.

L lanes, K lanes named, T tokens, D model width, F numbers fitted a lane.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.config import SlotConfig
from golfctl.scoring.neural.slot import OffsetFit, fitted_outcome
from golfctl.scoring.outcome import Outcome, Trail
from golfctl.scoring.steps.lane_scorer import LaneScorer
from golfctl.scoring.steps.question import Step


class LaneSlotScorer(LaneScorer):
    """A frozen model with what was fitted for each lane's window."""

    part = "slot"

    def __init__(self, config: SlotConfig, **leaf: Any) -> None:
        """`leaf`: what `LaneScorer` takes."""
        self.config = config
        self.trail = Trail()
        self.fitter = OffsetFit(leaf["model"], leaf["vocab_size"], config)
        super().__init__(**leaf)

    def reset(self, prefix_N: np.ndarray) -> None:
        """Empty lanes, nothing fitted."""
        super().reset(prefix_N)
        self.trail.clear()
        self._fitted: dict[int, Tensor] = {}
        self._new: list[Tensor] = []

    def observe(self, step: Step, targets_K: np.ndarray) -> None:
        """Nothing is learned; what this step was scored with is accounted for."""
        super().observe(step, targets_K)
        for fitted_KF in self._new:
            self.trail.add(fitted_KF)
        self._new = []

    def _begun(self, lane_K: np.ndarray) -> None:
        for lane in lane_K.tolist():
            self._fitted.pop(lane, None)

    def _refilled(self, lane_K: np.ndarray, past_KTD: Tensor) -> None:
        past = past_KTD.shape[1]
        if not past or not self.config.steps:
            return
        came_KT = torch.from_numpy(self._windows.token_LT[lane_K, 1 : past + 1]).to(self.device)
        fitted_KF = self.fitter.fit(list(zip(past_KTD, came_KT, strict=True)))
        self._fitted.update(zip(lane_K.tolist(), fitted_KF, strict=True))
        self._new.append(fitted_KF)

    def _logits(self, h_KD: Tensor, lane_K: np.ndarray) -> Tensor:
        nothing_F = self.fitter.nothing(1, h_KD.shape[-1], h_KD.device)[0]
        fitted_KF = torch.stack([self._fitted.get(lane, nothing_F) for lane in lane_K.tolist()])
        return self.fitter.logits(h_KD, fitted_KF)

    def outcome(self) -> Outcome:
        """How many windows had an offset, and its size."""
        return fitted_outcome(self.trail, self.config)
