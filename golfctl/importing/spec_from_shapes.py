"""A model spec from names and shapes, and the list of what names and shapes cannot tell."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from golfctl.errors import CheckpointError

Shapes = Mapping[str, tuple[int, ...]]
_BLOCK = re.compile(r"blocks\.([0-9]{1,6})\.")
_ALWAYS = (
    "attention.rotary.dims (how many dimensions of each head are rotated)",
    "attention.rotary.base and reference_length",
    "feed_forward.slope (0: ReLU², 0.5: leaky ReLU² of PR #549)",
    "residual.ln_scale",
    "head.softcap",
    "paths.form and recurrence",
    "parts.xsa (which layers, if any)",
)


class Inferred(NamedTuple):
    """`values` is a `[model]` table; `assumed` names every setting that shapes do not show."""

    values: dict[str, Any]
    assumed: list[str]


def infer_model(shapes: Shapes, where: str) -> Inferred:
    """The `[model]` table of a network with such tensors; what it does not say stays at its default.

    Raises:
        CheckpointError: a tensor that every such model has is missing.
    """
    vocabulary, dim = _shape(shapes, "tok_emb.weight", 2, where)
    layers = 1 + max((int(found.group(1)) for name in shapes if (found := _BLOCK.match(name))), default=-1)
    heads = _shape(shapes, "blocks.0.attn.q_gain", 1, where)[0]
    kv_rows = _shape(shapes, "blocks.0.attn.c_k.weight", 2, where)[0]
    hidden = _shape(shapes, "blocks.0.mlp.fc.weight", 2, where)[0]
    if heads < 1 or dim % heads or kv_rows % (dim // heads):
        raise CheckpointError(f"{where}: {heads} heads and {kv_rows} key rows do not fit a width of {dim}")
    skips = "none"
    if "skip_weights" in shapes:
        skips = "gated" if "skip_gates" in shapes else "unet"
    values: dict[str, Any] = {
        "vocab_size": vocabulary,
        "layers": layers,
        "dim": dim,
        "attention": {"heads": heads, "kv_heads": kv_rows // (dim // heads)},
        "feed_forward": {"hidden": hidden},
        "residual": {"mix": "blocks.0.resid_mix" in shapes, "skips": skips},
        "head": {"tied": "lm_head.weight" not in shapes},
    }
    parts, assumed = _parts(shapes, dim, where)
    return Inferred(values | ({"parts": parts} if parts else {}), [*_ALWAYS, *assumed])


def _parts(shapes: Shapes, dim: int, where: str) -> tuple[dict[str, Any], list[str]]:
    parts: dict[str, Any] = {}
    assumed: list[str] = []
    if "bigram.embed.weight" in shapes:
        buckets, width = _shape(shapes, "bigram.embed.weight", 2, where)
        parts["bigram"] = {"buckets": buckets, "dim": width}
        assumed.append("parts.bigram.trigram")
    if "smear.gate" in shapes:
        parts["smear"] = {}
    if "smear_gate.weight" in shapes:
        parts["gated_smear"] = {"window": _shape(shapes, "smear_gate.weight", 2, where)[-1]}
    if "ve_shared.embed.weight" in shapes:
        count = sum(name.startswith("ve_layer_scales.") for name in shapes)
        width = _shape(shapes, "ve_shared.embed.weight", 2, where)[-1]
        parts["value_embedding"] = {"dim": width, "layers": f"last {max(count, 1)}"}
        assumed.append(f"parts.value_embedding.layers (the last {count} are assumed)")
    return parts | _block_parts(shapes, dim), assumed


def _block_parts(shapes: Shapes, dim: int) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    prefix = "blocks.0.attn."
    if f"{prefix}vr_lambda" in shapes or f"{prefix}vrl_alpha" in shapes:
        parts["value_residual"] = {"form": "lambda" if f"{prefix}vr_lambda" in shapes else "sigmoid"}
    if f"{prefix}attn_gate.weight" in shapes:
        parts["gated_attention"] = {}
    gate = shapes.get(f"{prefix}attn_gate_w")
    if gate:
        parts |= {"dense_gate": {}} if gate[-1] == dim else {"sparse_gate": {"window": gate[-1]}}
    gate = shapes.get(f"{prefix}attn_gate_proj.weight")
    return parts | ({"output_gate": {"window": gate[-1]}} if gate else {})


def _shape(shapes: Shapes, name: str, rank: int, where: str) -> tuple[int, ...]:
    if name not in shapes:
        raise CheckpointError(f"{where}: no tensor {name}, so the model cannot be inferred; is this a checkpoint?")
    if len(shapes[name]) != rank:
        raise CheckpointError(f"{where}: {name} has shape {list(shapes[name])}, not {rank} dimensions")
    return shapes[name]
