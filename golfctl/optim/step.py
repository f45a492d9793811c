"""One optimizer step over all parameters: Muon on banks, AdamW on the rest, clipping, in an order that overlaps.

    1  start the reduce-scatter of every bank, largest first
    2  all-reduce the gradients of everything else, packed into one flat buffer
    3  clip: one scalar all-reduce of the sum of squares of the *reduced* gradient (only when clipping is on)
    4  AdamW on the replicated parameters
    5  Muon bank by bank, gathers overlapped

Gradients are sums: each rank weights its loss by its share of the global batch, so any world size computes the same.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from golfctl.core.config import Config
from golfctl.optim.collectives import Alone, Group, Traced
from golfctl.optim.groups import RoleGroups
from golfctl.optim.muon import Muon, MuonConfig
from golfctl.optim.newton_schulz import newton_schulz

_EPS = 1e-6


class AdamConfig(Config):
    """AdamW for what Muon does not move: learning rates by role, the rest shared."""

    embedding_lr: float = Field(default=0.035, ge=0.0)
    head_lr: float = Field(default=0.008, ge=0.0)
    gain_lr: float = Field(default=0.025, ge=0.0)
    beta1: float = Field(default=0.9, ge=0.0, lt=1.0)
    beta2: float = Field(default=0.95, ge=0.0, lt=1.0)
    eps: float = Field(default=1e-8, gt=0.0)
    weight_decay: float = Field(default=0.0, ge=0.0)
    embedding_weight_decay: float | None = Field(default=None, ge=0.0, description="None: as weight_decay.")


class ClipConfig(Config):
    """Gradient clipping by global norm; 0 is off.

    `of` = "reduced" clips by the norm of the summed gradient, the same for every world size; "local" clips each
    rank's own gradient before the sum, as the parameter-golf records do.
    """

    norm: float = Field(default=0.3, ge=0.0)
    of: Literal["reduced", "local"] = "reduced"


class Rates(NamedTuple):
    """What the schedule sets for one step."""

    lr_scale: float
    momentum: float
    weight_decay_scale: float = 1.0


class Optimizers:
    """Muon and AdamW as one optimizer with one explicit schedule of collectives."""

    def __init__(
        self,
        groups: RoleGroups,
        muon: MuonConfig,
        adam: AdamConfig,
        clip: ClipConfig,
        group: Group | None = None,
        compiled: bool = False,
    ) -> None:
        """`compiled`: Newton–Schulz as one compiled graph per shape of bank."""
        self.group: Group = group or Alone()
        self.groups = groups
        self._muon_config, self._adam_config, self._clip = muon, adam, clip
        orthogonalise = torch.compile(newton_schulz, fullgraph=True, dynamic=False) if compiled else newton_schulz
        self.muon = Muon(groups.banks.values(), muon, self.group, orthogonalise) if groups.banks else None
        self.adam = _adam(groups, adam)
        self._replicated = [p for entry in self.adam.param_groups for p in entry["params"]] if self.adam else []
        self._flat = _flat_buffer(self._replicated) if self.group.world > 1 and self._replicated else None

    @torch.no_grad()
    def step(self, rates: Rates) -> Tensor | None:
        """Take one step from the gradients; returns the clipped-by norm (0-D, no host sync), None without clipping."""
        self._set(rates)
        for p in self._replicated:  # unused parameters: the same for every world size
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        if self._clip.norm and self._clip.of == "local":
            self._clip_locally()
        if self.muon:
            self.muon.reduce()
        self._reduce_replicated()
        norm, scale = self._clip_reduced() if self._clip.norm and self._clip.of == "reduced" else (None, None)
        if self.adam:
            if scale is not None:
                torch._foreach_mul_(self._gradients(), scale)
            self.adam.step()
        if self.muon:
            self.muon.apply(scale)
        return norm

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for optimizer in (self.muon, self.adam):
            if optimizer:
                optimizer.zero_grad(set_to_none=True)

    def plan(self) -> list[Traced]:
        """The collectives of one `step`, in order, with the bytes this rank puts in."""
        if self.group.world == 1:
            return []
        muon = self.muon.plan() if self.muon else []
        half = len(muon) // 2
        packed = [] if self._flat is None else [Traced("all_reduce", self._flat.numel() * self._flat.element_size())]
        clip = [Traced("all_reduce", self._norm_bytes())] if self._clip.norm and self._clip.of == "reduced" else []
        return [*muon[:half], *packed, *clip, *muon[half:]]

    def _norm_bytes(self) -> int:
        first = self._all()[0]
        return 8 if first.dtype == torch.float64 else 4

    def _all(self) -> list[Tensor]:
        return [*(self.muon.banks if self.muon else []), *self._replicated]

    def _set(self, rates: Rates) -> None:
        if self.muon:
            entry = self.muon.param_groups[0]
            entry["lr"] = self._muon_config.lr * rates.lr_scale
            entry["momentum"] = rates.momentum
            entry["weight_decay"] = self._muon_config.weight_decay * rates.weight_decay_scale
        for entry in self.adam.param_groups if self.adam else []:
            entry["lr"] = entry["base_lr"] * rates.lr_scale

    def _gradients(self) -> list[Tensor]:
        return [p.grad for p in self._replicated if p.grad is not None]

    def _reduce_replicated(self) -> None:
        if self._flat is None:
            return
        for gradient, view in _views(self._flat, self._gradients()):
            view.copy_(gradient)
        self.group.all_reduce(self._flat).wait()
        for p, view in _views(self._flat, self._replicated):
            p.grad = view.to(p.dtype)

    def _clip_reduced(self) -> tuple[Tensor, Tensor]:
        square = self.muon.square_norm() if self.muon else torch.zeros((), device=self._replicated[0].device)
        if self.group.rank == 0 and self._replicated:  # replicated: the same on every rank, counted once
            norms = torch._foreach_norm(self._gradients())
            square = square + torch.stack(norms).square().sum()
        if self.group.world > 1:
            self.group.all_reduce(square).wait()
        norm = square.sqrt()
        return norm, (self._clip.norm / (norm + _EPS)).clamp(max=1.0)

    def _clip_locally(self) -> None:
        """Clip this rank's own mean gradient; gradients here are shares of a sum, hence the factor `world`."""
        torch.nn.utils.clip_grad_norm_(self._all(), self._clip.norm / self.group.world)


def _adam(groups: RoleGroups, config: AdamConfig) -> torch.optim.AdamW | None:
    embedding_decay = config.weight_decay if config.embedding_weight_decay is None else config.embedding_weight_decay
    rates = (
        (groups.embeddings, config.embedding_lr, embedding_decay),
        (groups.heads, config.head_lr, config.weight_decay),
        (groups.gains, config.gain_lr, config.weight_decay),
    )
    entries = [
        {"params": list(ps.values()), "lr": lr, "base_lr": lr, "weight_decay": decay} for ps, lr, decay in rates if ps
    ]
    if not entries:
        return None
    device = next(p.device.type for ps, _, _ in rates for p in ps.values())
    return torch.optim.AdamW(
        entries,
        lr=config.gain_lr,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        weight_decay=config.weight_decay,
        fused=device in ("cpu", "cuda"),
    )


def _flat_buffer(parameters: list[Tensor]) -> Tensor:
    wide = torch.float64 if parameters[0].dtype == torch.float64 else torch.float32
    return torch.zeros(sum(p.numel() for p in parameters), dtype=wide, device=parameters[0].device)


def _views(flat: Tensor, parameters: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    start = 0
    for p in parameters:
        yield p, flat[start : start + p.numel()].view_as(p)
        start += p.numel()
