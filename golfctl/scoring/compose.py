"""From the `[eval]` table to a tree of scorers; what a technique needs of a model is checked here, by name.

calibrate( mix( ttt( slot | neural ) | rolling, ngram, ctw ) )
"""

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch

from golfctl.errors import UsageError
from golfctl.scoring.config import EvalConfig, MixConfig, TttConfig
from golfctl.scoring.mixing.calibrate import CalibratedScorer
from golfctl.scoring.mixing.geometric import GeometricMix
from golfctl.scoring.mixing.linear_mix import LinearMix
from golfctl.scoring.mixing.shared import Shared, SharedGated
from golfctl.scoring.neural.lora import LoraScorer
from golfctl.scoring.neural.rolling import RollingScorer
from golfctl.scoring.neural.sliding import NeuralScorer, WindowForward
from golfctl.scoring.neural.slot import SlotScorer
from golfctl.scoring.neural.ttt import ChunkTrainer, TttScorer
from golfctl.scoring.protocol import Adaptable, HiddenStates, Laned, Rolling, Scorer, Tapped
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.steps.lane_scorer import LaneScorer
from golfctl.scoring.steps.lane_slot import LaneSlotScorer
from golfctl.scoring.steps.lane_ttt import LaneTrainer, LaneTttScorer
from golfctl.scoring.table import EXPERTS


@dataclass(frozen=True)
class Setting:
    """What every scorer of one evaluation is built from."""

    model: Any
    vocab_size: int
    seq_len: int
    rows: int
    device: torch.device
    ranks: Ranks


def compose(config: EvalConfig, setting: Setting) -> Scorer:
    """The honest scorer that `config` describes.

    Raises:
        UsageError: the model lacks what a technique needs, or two techniques exclude each other.
    """
    scorer = _leaf(config, setting)
    if config.ttt and config.ttt.form != "lora":
        scorer = TttScorer(scorer, trainer(config, setting))
    return _stacked(scorer, config, setting)


def compose_steps(config: EvalConfig, setting: Setting, lanes: int) -> Scorer:
    """The same stack behind the step protocol, for `lanes` texts at a time.

    Raises:
        UsageError: what `compose` refuses, or a technique that cannot be asked step by step.
    """
    if config.leaks:
        raise UsageError(f"{config.leaks[0]} needs the targets it scores: steps show none of them; drop it")
    leaf = _lane_leaf(config, setting, lanes)
    if not config.ttt:
        return _stacked(leaf, config, setting)
    return _stacked(LaneTttScorer(leaf, LaneTrainer(*_training(config, setting))), config, setting)


def _lane_leaf(config: EvalConfig, setting: Setting, lanes: int) -> LaneScorer:
    require(setting.model, Laned, "stepwise scoring", "start_lane_cache and extend_lanes")
    if config.ttt and config.ttt.form == "lora":
        raise UsageError("ttt form lora adapts to whole documents side by side and is not asked by steps: drop one")
    leaf: dict[str, Any] = {
        "model": setting.model, "seq_len": setting.seq_len, "stride": config.stride, "lanes": lanes,
        "vocab_size": setting.vocab_size, "device": setting.device, "rolling": config.rolling,
    }  # fmt: skip
    return LaneSlotScorer(config.slot, **leaf) if config.slot else LaneScorer(**leaf)


def _stacked(scorer: Scorer, config: EvalConfig, setting: Setting) -> Scorer:
    """Mixture and calibration on top of `scorer`."""
    experts = [_expert(name, config, setting) for name in EXPERTS if getattr(config, name)]
    if experts:
        scorer = _mixed([scorer, *experts], config.mix or MixConfig(), setting.device)
    if config.calibrate:
        scorer = CalibratedScorer(scorer, config.calibrate, setting.device)
    return scorer


def ladder(config: EvalConfig, setting: Setting) -> list[tuple[str, Scorer]]:
    """The same stack as rungs, each one layer more than the one before; what rungs share is computed once.

    Raises:
        UsageError: nothing is stacked, or what `compose` refuses.
    """
    plain_config = config.model_copy(update={"slot": None, "ttt": None})
    untouched = replace(setting, model=copy.deepcopy(setting.model)) if config.ttt else setting
    top: Scorer = Shared(_leaf(plain_config, untouched))
    rungs = [(config.mode, top)]
    if config.ttt and config.ttt.form == "lora":
        top = Shared(_leaf(config, setting))
        rungs.append(("+ lora", top))
    elif config.ttt:
        top = Shared(TttScorer(_leaf(plain_config, setting), trainer(config, setting)))
        rungs.append(("+ ttt", top))
    if config.slot:
        top = Shared(_leaf(config, setting))
        rungs.append(("+ slot", top))
    mixed = [top]
    for name in EXPERTS:
        if getattr(config, name):
            mixed = [*mixed, SharedGated(_expert(name, config, setting))]
            top = Shared(_mixed(mixed, config.mix or MixConfig(), setting.device))
            rungs.append((f"+ {name}", top))
    if config.calibrate:
        rungs.append(("+ calibrate", Shared(CalibratedScorer(top, config.calibrate, setting.device))))
    if len(rungs) == 1:
        raise UsageError("--ladder has no second rung: add --ttt, --slot-steps, --ngram or --calibrate")
    return rungs


def trainer(config: EvalConfig, setting: Setting) -> ChunkTrainer:
    """The training side of test-time training."""
    return ChunkTrainer(*_training(config, setting))


def _training(config: EvalConfig, setting: Setting) -> tuple[Any, TttConfig, int, int, Ranks]:
    assert config.ttt
    require(setting.model, Adaptable, "ttt", "a loss and trainable parameters")
    return setting.model, config.ttt, setting.seq_len, setting.rows, setting.ranks


def require(model: Any, capability: type, technique: str, needs: str) -> None:
    """Check that `model` has a capability.

    Raises:
        UsageError: it has not; the message names the technique and the model.
    """
    if not isinstance(model, capability):
        raise UsageError(f"{technique} needs {needs}, which {type(model).__name__} does not give; drop {technique}")


def _leaf(config: EvalConfig, setting: Setting) -> Scorer:
    if config.rolling:
        require(setting.model, Rolling, "the rolling cache", "start_rolling_cache and extend_hidden")
        return RollingScorer(setting.model, setting.seq_len, config.batch, setting.vocab_size, setting.device)
    technique = "slot" if config.slot else "the sliding window"
    require(setting.model, HiddenStates, technique, "hidden states and an output layer")
    forward = WindowForward(setting.model, setting.seq_len, config.batch, setting.device, setting.ranks)
    if config.ttt and config.ttt.form == "lora":
        require(setting.model, Tapped, "ttt form lora", "taps on its matrix products")
        return LoraScorer(forward, setting.vocab_size, config.ttt)
    if config.slot:
        return SlotScorer(forward, setting.vocab_size, config.slot)
    return NeuralScorer(forward, setting.vocab_size)


def _expert(name: str, config: EvalConfig, setting: Setting) -> Scorer:
    scorer: Scorer = EXPERTS[name](setting.vocab_size, getattr(config, name), setting.device, setting.rows)
    return scorer


def _mixed(scorers: list[Scorer], config: MixConfig, device: torch.device) -> Scorer:
    if config.rule == "geometric":
        return GeometricMix(scorers, config, device)
    if len(scorers) > 2:
        raise UsageError(
            f"mix rule {config.rule!r} joins the model with one expert, not {len(scorers) - 1}: use geometric"
        )
    return LinearMix(scorers, config)
