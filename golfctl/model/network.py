"""The language model: embeddings, blocks in their virtual order, head; full and incremental forward.

Shapes: B batch, T positions, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from golfctl.errors import UsageError
from golfctl.model.blocks.attention import Attention
from golfctl.model.blocks.embedding import TABLE, Embedding
from golfctl.model.blocks.feed_forward import FeedForward
from golfctl.model.blocks.head import Head
from golfctl.model.blocks.order import Step, steps
from golfctl.model.blocks.paths import Paths, State
from golfctl.model.blocks.residual import Residual, Skips
from golfctl.model.blocks.rotary import effective_base, rotation
from golfctl.model.cache import Cache, Memory, RollingCache
from golfctl.model.component import Component
from golfctl.model.context import Context, Tap
from golfctl.model.kernels.either_arithmetic import check_portable
from golfctl.model.kernels.head_loss import fits_head_loss, head_loss
from golfctl.model.kernels.linear import linear
from golfctl.model.kernels.norm import rms
from golfctl.model.kernels.visible import Visible
from golfctl.model.lane_cache import LaneCache
from golfctl.model.spec import ModelSpec, declared_weights, part_components
from golfctl.model.table import PATHS
from golfctl.model.weights.banks import Banks, Matrices, WeightMap
from golfctl.model.weights.entries import Entry, entries

Reduction = Literal["mean", "sum", "none"]


class Core(nn.Module):
    """The components every model has."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.embedding = Embedding(spec.embedding, spec)
        self.attention = Attention(spec.attention, spec)
        self.feed_forward = FeedForward(spec.feed_forward, spec)
        self.residual = Residual(spec.residual, spec)
        self.skips = Skips(spec.residual, spec)
        self.paths: Paths = PATHS[spec.paths.form](spec.paths, spec)
        self.head = Head(spec.head, spec)


