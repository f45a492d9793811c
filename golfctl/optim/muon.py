"""Muon over banks: momentum, Newton–Schulz on stacked matrices, sharded over ranks by an explicit schedule.

A bank is a parameter of shape [B, M, N] (or [M, N], a bank of one). With W ranks it is padded to P = ceil(B/W)·W
matrices; every rank owns P/W of them. One step, largest bank first (Parallel Muon, parameter-golf PR #399 and #549):

    reduce    reduce-scatter the gradients of every bank, asynchronously
    apply     per bank: wait, momentum on the owned matrices, Newton–Schulz while the gather of the bank before flies;
              apply the update of that bank, all-gather this one's

With one rank the same code runs without collectives or copies. Momentum lives in the optimizer's state.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from golfctl.core.config import Config
from golfctl.optim.collectives import Alone, Group, Traced, Work
from golfctl.optim.newton_schulz import POLYNOMIALS, equalise_rows, newton_schulz

Precision = Literal["auto", "parameter", "bfloat16"]


class MuonConfig(Config):
    """Muon's fixed settings; learning rates scale with the schedule.

    `rows` = "equal" is MuonEq-R. `compute` is the precision of Newton–Schulz, `wire` that of the collectives
    ("auto": bfloat16 on CUDA, the parameter's own elsewhere).
    """

    lr: float = Field(default=0.025, ge=0.0)
    momentum: float = Field(default=0.95, ge=0.0, lt=1.0)
    momentum_start: float = Field(default=0.85, ge=0.0, lt=1.0)
    momentum_warmup_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=0.0, ge=0.0)
    rows: Literal["plain", "equal"] = "plain"
    polynomial: Literal["standard", "polar-express"] = "standard"
    iterations: int = Field(default=5, ge=1, le=20)
    compute: Precision = "auto"
    wire: Precision = "auto"


class _Bank(NamedTuple):
    """Working memory of one bank: what is sent, what is owned, what comes back."""

    parameter: Tensor
    per_rank: int
    step_scale: float
    full_PMN: Tensor
    owned_QMN: Tensor


def step_scale(rows: int, columns: int) -> float:
    """Factor on Muon's learning rate for a matrix: √max(1, rows/columns)."""
    return float(max(1.0, rows / columns) ** 0.5)


class Muon(torch.optim.Optimizer):
    """Muon (nesterov, decoupled weight decay) over banks; see the module for the schedule.

    u = g + μ·buf with buf ← μ·buf + g; p ← p·(1 − lr·wd) − lr·√max(1, M/N)·NS(u). `param_groups[0]` holds lr,
    momentum and weight_decay, which the training loop sets every step.

    Raises:
        ValueError: a parameter that is neither 2-D nor 3-D.
    """

    def __init__(
        self,
        banks: Iterable[Tensor],
        config: MuonConfig,
        group: Group | None = None,
        orthogonalise: Callable[..., Tensor] = newton_schulz,
    ) -> None:
        """`orthogonalise` is `newton_schulz`, or a compiled form of it."""
        self._orthogonalise = orthogonalise
        banks = sorted(banks, key=lambda p: -p.numel())  # stable: equal sizes keep the model's order
        if any(p.ndim not in (2, 3) for p in banks):
            raise ValueError("Muon takes matrices and banks of matrices only")
        super().__init__(banks, {"lr": config.lr, "momentum": config.momentum, "weight_decay": config.weight_decay})
        self.config = config
        self.group: Group = group or Alone()
        self._pending: list[Work] = []
        self._banks = [self._prepare(p) for p in banks]

    @torch.no_grad()
    def reduce(self) -> None:
        """Start the reduce-scatter of every bank's gradient."""
        self._pending = []
        for bank in self._banks:
            grad_BMN = _as_bank(_gradient(bank.parameter))
            if self.group.world == 1:
                continue
            bank.full_PMN[: len(grad_BMN)].copy_(grad_BMN)
            self._pending.append(self.group.reduce_scatter(bank.owned_QMN, bank.full_PMN))

    @torch.no_grad()
    def square_norm(self) -> Tensor:
        """Sum of squares of the owned, reduced gradients (a 0-D tensor); waits for every reduce-scatter."""
        self._wait_all()
        owned = [_wide(self._owned(bank)) for bank in self._banks]
        return torch.stack([grad_QMN.square().sum() for grad_QMN in owned]).sum()

    @torch.no_grad()
    def apply(self, gradient_scale: Tensor | None = None) -> None:
        """Momentum, Newton–Schulz, gather and update, bank by bank; gradients are first scaled by `gradient_scale`."""
        before: tuple[_Bank, Work] | None = None
        for index, bank in enumerate(self._banks):
            if self._pending:
                self._pending[index].wait()
            update_QMN = self._direction(bank, gradient_scale)
            if self.group.world == 1:
                self._update(bank, update_QMN)
                continue
            if before is not None:
                self._finish(*before)
            bank.owned_QMN.copy_(update_QMN)
            before = bank, self.group.all_gather(bank.full_PMN, bank.owned_QMN)
        if before is not None:
            self._finish(*before)
        self._pending = []

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Reduce and apply, without clipping."""
        self.reduce()
        self.apply()

    def plan(self) -> list[Traced]:
        """The collectives of one `reduce` and one `apply`, in order, with the bytes this rank puts in."""
        if self.group.world == 1:
            return []
        scatter = [Traced("reduce_scatter", _bytes(bank.full_PMN)) for bank in self._banks]
        return scatter + [Traced("all_gather", _bytes(bank.owned_QMN)) for bank in self._banks]

    def gathered_momentum(self) -> list[Tensor]:
        """Every bank's whole momentum, unpadded, in the order of `banks` (a collective when world > 1)."""
        return [self._gather(bank) for bank in self._banks]

    def restore_momentum(self, whole: Sequence[Tensor]) -> None:
        """Take this rank's part of `gathered_momentum` of any world size."""
        for bank, saved in zip(self._banks, whole, strict=True):
            owned = self._momentum(bank)
            first = self.group.rank * bank.per_rank
            part = _as_bank(saved)[first : first + bank.per_rank]
            owned.zero_()
            owned[: len(part)].copy_(part)

    @property
    def banks(self) -> list[Tensor]:
        """The banks in the order of the schedule: largest first."""
        return [bank.parameter for bank in self._banks]

    def _prepare(self, parameter: Tensor) -> _Bank:
        count, rows, columns = _as_bank(parameter).shape
        per_rank = -(-count // self.group.world)
        dtype = _dtype(self.config.wire, parameter)
        sharded = self.group.world > 1
        full = (per_rank * self.group.world if sharded else 0, rows, columns)
        owned = (per_rank if sharded else 0, rows, columns)
        return _Bank(
            parameter,
            per_rank,
            step_scale(rows, columns),
            torch.zeros(full, dtype=dtype, device=parameter.device),
            torch.zeros(owned, dtype=dtype, device=parameter.device),
        )

    def _owned(self, bank: _Bank) -> Tensor:
        return bank.owned_QMN if self.group.world > 1 else _as_bank(_gradient(bank.parameter))

    def _momentum(self, bank: _Bank) -> Tensor:
        state = self.state[bank.parameter]
        if "momentum" not in state:
            p = bank.parameter
            state["momentum"] = torch.zeros((bank.per_rank, *p.shape[-2:]), dtype=p.dtype, device=p.device)
        momentum: Tensor = state["momentum"]
        return momentum

    def _direction(self, bank: _Bank, gradient_scale: Tensor | None) -> Tensor:
        grad_QMN = self._owned(bank).to(bank.parameter.dtype)
        if gradient_scale is not None:
            grad_QMN = grad_QMN * gradient_scale
        factor = self.param_groups[0]["momentum"]
        momentum_QMN = self._momentum(bank)
        momentum_QMN.mul_(factor).add_(grad_QMN)
        update_QMN = grad_QMN.add(momentum_QMN, alpha=factor)
        if self.config.rows == "equal":
            update_QMN = equalise_rows(update_QMN)
        update_QMN = update_QMN.to(_dtype(self.config.compute, bank.parameter))
        return self._orthogonalise(update_QMN, POLYNOMIALS[self.config.polynomial], self.config.iterations)

    def _finish(self, bank: _Bank, gather: Work) -> None:
        gather.wait()
        self._update(bank, bank.full_PMN)

    def _update(self, bank: _Bank, update_PMN: Tensor) -> None:
        lr, decay = self.param_groups[0]["lr"], self.param_groups[0]["weight_decay"]
        whole_BMN = _as_bank(bank.parameter)
        whole_BMN.mul_(1.0 - lr * decay)
        whole_BMN.add_(update_PMN[: len(whole_BMN)].to(whole_BMN.dtype), alpha=-lr * bank.step_scale)

    def _wait_all(self) -> None:
        for work in self._pending:
            work.wait()
        self._pending = []

    def _gather(self, bank: _Bank) -> Tensor:
        owned = self._momentum(bank)
        if self.group.world == 1:
            return owned.reshape(bank.parameter.shape)
        full = torch.empty((self.group.world * bank.per_rank, *owned.shape[1:]), dtype=owned.dtype, device=owned.device)
        self.group.all_gather(full, owned).wait()
        return full[: len(_as_bank(bank.parameter))].reshape(bank.parameter.shape)


def _as_bank(tensor: Tensor) -> Tensor:
    return tensor if tensor.ndim == 3 else tensor.unsqueeze(0)


def _gradient(parameter: Tensor) -> Tensor:
    return parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)


def _wide(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _dtype(precision: Precision, parameter: Tensor) -> torch.dtype:
    if precision == "auto":
        precision = "bfloat16" if parameter.device.type == "cuda" else "parameter"
    return torch.bfloat16 if precision == "bfloat16" else parameter.dtype
