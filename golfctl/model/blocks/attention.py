"""Grouped-query attention with QK norm, query gain and partial rotary positions.

Shapes: B batch, T positions, S positions with a cache, D width, H query heads, K key-value heads, d head dimension.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from golfctl.errors import ConfigError
from golfctl.model.blocks.alignment import align
from golfctl.model.blocks.order import Step
from golfctl.model.component import Component, Read
from golfctl.model.config import AttentionConfig
from golfctl.model.context import Context
from golfctl.model.kernels.backends import attend
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import constant
from golfctl.model.weights.weight import Weight


class Attention(Component):
    """y = softmax((g⊙rope(rms(q))) rope(rms(k))ᵀ/√d) v Wₒ, q, k, v = u W_q, u W_k, u W_v (baseline; banks PR #399)."""

    Config = AttentionConfig

    @classmethod
    def declare(cls, config: AttentionConfig, spec: ModelSpec) -> list[Weight]:
        """Banks qo [2n, D, D] (all W_q, then all W_o) and kv [2n, Kd, D] (all W_k, then all W_v); gains [H]."""
        n, dim, kv = spec.layers, spec.dim, config.kv_heads * spec.head_dim

        def bank(name: str, shape: tuple[int, int], bank_name: str, output: bool = False) -> list[Weight]:
            init = spec.init.output(n) if output else spec.init.inner()
            return [
                Weight(f"blocks.{i}.attn.{name}.weight", shape, Role.MATRIX, init, i, bank_name, 1) for i in range(n)
            ]

        gains = [
            Weight(f"blocks.{i}.attn.q_gain", (config.heads,), Role.GAIN, constant(config.qk_gain), i) for i in range(n)
        ]
        queries = bank("c_q", (dim, dim), "qo") + bank("proj", (dim, dim), "qo", output=True)
        return queries + bank("c_k", (kv, dim), "kv") + bank("c_v", (kv, dim), "kv") + gains

    @classmethod
    def check(cls, config: AttentionConfig, spec: ModelSpec) -> None:
        """Heads divide the width, key-value heads divide heads, rotated dimensions fit a head."""
        if spec.dim % config.heads or config.heads % config.kv_heads:
            raise ConfigError(
                f"model.attention: {config.heads} heads must divide dim = {spec.dim} and be a multiple of "
                f"kv_heads = {config.kv_heads}"
            )
        dims = config.rotary.dims or spec.head_dim
        if dims > spec.head_dim or dims % 2:
            raise ConfigError(
                f"model.attention.rotary: {dims} rotated dimensions do not fit heads of {spec.head_dim} (even, at most)"
            )
        if config.rotary.reference_length and dims < 4:
            raise ConfigError("model.attention.rotary: reference_length needs at least 4 rotated dimensions")

    def forward(self, u_BTD: Tensor, step: Step, context: Context, parts: Sequence[tuple[Component, Any]]) -> Tensor:
        """The branch's output; only its rows from `context.wanted` on in the final step.

        `parts` come with what their `prepare` gave.
        """
        name, wanted = f"blocks.{step.layer}.attn.", context.wanted if step.final else 0
        q_BTHd, k_BTKd, v_BTKd = self._project(u_BTD, name, context)
        for part, shared in parts:
            v_BTKd = part.value(v_BTKd, step, shared, context)
        read = Read(*(x[:, wanted:] if wanted else x for x in (u_BTD, q_BTHd.flatten(2), v_BTKd)))
        k_BSKd, v_BSKd = align(k_BTKd, context.rotation), v_BTKd
        q_BTHd = align(q_BTHd, context.rotation, self.own(f"{name}q_gain"))
        if context.cache:
            k_BSKd = context.cache.append(f"{step.number}.k", k_BSKd)
            v_BSKd = context.cache.append(f"{step.number}.v", v_BSKd)
        if wanted:
            q_BTHd = q_BTHd[:, wanted:]
        y_BTHd = attend(q_BTHd, k_BSKd, v_BSKd, context.visible, context.backend)
        for part, _ in parts:
            y_BTHd = part.attended(y_BTHd, read, step, context)
        return context.linear(y_BTHd.flatten(2), f"{name}proj.weight")

    def _project(self, u_BTD: Tensor, name: str, context: Context) -> tuple[Tensor, ...]:
        q_BTC, k_BTC, v_BTC = context.products(u_BTD, *(f"{name}{kind}.weight" for kind in ("c_q", "c_k", "c_v")))
        heads, kv_heads = self.config.heads, self.config.kv_heads
        return q_BTC.unflatten(2, (heads, -1)), k_BTC.unflatten(2, (kv_heads, -1)), v_BTC.unflatten(2, (kv_heads, -1))