class LanguageModel(nn.Module):
    """A network as `spec` describes it; `golfctl.model.weights.new_model` makes one."""

    def __init__(self, spec: ModelSpec) -> None:
        """Weights are allocated, not initialised."""
        super().__init__()
        self.spec = spec
        self.declared = declared_weights(spec)
        self.banks = Banks(self.declared)
        self.core = Core(spec)
        self.parts: list[Component] = []
        for name, (component, config) in part_components(spec).items():
            self.parts.append(component(config, spec))
            self.add_module(f"part_{name}", self.parts[-1])
        self.compute_dtype: torch.dtype | None = None
        self.weight_map: WeightMap | None = None
        self.taps: list[Tap] = []
        self.lookup_taps: list[Tap] = []
        self.backend = "auto"
        self.loops = spec.recurrence.extra if spec.recurrence else 0

    # what a caller may choose at run time ---------------------------------------------------------------------------

    def set_compute_dtype(self, dtype: torch.dtype | None) -> None:
        """Compute in `dtype` from masters that stay as they are; None computes in the masters' own dtype."""
        self.compute_dtype = dtype

    def set_loops(self, loops: int) -> None:
        """Use `loops` extra passes of the recurrence, 0 to all (which is how a model starts and is evaluated).

        Raises:
            UsageError: more passes than the spec has.
        """
        most = self.spec.recurrence.extra if self.spec.recurrence else 0
        if not 0 <= loops <= most:
            raise UsageError(f"recurrence: {loops} extra passes asked for; this model has 0 to {most}")
        self.loops = loops

    # full forward ----------------------------------------------------------------------------------------------------

    def hidden(self, ids_BT: Tensor, first: int = 0, bounds: Tensor | None = None) -> Tensor:
        """h_BTD after the final norm; only rows `first` on are returned, which saves work in the last block.

        `bounds` from `golfctl.model.kernels.visible.segment_bounds` spares compiled code the search for documents.
        """
        if not 0 <= first < ids_BT.shape[1]:
            raise ValueError(f"first = {first} is no row of {ids_BT.shape[1]}")
        return self._trunk(self._context(ids_BT, wanted=first, bounds=bounds))

    def head(self, h_BTD: Tensor) -> Tensor:
        """Soft-capped logits [..., V] of hidden vectors [..., D], in fp32 at least."""
        head = self.core.head
        logits_BTV = linear(h_BTD, self._own_parameter(head.name).to(h_BTD.dtype))
        for tap in self.taps:
            logits_BTV = tap(head.name, h_BTD, logits_BTV)
        return head.cap(logits_BTV)

    def forward(self, ids_BT: Tensor) -> Tensor:
        """logits_BTV: row t depends on tokens up to t alone."""
        return self.head(self.hidden(ids_BT))

    def loss(
        self, ids_BT: Tensor, targets_BT: Tensor, reduction: Reduction = "mean", bounds: Tensor | None = None
    ) -> Tensor:
        """Cross-entropy in nats per token: a scalar, or nats_BT with reduction "none"; targets of −100 do not count."""
        h_BTD = self.hidden(ids_BT, bounds=bounds)
        weight_VD = self._own_parameter(self.head_name)
        if reduction == "mean" and not self.taps and fits_head_loss(h_BTD, weight_VD):
            softcap = self.core.head.config.softcap
            return head_loss(h_BTD.flatten(0, 1), weight_VD.to(h_BTD.dtype), targets_BT.flatten(), softcap)
        logits_BTV = self.head(h_BTD)
        nats = F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten().long(), reduction=reduction)
        return nats.view_as(targets_BT) if reduction == "none" else nats

    # incremental forward ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def start_cache(self, batch: int, length: int) -> Cache:
        """An empty cache for `batch` sequences of at most `length` tokens.

        Under the length-dependent rotary base (off by default) all positions use the base of an input of `length`.
        """
        dims = self.spec.attention.rotary.dims or self.spec.head_dim
        return Cache(batch, length, self._matrices().weights, effective_base(self.spec.attention.rotary, dims, length))

    @torch.no_grad()
    def start_rolling_cache(self, batch: int, length: int) -> RollingCache:
        """A cache for sequences of any length, whose rows see the `length` latest positions."""
        cache = self.start_cache(batch, length)
        return RollingCache(batch, length, cache.weights, cache.base)

    @torch.no_grad()
    def extend_hidden(self, ids_BT: Tensor, cache: Cache) -> Tensor:
        """h_BTD of the next T tokens of every sequence; the cache moves on by T.

        Raises:
            UsageError: the cache is full, or made for another number of sequences.
        """
        cache.check(ids_BT)
        h_BTD = self._trunk(self._context(ids_BT, cache=cache))
        cache.position += ids_BT.shape[1]
        return h_BTD

    def extend(self, ids_BT: Tensor, cache: Cache) -> Tensor:
        """logits_BTV of the next T tokens of every sequence; see `extend_hidden`."""
        return self.head(self.extend_hidden(ids_BT, cache))

    def step_hidden(self, ids_B: Tensor, cache: Cache) -> Tensor:
        """h_BD after one more token per sequence."""
        return self.extend_hidden(ids_B[:, None], cache)[:, 0]

    def step(self, ids_B: Tensor, cache: Cache) -> Tensor:
        """logits_BV after one more token per sequence."""
        return self.head(self.step_hidden(ids_B, cache))

    @torch.no_grad()
    def start_lane_cache(self, lanes: int, length: int, rolling: bool = False) -> LaneCache:
        """An empty cache for `lanes` sequences that move on independently of each other.

        A lane takes `length` tokens; `rolling`: any number, of which its rows see the `length` latest.
        """
        cache = self.start_cache(lanes, length)
        return LaneCache(lanes, length, rolling, cache.weights, cache.base)

    @torch.no_grad()
    def extend_lanes(self, ids_KT: Tensor, lane_K: Sequence[int] | np.ndarray, cache: LaneCache) -> Tensor:
        """h_KTD of the next T tokens of the lanes named, in ascending order; the other lanes stay as they are.

        A lane's states are those of `extend_hidden` with a cache of that lane alone.

        Raises:
            UsageError: a lane is full, unknown, or named out of order.
        """
        parts = []
        for ids_Kt in cache.check(ids_KT, lane_K):
            named = cache.name(lane_K, ids_Kt.shape[1], ids_Kt.device)
            parts.append(self._trunk(self._context(ids_Kt, cache=named)))
            cache.move_on(lane_K, ids_Kt.shape[1])
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    # parameters ------------------------------------------------------------------------------------------------------

    @property
    def head_name(self) -> str:
        """Public name of the output matrix."""
        return self.core.head.name

    def layer_parameters(self) -> list[Entry]:
        """Every parameter with its public names and, per slice, the block it belongs to (None outside the blocks)."""
        return entries(self, self.declared)

    def _own_parameter(self, name: str) -> nn.Parameter:
        owner: Component = self.core.embedding if name == TABLE else self.core.head
        return owner.own(name)

    def _matrices(self) -> Matrices:
        dtype = self.compute_dtype or self._own_parameter(TABLE).dtype
        matrices = self.banks.matrices(dtype, self.weight_map)
        for component in (*self.core.children(), *self.parts):
            assert isinstance(component, Component)
            matrices.weights.update(component.matrices(dtype, self.weight_map))
        return matrices

    # the pass itself -------------------------------------------------------------------------------------------------

    def _context(
        self, ids_BT: Tensor, wanted: int = 0, cache: Memory | None = None, bounds: Tensor | None = None
    ) -> Context:
        matrices = Matrices(cache.weights, {}) if cache else self._matrices()
        table = self._own_parameter(TABLE)
        dtype = self.compute_dtype or table.dtype
        check_portable(dtype, table.device)
        count = ids_BT.shape[1]
        rotary = self.spec.attention.rotary
        dims = rotary.dims or self.spec.head_dim
        base = cache.base if cache else effective_base(rotary, dims, count)
        like = torch.empty(0, dtype=dtype, device=table.device)
        positions = cache.positions(count, table.device) if cache else torch.arange(count, device=table.device)
        reach, ends_B = (cache.reach, cache.ends_B) if cache else (None, None)
        context = Context(
            ids_BT=ids_BT,
            dtype=dtype,
            matrices=matrices,
            positions=positions,
            rotation=rotation(base, dims, positions, like, exact=reach is not None),
            bos=self.spec.bos,
            visible=Visible(reach=reach, ends_B=ends_B),
            backend=self.backend,
            cache=cache,
            taps=self.taps,
            lookup_taps=self.lookup_taps,
            wanted=wanted,
        )
        if self.spec.attention.documents:
            context.visible = Visible(context.documents_BS(), bounds, reach, ends_B)
        return context

    def _trunk(self, context: Context) -> Tensor:
        parts = [(part, part.prepare(context)) for part in self.parts]
        x_BTD = self._embed(context)
        paths, skips = self.core.paths, self.core.skips
        state: State = (x_BTD,)
        kept: list[Tensor] = []
        for step in steps(self.spec.layers, self.spec.recurrence, self.loops, self.spec.residual.skips != "none"):
            if step.skip_row is not None:
                state = paths.join(state, kept.pop(), skips, step.skip_row, step.layer)
            state = paths.run(state, _Block(self, context, step, x_BTD, parts))
            if step.push:
                kept.append(state[0])
        return rms(paths.finish(state))

    def _embed(self, context: Context) -> Tensor:
        e_BTD = self.core.embedding.lookup(context)
        for part in self.parts:
            e_BTD = part.embed(e_BTD, context)
        e_BTD = rms(e_BTD)
        for part in self.parts:
            e_BTD = part.embed_normed(e_BTD, context)
        return e_BTD


class _Block:
    """One application of a block within one pass (see `golfctl.model.blocks.paths.TransformerBlock`)."""

    def __init__(
        self, model: LanguageModel, context: Context, step: Step, x0_BTD: Tensor, parts: list[tuple[Component, Any]]
    ) -> None:
        self.residual, self.layer = model.core.residual, step.layer
        self._model, self._context, self._step, self._parts = model, context, step, parts
        self.x0_BTD = x0_BTD

    def attention(self, x_BTD: Tensor, onto_BTD: Tensor | None = None) -> Tensor:
        u_BTD = self.residual.normed(x_BTD, self.layer)
        a_BTD = self._model.core.attention(u_BTD, self._step, self._context, self._parts)
        return self.residual.scaled(a_BTD, "attn", self.layer, onto_BTD)

    def mlp(self, x_BTD: Tensor, onto_BTD: Tensor | None = None) -> Tensor:
        m_BTD = self._model.core.feed_forward(self.residual.normed(x_BTD, self.layer), self.layer, self._context)
        return self.residual.scaled(m_BTD, "mlp", self.layer, onto_BTD)

    def wanted(self, x_BTD: Tensor) -> Tensor:
        return x_BTD[:, self._context.wanted :] if self._step.final and self._context.wanted else x_BTD
