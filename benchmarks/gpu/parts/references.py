"""Parity files of models: which of them we can build, and the spec that each program's own settings amount to.

Files of other kinds (evaluations, quantisers) are `scores`'s business.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor

from benchmarks.gpu.parts.paths import NotHere
from golfctl.importing.spec_from_shapes import infer_model
from golfctl.model.spec import ModelSpec

Tensors = dict[str, Tensor]


def read(path: Path) -> tuple[dict[str, Any], Tensors]:
    """Every metadata key's JSON, and every tensor."""
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        return {key: json.loads(text) for key, text in file.metadata().items()}, tensors


def under(prefix: str, tensors: Tensors) -> Tensors:
    """The tensors below `prefix/`, by the rest of their names."""
    return {name.removeprefix(f"{prefix}/"): t for name, t in tensors.items() if name.startswith(f"{prefix}/")}


def spec_of(config: dict[str, Any], weights: Tensors) -> ModelSpec:
    """The spec of a reference program's model, from its settings and the shapes of its weights.

    Raises:
        NotHere: a kind of model that golfctl does not have.
    """
    if "group_size" in config:
        raise NotHere("a ternary model with fused projections (PR #640)")
    table = infer_model({name: tuple(t.shape) for name, t in weights.items()}, "parity file").values
    banked = "bigram_vocab_size" in config  # PR #549 and its kin; a base rescaled from 1,024 tokens on
    reference_length = 1024 if banked else config["train_seq_len"]
    table["attention"] |= {
        "rotary": {
            "dims": config["rope_dims"], "base": config["rope_base"], "reference_length": reference_length,
        },
        "documents": "parallel_final_lane" in config,
    }  # fmt: skip
    table["feed_forward"]["slope"] = 0.5
    table["residual"]["ln_scale"] = config["ln_scale"]
    table["head"]["softcap"] = config["logit_softcap"]
    parts = table.setdefault("parts", {})
    if config["xsa_last_n"]:
        parts["xsa"] = {"layers": f"last {config['xsa_last_n']}"}
    if banked:
        if config["ve_enabled"]:
            parts["value_embedding"]["layers"] = [int(layer) for layer in config["ve_layers"].split(",")]
        return ModelSpec.from_dict(table)
    return ModelSpec.from_dict(table | _later(config, parts))


def _later(config: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """What PR #1394, #1493, #1530 and #1855 added: repeated blocks, parallel paths, windowed gates."""
    table: dict[str, Any] = {
        "bos": config["bos"],
        "recurrence": {"first": config["loop_start"], "last": config["loop_end"], "extra": config["num_loops"]},
    }
    if "parallel_residual_start" in config:
        table["paths"] = {"form": "parallel", "first": config["parallel_residual_start"]}
    if "parallel_start_layer" in config:
        table["paths"] = {"form": "simultaneous_lanes", "first": config["parallel_start_layer"]}
    if "gated_smear" in parts:
        parts["gated_smear"]["stop_at_bos"] = True
    if "sparse_gate" in parts:
        parts["sparse_gate"]["scale"] = config["sparse_attn_gate_scale"]
    return table
