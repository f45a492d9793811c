"""The parts of a run that change: weights, optimizers, average, position in the data; and one step of them.

Shapes: B sequences, T positions.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from golfctl.core.machine.environment import describe_environment
from golfctl.data.batching.batches import open_loader
from golfctl.data.batching.prefetch import prefetching
from golfctl.model.census import census
from golfctl.model.kernels.visible import segment_bounds
from golfctl.model.weights.names import named_tensors
from golfctl.model.weights.new_model import build_model
from golfctl.optim.average import WeightAverage
from golfctl.optim.collectives import Group
from golfctl.optim.groups import group_by_role
from golfctl.optim.schedule import RunPoint, learning_rate_scale, ramp, taper, warmdown_scale
from golfctl.optim.step import Optimizers, Rates
from golfctl.packing.checkpoint import Checkpoint
from golfctl.training.meters.timing import phases_on
from golfctl.training.qat import FakeQuantizer
from golfctl.training.run.interrupt import Stopped, StopRequest
from golfctl.training.setup import Setup

_GRACE_SECONDS = 1.0  # a step that is asked to stop and takes longer is given up


class DeviceBatch(NamedTuple):
    """This rank's rows of a global batch on the device; per micro-batch, where documents begin (None: not needed)."""

    x_BT: Tensor
    y_BT: Tensor
    bounds: list[Tensor | None]


class ForwardMode(NamedTuple):
    """What the forward pass is at a point of the run: extra passes of the repeated layers, and whether it is quantised.
    Compiled code is another for each."""

    loops: int
    quantised: bool


class StepResult:
    """What one step leaves behind: this rank's share of the loss, the gradient's norm, the scale; no host sync."""

    def __init__(self, loss: Tensor, norm: Tensor | None, scale: float) -> None:
        self.loss, self.norm, self.scale = loss, norm, scale


