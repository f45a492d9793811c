"""The program of PR #549, driven from a path: its classes and its evaluation, with the weights of a golfctl model.

Its file is not changed and not copied. What a CPU lacks is put in its place from outside; every such shim is named in
`EVALUATION_SHIMS` and printed with each result. B windows, T inputs, V vocabulary, N tokens.
"""

import builtins
import importlib.util
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl.model.network import LanguageModel
from golfctl.model.weights.names import named_tensors

EVALUATION_SHIMS = [
    "flash_attn_interface.flash_attn_func: torch's scaled_dot_product_attention (enable_gqa)",
    "torch.compile: the function itself, so both sides run eagerly (not with --peer-compiles)",
    'torch.autocast("cuda"): that of the device in bfloat16; off in float32, where its embeddings stay float32 too',
    "range over window starts: whole windows of one steady stretch of text, the same on both sides; its tail rule, "
    "which scores the last tokens again and again, is left out",
    "byte tables: one byte a token; rotary tables: made before the clock, as inference mode would make them unfit to "
    "train with",
]


def sdpa(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """torch's scaled dot-product attention with the kernel's signature."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True).transpose(1, 2)


def load(folder: Path, attention: Callable[..., Tensor] = sdpa) -> Any:
    """The record's module, with the kernel it imports replaced by `attention`."""
    sys.modules["flash_attn_interface"] = types.SimpleNamespace(flash_attn_func=attention)
    spec = importlib.util.spec_from_file_location("reference_549_train_gpt", folder / "train_gpt.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def model_of(module: Any, ours: LanguageModel, dtype: torch.dtype) -> Any:
    """The record's model with our weights, in the storage types of its own evaluation."""
    spec, names = ours.spec, named_tensors(ours)
    parts: dict[str, Any] = spec.parts
    value_layers = sum(name.startswith("ve_layer_scales.") for name in names)
    model = module.GPT(
        vocab_size=spec.vocab_size, num_layers=spec.layers, model_dim=spec.dim, num_heads=spec.attention.heads,
        num_kv_heads=spec.attention.kv_heads, mlp_mult=spec.feed_forward.hidden // spec.dim, tie_embeddings=True,
        tied_embed_init_std=0.005, logit_softcap=spec.head.softcap, rope_base=spec.attention.rotary.base,
        qk_gain_init=spec.attention.qk_gain, bigram_vocab_size=parts["bigram"].buckets, bigram_dim=parts["bigram"].dim,
        xsa_last_n=int(str(parts["xsa"].layers).removeprefix("last ")), rope_dims=spec.attention.rotary.dims,
        ln_scale=True, ve_enabled=True, ve_dim=parts["value_embedding"].dim,
        ve_layers=",".join(str(spec.layers - value_layers + i) for i in range(value_layers)),
    )  # fmt: skip
    state = module._rebank_state_dict({n: t.clone() for n, t in names.items()}, spec.layers, model.state_dict())
    if dtype == torch.bfloat16:
        model.bfloat16()
        for bank in ("qo_bank", "kv_bank", "mlp_up_bank", "mlp_down_bank"):
            getattr(model, bank).data = getattr(model, bank).data.float()
        for part in model.modules():
            if isinstance(part, module.CastedLinear):
                part.float()
        module.restore_low_dim_params_to_fp32(model)
    model.load_state_dict(state, strict=True)
    # The record's rotary rescales its base beyond 1,024 inputs, from float32; our spec holds the rescaled base already,
    # so its own frequencies are used, which `bfloat16()` has rounded: positions need them whole.
    for part in model.modules():
        if isinstance(part, module.Rotary):
            part.train_seq_len = 1 << 30
            part.inv_freq = 1.0 / (part.base ** (torch.arange(0, part.rope_dims, 2).float() / part.rope_dims))
    return model


class Evaluation:
    """The record's `eval_val_sliding` and `eval_val_sliding_ttt` over chosen windows."""

    def __init__(
        self, module: Any, model: Any, tokens_N: np.ndarray, dtype: torch.dtype, vocab: int,
        device: torch.device, compiles: bool = False,
    ) -> None:  # fmt: skip
        """`compiles`: its sliding evaluation compiles the forward pass, as the record does."""
        self.module, self.model, self.dtype = module, model.to(device), dtype
        self.device, self.compiles = device, compiles
        self.tokens_N = torch.from_numpy(tokens_N)
        none = torch.zeros(vocab, dtype=torch.bool, device=device)
        self.tables = [torch.ones(vocab, dtype=torch.int16, device=device), none, none]

    @torch.no_grad()
    def warm(self, seq_len: int) -> None:
        """Let the model make its rotary tables."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            self.model.forward_logits(torch.zeros(1, seq_len, dtype=torch.int64, device=self.device))

    def sliding(self, starts: Sequence[int], seq_len: int, stride: int) -> float:
        """Mean nats of the last `stride` rows of every window."""
        run = self._over(starts, stride, self.module.eval_val_sliding)
        return self._shimmed(lambda common: run(
            types.SimpleNamespace(train_seq_len=0), *common, stride=stride, batch_seqs=len(starts),
            eval_seq_len=seq_len))[0]  # fmt: skip

    def ttt(self, starts: Sequence[int], seq_len: int, stride: int, batch: int, settings: dict[str, Any]) -> float:
        """The same with training after every chunk."""
        run = self._over(starts, stride, self.module.eval_val_sliding_ttt)
        values = types.SimpleNamespace(train_seq_len=seq_len, **settings)
        quiet = {"batch_seqs": batch, "log0": lambda line: None}
        return self._shimmed(lambda common: run(values, *common, stride=stride, **quiet))[0]

    def _over(self, starts: Sequence[int], stride: int, run: Callable[..., Any]) -> Callable[..., Any]:
        """`run` with a `range` of its own that gives the chosen window starts; nothing else in the module sees it."""
        rows = len(self.tokens_N) - 1

        def chosen(*bounds: int) -> Any:
            return starts if bounds == (0, rows, stride) else builtins.range(*bounds)

        names = {**vars(self.module), "range": chosen}
        return types.FunctionType(run.__code__, names, run.__name__, run.__defaults__, run.__closure__)

    def _shimmed(self, job: Callable[[Any], Any]) -> Any:
        common = (self.model, 0, 1, self.device, self.tokens_N, *self.tables)
        kept = torch.compile, torch.autocast
        half = self.dtype == torch.bfloat16
        if not self.compiles:
            torch.compile = lambda function, **options: function
        torch.autocast = lambda device_type, dtype: kept[1](self.device.type, dtype, enabled=half)
        try:
            return job(common)
        finally:
            torch.compile, torch.autocast = kept
