"""What a run says of itself: what it is before anything is built, and after its first steps when it will end."""

import time
from pathlib import Path

import torch

from golfctl.model.census import census
from golfctl.training.config import TrainConfig
from golfctl.training.meters.node import quick_product_flops
from golfctl.training.setup import Setup

_RATE_SECONDS = 0.15
_FEW_STEPS, _LONG_STEP_SECONDS = 20, 60.0
_SMALLER = "take a GPU or a smaller recipe, such as one called -mini; --dry-run measures a slice of a step here"


def banner(setup: Setup, folder: Path, ranks: int) -> list[str]:
    """Lines that say what run this will be."""
    train = setup.train
    dtype, threads = str(setup.dtype).removeprefix("torch."), torch.get_num_threads()
    how = "compiled" if train.compile else "eager"
    on = f"{setup.device}, {threads} threads" if setup.device.type == "cpu" else str(setup.device)
    return [
        f"run: {folder}",
        f"data: {setup.dataset.path} ({setup.dataset.train_tokens():,} training tokens, sha256 {setup.dataset.digest})",
        f"model: {census(setup.spec).parameters:,} parameters, seed {train.seed}",
        f"device: {on}, {dtype}, {how}, {ranks} {'ranks' if ranks > 1 else 'rank'}",
        f"budget: {_budget(train)}, {train.batch_tokens:,} tokens a step",
    ]


def expectation(setup: Setup, ranks: int) -> list[str]:
    """What a run takes on this CPU, before anything heavy; on other devices the first steps tell soon enough."""
    if setup.device.type != "cpu":
        return []
    least = least_step_seconds(setup, ranks)
    steps, seconds = setup.train.steps, setup.train.seconds
    takes = f"expected: about {span(least)} a step or more on this machine"
    if steps is not None:
        lines = [f"{takes}, {span(least * steps)} in all"]
        large = least > _LONG_STEP_SECONDS
    else:
        assert seconds is not None
        fit = int(seconds / least)
        lines = [f"{takes}, at most {fit:,} steps in the budget" if fit else f"{takes}: longer than the whole budget"]
        large = fit < _FEW_STEPS
    return [*lines, f"this recipe is too large for this CPU: {_SMALLER}"] if large else lines


def least_step_seconds(setup: Setup, ranks: int) -> float:
    """About what a step takes here at least: its FLOPs over the rate of products, measured for a moment."""
    flops = census(setup.spec).flops_per_token(setup.train.sequence_length) * setup.train.batch_tokens / ranks
    return flops / quick_product_flops(setup.device, setup.dtype, _RATE_SECONDS)


def still_to_go(train: TrainConfig, done: int, step_seconds: float, spent: float) -> str:
    """How many steps a run will take, at `step_seconds` each, and when it will end; `spent` is its training clock."""
    if train.steps is not None:
        total, left = train.steps, (train.steps - done) * step_seconds
    else:
        assert train.seconds is not None
        left = max(train.seconds - spent, 0.0)
        total = done + int(left / step_seconds)
    end = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + left))
    return f"{span(step_seconds)} a step: about {total:,} steps in all, the end in {span(left)}, at {end}"


def span(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{seconds / 86400:.3g} days"


def _budget(train: TrainConfig) -> str:
    if train.steps is not None:
        return f"{train.steps:,} steps"
    return f"{train.seconds:g} s of training clock"
