"""Products of hidden vectors with slices of banks; weight gradients are written straight into the bank's gradient.

Shapes: B slices of a bank, O rows (outputs), I columns (inputs), N rows of hidden vectors.

Plain autograd would make the gradient of every slice and then stack them: one more pass over all matrices. Here each
product's backward pass multiplies into its slice of one buffer, which becomes the gradient of the bank. Several
products of one input add up the gradient of that input in one place. Compiled code, autocast and passes without
gradients use plain products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from golfctl.model.kernels.linear import linear


class GradientSink:
    """Where the gradient of one bank gathers during one backward pass."""

    def __init__(self) -> None:
        self.buffer: Tensor | None = None
        self.written: set[int] = set()


class Slot(NamedTuple):
    """A slice of a bank: its sink, its place, the bank's shape."""

    sink: GradientSink
    row: int
    shape: torch.Size


def unbind(bank_BOI: Tensor) -> tuple[tuple[Tensor, ...], list[Slot]]:
    """The slices [O, I] of a bank, and their slots; no slots where plain autograd has to do."""
    if torch.compiler.is_compiling() or not (torch.is_grad_enabled() and bank_BOI.requires_grad):
        return bank_BOI.unbind(0), []
    sink = GradientSink()
    slices = _Unbind.apply(bank_BOI, sink)
    return slices, [Slot(sink, row, bank_BOI.shape) for row in range(len(slices))]


def products(x: Tensor, weights: Sequence[Tensor], slots: Sequence[Slot | None]) -> tuple[Tensor, ...]:
    """x Wᵀ for every W [O, I] of `weights`; `slots` are those of `unbind`, None for other matrices."""
    if all(slots) and not torch.is_autocast_enabled(x.device.type):
        result: tuple[Tensor, ...] = _Products.apply(x, tuple(slots), *weights)
        return result
    return tuple(linear(x, weight) for weight in weights)


class _Unbind(torch.autograd.Function):
    """unbind(0); its backward pass hands over the buffer that the products have written."""

    @staticmethod
    def forward(ctx: Any, bank: Tensor, sink: GradientSink) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.sink, ctx.shape, ctx.kind = sink, bank.shape, {"dtype": bank.dtype, "device": bank.device}
        return bank.unbind(0)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, None]:
        sink: GradientSink = ctx.sink
        buffer = torch.empty(ctx.shape, **ctx.kind) if sink.buffer is None else sink.buffer
        for index, grad in enumerate(grads):
            place = buffer[index]
            if grad is None:
                place.zero_()
            elif grad.data_ptr() != place.data_ptr():
                place.copy_(grad)
        sink.buffer, sink.written = None, set()
        return buffer, None


class _Products(torch.autograd.Function):
    """Products of one input with several matrices."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slots: tuple[Slot, ...], *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.slots = slots
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, *weights)
        return tuple(linear(x, weight) for weight in weights)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        x, *weights = ctx.saved_tensors
        x_NI = x.reshape(-1, x.shape[-1])
        input_NI: Tensor | None = None
        found: list[Tensor | None] = []
        for grad, weight, slot in zip(grads, weights, ctx.slots, strict=True):
            if grad is None:
                found.append(None)
                continue
            grad_NO = grad.reshape(-1, grad.shape[-1])
            if ctx.needs_input_grad[0]:
                part_NI = linear(grad_NO, weight.t())
                input_NI = part_NI if input_NI is None else input_NI.add_(part_NI)
            found.append(_gather(slot, grad_NO, x_NI))
        return (None if input_NI is None else input_NI.view_as(x), None, *found)


def place(slot: Slot, like: Tensor) -> tuple[Tensor, bool]:
    """Where a slice's gradient belongs, and whether something was written there before: then add, and report None."""
    sink = slot.sink
    if sink.buffer is None:
        sink.buffer = torch.empty(slot.shape, dtype=like.dtype, device=like.device)
    before = slot.row in sink.written
    sink.written.add(slot.row)
    return sink.buffer[slot.row], before


def _gather(slot: Slot, grad_NO: Tensor, x_NI: Tensor) -> Tensor | None:
    """gᵀ x into the slot; later products with the same matrix add to it and have nothing of their own to report."""
    mine, before = place(slot, grad_NO)
    if before:
        mine.addmm_(grad_NO.t(), x_NI)
        return None
    torch.mm(grad_NO.t(), x_NI, out=mine)
    return mine
