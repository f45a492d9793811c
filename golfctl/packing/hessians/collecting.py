"""Second moments of every matrix's inputs, and of the loss gradient at its outputs, streamed over calibration text.

N tokens, R outputs, C inputs, V rows of a table, D its columns. Nothing but the sums is kept: the memory is that of
the moments, whatever the number of tokens. Matrices that read the same activations (queries, keys and values of one
layer) share one sum. A table's rows are weighted by how often they are looked up, its columns by the moments of
the gradients there.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl.core.progress import SILENT, Progress
from golfctl.model.network import LanguageModel
from golfctl.model.roles import Role
from golfctl.model.taps import lookup_tap, tap
from golfctl.model.weights.names import entries_of, shapes_by_name
from golfctl.quant.stats import LayerStats

WIDE = 2048  # outputs beyond which only the diagonal of the gradient's moments is kept
_Sums = dict[str, Tensor]


class Moments:
    """Running sums; `product` and `lookup` are what the model calls."""

    def __init__(self, gradients: bool, only: Collection[str] | None = None) -> None:
        self._gradients, self._only = gradients, only
        self._inputs: _Sums = {}
        self._outputs: _Sums = {}
        self._counts: _Sums = {}
        self._rows: _Sums = {}
        self._uses: dict[str, int] = {}
        self._twin: dict[str, str] = {}
        self._last: tuple[str, Tensor] | None = None

    def product(self, name: str, x: Tensor, y: Tensor) -> None:
        """Add one matrix product y = x Wᵀ."""
        if self._only is not None and name not in self._only:
            return
        if self._last is not None and self._last[1] is x:
            self._twin[name] = self._last[0]
        else:
            _add_outer(self._inputs, name, x.detach())
            self._last = (name, x)
        self._uses[name] = self._uses.get(name, 0) + x[..., 0].numel()
        if self._gradients and y.requires_grad:
            y.register_hook(partial(self._output_gradient, name))

    def lookup(self, name: str, ids: Tensor, rows: Tensor) -> None:
        """Add one lookup; ids[...] chose rows[..., D]."""
        if self._only is not None and name not in self._only:
            return
        if self._gradients and rows.requires_grad:
            count_V = torch.bincount(ids.flatten(), minlength=int(ids.max()) + 1).to(torch.float32)
            before_V = self._counts.get(name, count_V.new_zeros(0))
            length = max(len(before_V), len(count_V))
            self._counts[name] = _padded(before_V, length) + _padded(count_V, length)
            rows.register_hook(partial(_add_hook, self._rows, name))

    def _output_gradient(self, name: str, gradient: Tensor) -> None:
        if gradient.shape[-1] <= WIDE:
            _add_outer(self._outputs, name, gradient)
        else:
            squares_R = gradient.flatten(0, -2).to(torch.float32).square().sum(dim=0)
            self._outputs[name] = self._outputs[name].add_(squares_R) if name in self._outputs else squares_R

    def end_of_pass(self) -> None:
        """Forget the activations of the pass that ended."""
        self._last = None

    def stats(self, tokens: int, shapes: dict[str, tuple[int, ...]]) -> dict[str, LayerStats]:
        """Means per token, by name; a matrix that is used several times per token counts each use."""
        found = {name: self._product_stats(name, tokens) for name in self._uses}
        for name in self._counts:
            found[name] = _joined(self._table_stats(name, tokens, shapes[name][0]), found.get(name))
        return found

    def _product_stats(self, name: str, tokens: int) -> LayerStats:
        gradient = self._outputs.get(name)
        inputs_CC = self._inputs[self._twin.get(name, name)] / self._uses[name]
        return LayerStats(inputs_CC, None if gradient is None else gradient / tokens, tokens)

    def _table_stats(self, name: str, tokens: int, rows: int) -> LayerStats:
        count_V = _padded(self._counts[name], rows)
        uses = float(count_V.sum())
        return LayerStats(self._rows[name] / uses, (count_V + 1) / tokens, tokens, table=True)


def collect(
    model: LanguageModel,
    ids_NT: Tensor,
    batch: int,
    gradients: bool = False,
    seed: int = 0,
    progress: Progress = SILENT,
    only: Collection[str] | None = None,
) -> dict[str, LayerStats]:
    """Statistics of every matrix and, with `gradients`, of every table of `model`, over sequences of ids (int64).

    `only`: of these alone.

    With `gradients`, the loss is the model's own: targets are drawn from its predictions (seeded), so that the moments
    are those of the Fisher information, the second-order form of KL(model ‖ perturbed model).
    """
    moments, generator = Moments(gradients, only), torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    with (
        _starting_at_tables(model, gradients),
        tap(model, moments.product),
        lookup_tap(model, moments.lookup),
        progress.task("calibrating", ids_NT.numel(), "token") as task,
        torch.set_grad_enabled(gradients),
    ):
        for ids_BT in ids_NT.split(batch):
            logits_BTV = model(ids_BT.to(device))
            if gradients:
                _fisher_loss(logits_BTV, generator).backward()
            moments.end_of_pass()
            task.advance(ids_BT.numel())
    found = moments.stats(ids_NT.numel(), shapes_by_name(model.spec))
    return {name: stats.on_host() for name, stats in found.items()}


def _fisher_loss(logits_BTV: Tensor, generator: torch.Generator) -> Tensor:
    """Summed cross-entropy against targets drawn from the predictions themselves."""
    logits_NV = logits_BTV.flatten(0, 1)
    cumulative_NV = logits_NV.detach().softmax(dim=1).cumsum(dim=1)
    draw_N1 = torch.rand(len(logits_NV), 1, generator=generator).to(logits_NV.device) * cumulative_NV[:, -1:]
    targets_N = torch.searchsorted(cumulative_NV, draw_N1).squeeze(1).clamp_max(logits_NV.shape[1] - 1)
    return F.cross_entropy(logits_NV, targets_N, reduction="sum")


def _joined(table: LayerStats, head: LayerStats | None) -> LayerStats:
    """A tied table pays twice, as table and as head: one Kronecker product that has the trace of both for every row."""
    if head is None or head.gradient is None or table.gradient is None:
        return table
    tied = partial(LayerStats, tokens=head.tokens, table=True, head_CC=head.hessian_CC)
    diagonal_V = head.gradient if head.gradient.ndim == 1 else head.gradient.diagonal()
    ratio = float(diagonal_V.sum() / table.gradient.sum())
    hessian_DD = ratio * head.hessian_CC + table.hessian_CC
    trace, head_trace = float(hessian_DD.trace()), float(head.hessian_CC.trace())
    table_trace = float(table.hessian_CC.trace())
    if head.gradient.ndim == 1:
        return tied(hessian_DD, (diagonal_V * head_trace + table.gradient * table_trace) / trace)
    gradient_VV = (head.gradient * head_trace + torch.diag(table.gradient) * table_trace) / trace
    return tied(hessian_DD, gradient_VV)


def _padded(counts_V: Tensor, length: int) -> Tensor:
    return F.pad(counts_V, (0, length - len(counts_V)))


def _add_hook(sums: _Sums, name: str, gradient: Tensor) -> None:
    _add_outer(sums, name, gradient)


def _add_outer(sums: _Sums, name: str, values: Tensor) -> None:
    values_NX = values.flatten(0, -2).to(torch.float32)
    added_XX = values_NX.T @ values_NX
    sums[name] = sums[name].add_(added_XX) if name in sums else added_XX


@contextmanager
def _starting_at_tables(model: LanguageModel, gradients: bool) -> Iterator[None]:
    """With gradients, tables alone ask for them: the graph begins early enough, and no weight gradient is computed."""
    wanted = [(entry.parameter, entry.parameter.requires_grad) for entry in entries_of(model)]
    for entry in entries_of(model):
        entry.parameter.requires_grad_(gradients and entry.role is Role.EMBEDDING)
    try:
        yield
    finally:
        for parameter, before in wanted:
            parameter.requires_grad_(before)
            parameter.grad = None