class Trainer:
    """A model in training. `step` moves it; `trainer_state` carries it from one process to the next."""

    def __init__(self, setup: Setup, group: Group, stop: StopRequest | None = None) -> None:
        """`stop` may end a step before its gradients are complete; only without other ranks, who would wait."""
        self.setup, self.group = setup, group
        self._stop = stop if stop is not None and group.world == 1 else StopRequest()
        self.on_pass: Callable[[int, int], None] = lambda done, total: None
        config = setup.train
        self.model = build_model(setup.spec, config.seed)
        if setup.dtype == torch.float64:
            self.model.double()
        self.model.to(setup.device)
        self.model.set_compute_dtype(setup.dtype if setup.dtype == torch.bfloat16 else None)
        self.loss_function: Callable[..., Tensor] = self.model.loss
        qat = config.qat
        self.quantizer = FakeQuantizer(qat, setup.pack, setup.device) if qat.rounding != "none" else None
        self.parameters = {entry.path: entry.parameter for entry in self.model.layer_parameters()}
        roles = {entry.path: str(entry.role) for entry in self.model.layer_parameters()}
        groups = group_by_role(self.parameters.items(), roles, config.unbanked == "adam")
        compiled = config.compile and setup.device.type == "cuda"
        self.optimizers = Optimizers(groups, config.muon, config.adam, config.clip, group, compiled)
        decay = config.average.decay if config.average.kind == "ema" else None
        averaged = list(self.parameters.values()) if config.average.kind != "none" else []
        self.average = WeightAverage(averaged, decay, config.average.warm)
        loader = open_loader(
            setup.data,
            setup.dataset.train_shards,
            batch_sequences=config.batch_sequences,
            sequence_length=config.sequence_length,
            seed=config.seed,
            rank=group.rank,
            world=group.world,
            vocab_size=setup.spec.vocab_size,
            bos=setup.dataset.tokenizer.bos,
        )
        self.loader = prefetching(loader, setup.data.prefetch, pin=setup.device.type == "cuda")
        rows = loader.shape.rows
        self.micro_sequences = setup.micro_sequences(rows.stop - rows.start)
        self.steps_done = 0
        self.phases = phases_on(setup.device)
        self.flops = 0
        self._flops_per_token: dict[int, int] = {}

    @property
    def tokens(self) -> int:
        """Tokens trained on so far, over all ranks."""
        return self.steps_done * self.setup.train.batch_tokens

    def step(self, point: RunPoint, mode: ForwardMode | None = None) -> StepResult:
        """One optimizer step on the next global batch, in the mode of `point` or in the one given.

        `on_pass` is called after every micro-batch, with their number so far and in all.

        Raises:
            Stopped: asked to stop while the gradients needed more than a moment; nothing of the step is left.
        """
        self.phases.start()
        schedule = self.setup.train.schedule
        scale, late = learning_rate_scale(schedule, point), warmdown_scale(schedule, point)
        mode = mode or self.mode(point)
        self._enter(mode, late)
        place = self.loader.state()
        batch = self.next_batch()
        self.phases.mark("data")
        try:
            with self._stop.stoppable(_GRACE_SECONDS):
                loss = self._gradients(batch)
        except (Stopped, RuntimeError):  # libraries turn the first into the second
            self._give_up(place)
            raise
        self.phases.mark("gradient")
        norm = self.optimizers.step(self._rates(scale, point))
        self.optimizers.zero_grad()
        self.steps_done += 1
        self._update_average(late)
        self.phases.mark("optimizer")
        self.flops += self._flops_of(mode.loops) * self.setup.train.batch_tokens
        return StepResult(loss, norm, scale)

    def _give_up(self, place: dict[str, Any]) -> None:
        """Undo a step that was asked to stop."""
        if self._stop:
            self.optimizers.zero_grad()
            self.loader.restore(place)
            raise Stopped

    def checkpoint(self) -> Checkpoint:
        """The weights to deploy, averaged if so configured, with deterministic provenance."""
        with self.deployed():
            tensors = {
                name: tensor.detach().float().cpu().clone() for name, tensor in named_tensors(self.model).items()
            }
        provenance: dict[str, Any] = {
            "weights": self.setup.train.average.kind if self.average.count else "none",
            "tokens": self.tokens,
            "seed": self.setup.train.seed,
            "sequence_length": self.setup.train.sequence_length,
            "recipe_digest": self.setup.digest,
            "data_digest": self.setup.dataset.digest,
            "versions": describe_environment()["packages"],
        }
        return Checkpoint(self.setup.spec, tensors, self.setup.dataset.tokenizer.proto, self.steps_done, provenance)

    def reset_counters(self) -> None:
        """Forget what was timed and counted."""
        self.phases.reset()
        self.flops = 0

    def close(self) -> None:
        """Stop what runs beside the trainer."""
        self.loader.close()

    @contextmanager
    def deployed(self) -> Iterator[None]:
        """Inside the block the model is the one to deploy: averaged weights, not quantised, all passes."""
        self._enter(ForwardMode(self._most_loops, False), 0.0)
        if not self.average.count:
            yield
            return
        live = [p.data for p in self.parameters.values()]
        for p, value in zip(self.parameters.values(), self.average.values, strict=True):
            p.data = value
        try:
            yield
        finally:
            for p, value in zip(self.parameters.values(), live, strict=True):
                p.data = value

    @property
    def _most_loops(self) -> int:
        return self.setup.spec.recurrence.extra if self.setup.spec.recurrence else 0

    def mode(self, point: RunPoint) -> ForwardMode:
        """The mode at this point of the run."""
        looping = point.fraction >= self.setup.train.recurrence_start
        late = warmdown_scale(self.setup.train.schedule, point)
        quantised = self.quantizer is not None and self.quantizer.active(late)
        return ForwardMode(self._most_loops if looping else 0, quantised)

    def all_modes(self) -> list[ForwardMode]:
        """Every mode that a run of this recipe can come to, whatever its clock, the most expensive one last."""
        loops = {0, self._most_loops} if self.setup.train.recurrence_start else {self._most_loops}
        rounding = [False, True] if self.quantizer else [False]
        return [ForwardMode(*each) for each in itertools.product(sorted(loops), rounding)]

    def _enter(self, mode: ForwardMode, late: float) -> None:
        if self.setup.spec.recurrence:
            self.model.set_loops(mode.loops)
        self.model.weight_map = self.quantizer if mode.quantised else None
        if self.quantizer and mode.quantised:
            self.quantizer.set_steepness(late)

    def try_pass(self) -> None:
        """A forward and backward pass in the most expensive mode on the next batch; its gradients are dropped."""
        self._enter(self.all_modes()[-1], 0.0)
        self._gradients(self.next_batch())
        self.optimizers.zero_grad()

    def next_batch(self) -> DeviceBatch:
        """This rank's rows of the next global batch, on the device."""
        x_BT, y_BT = (torch.from_numpy(ids_BT) for ids_BT in self.loader.next())
        bounds = [self._bounds(x_BT[rows]) for rows in self._micro_batches(len(x_BT))]
        return DeviceBatch(self._moved(x_BT), self._moved(y_BT), bounds)

    def _micro_batches(self, rows: int) -> list[slice]:
        return [slice(first, first + self.micro_sequences) for first in range(0, rows, self.micro_sequences)]

    def _bounds(self, x_BT: Tensor) -> Tensor | None:
        """Where documents begin, for attention by segments: found on the host, which spares the device a wait.

        Their number is data: compiled code is told so, lest it be made again for every other number.
        """
        if not attends_by_segments(self.setup):
            return None
        bounds = segment_bounds(x_BT, self.setup.spec.bos)
        moved = self._moved(bounds.pin_memory() if self.setup.device.type == "cuda" else bounds)
        if self.setup.train.compile:
            torch._dynamo.mark_dynamic(moved, 0)
        return moved

    def _moved(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.setup.device, non_blocking=True)

    def _gradients(self, batch: DeviceBatch) -> Tensor:
        """Accumulate this rank's share of the gradient of the mean loss over the global batch; return its share."""
        total = torch.zeros((), dtype=torch.float32, device=self.setup.device)
        for done, (rows, bounds) in enumerate(zip(self._micro_batches(len(batch.x_BT)), batch.bounds, strict=True)):
            x, y = batch.x_BT[rows], batch.y_BT[rows]
            options = {} if bounds is None else {"bounds": bounds}
            share = self.loss_function(x, y, **options) * (len(x) / self.setup.train.batch_sequences)
            share.backward()
            total += share.detach()
            self.on_pass(done + 1, len(batch.bounds))
        return total

    def _rates(self, scale: float, point: RunPoint) -> Rates:
        config = self.setup.train
        muon, decay = config.muon, config.decay_taper
        momentum = ramp(muon.momentum_start, muon.momentum, muon.momentum_warmup_steps, point.step)
        return Rates(scale, momentum, taper(decay.start, decay.final, point.fraction))

    def _update_average(self, late: float) -> None:
        config = self.setup.train.average
        due = config.kind == "ema" or (
            config.kind == "swa" and late < config.below_scale and self.steps_done % config.every == 0
        )
        if due:
            self.average.update()

    def _flops_of(self, loops: int) -> int:
        """Model FLOPs of one token with `loops` extra passes of the repeated layers; `flops` adds them up."""
        if loops not in self._flops_per_token:
            length = self.setup.train.sequence_length
            self._flops_per_token[loops] = census(self.setup.spec).flops_per_token(length, loops)
        return self._flops_per_token[loops]


def attends_by_segments(setup: Setup) -> bool:
    """Whether attention takes segment bounds: it stays within documents, and the device has kernels for that."""
    return setup.spec.attention.documents and setup.device.type == "cuda"
