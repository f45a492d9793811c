"""A resolved `[eval]` table put together for a text: the scorer, or every rung of its ladder, and what it is asked.

Evaluation and audit build both here, so that what is audited is what is evaluated.
"""

from collections.abc import Sequence

import torch

from golfctl.evaluation.runner import BlockPlan
from golfctl.evaluation.scored_model import ScoredModel
from golfctl.evaluation.stepwise import LaneReading
from golfctl.evaluation.stream import Stream
from golfctl.scoring.compose import Setting, compose, compose_steps
from golfctl.scoring.compose import ladder as ladder_of
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.protocol import Scorer
from golfctl.scoring.ranks import Ranks


def setting_of(source: ScoredModel, config: EvalConfig, rows: int, device: torch.device, ranks: Ranks) -> Setting:
    """What scorers of a text of `rows` targets are built from; the model computes in the type that `config` says."""
    assert config.seq_len is not None
    source.model.set_compute_dtype(torch.bfloat16 if config.dtype == "bfloat16" else None)
    return Setting(source.model, source.vocab_size, config.seq_len, rows, device, ranks)


def plan_of(config: EvalConfig, setting: Setting, starts: Sequence[int]) -> BlockPlan:
    """The blocks in which the text is scored; `starts` are the first rows of its documents, where they are isolated."""
    isolated = tuple(starts) if config.context == "documents" else None
    whole_documents = config.ttt.lanes if config.ttt and config.ttt.form == "lora" else None
    per_block = config.batch * setting.ranks.world
    return BlockPlan(setting.rows, setting.seq_len, config.stride, per_block, isolated, whole_documents)


def assemble(config: EvalConfig, setting: Setting, starts: Sequence[int]) -> tuple[Scorer, BlockPlan]:
    """The honest scorer of `config`, and the blocks that it is asked for."""
    return compose(config, setting), plan_of(config, setting, starts)


def assemble_steps(config: EvalConfig, setting: Setting, stream: Stream) -> tuple[Scorer, LaneReading]:
    """The scorer of `config` behind the step protocol, and which lane reads what."""
    assert config.reading_lanes is not None
    reading = LaneReading.of(config, setting.seq_len, stream.lane_starts(), stream.rows)
    return compose_steps(config, setting, reading.lanes), reading


def assemble_ladder(
    config: EvalConfig, setting: Setting, starts: Sequence[int]
) -> tuple[list[tuple[str, Scorer]], BlockPlan]:
    """A scorer for every layer of `config` added in turn, by name, and the blocks that all are asked for."""
    return ladder_of(config, setting), plan_of(config, setting, starts)
