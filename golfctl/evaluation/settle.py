"""What a configuration leaves open, settled by the source, the device and the text, and where every value came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from golfctl.core.origins import DEFAULT, Layer, leaves, origin_of
from golfctl.evaluation.scored_model import ScoredModel
from golfctl.scoring.config import EvalConfig, MixConfig, Technique
from golfctl.scoring.neural.ttt import default_chunk

DEFAULT_SEQ_LEN = 1024


@dataclass(frozen=True)
class Settled:
    """A configuration without open values; `origins` has `{from, why}` by dotted path, `why` where there is a reason.

    `without_effect` names what was stated and does nothing in the chosen form.
    """

    config: EvalConfig
    origins: dict[str, dict[str, str]]
    without_effect: list[str]


def resolve(config: EvalConfig, source: ScoredModel, device: torch.device, rows: int) -> EvalConfig:
    """Fill in what is left open for a text of `rows` targets: window length, arithmetic, chunk, mixture."""
    seq_len = config.seq_len or source.seq_len or DEFAULT_SEQ_LEN
    values = {**config.to_dict(), "seq_len": seq_len}
    if config.dtype == "auto":
        values["dtype"] = "bfloat16" if device.type == "cuda" and not config.portable else "float32"
    if _chunk_is_open(config):
        values["ttt"] = {**values["ttt"], "chunk": default_chunk(rows, seq_len)[0]}
    if (config.ngram or config.ctw) and not config.mix and not config.leaks:
        values["mix"] = MixConfig().to_dict()
    return EvalConfig.from_dict(values, "eval")


def settle(
    config: EvalConfig, source: ScoredModel, device: torch.device, rows: int, layers: Sequence[Layer] = ()
) -> Settled:
    """`resolve`, with where each value came from; what no layer states but `config` does was `given`."""
    resolved = resolve(config, source, device, rows)
    layers = [Layer("given", config.model_dump(mode="json", exclude_unset=True)), *layers]
    origins = {path: {"from": origin_of(path, layers)} for path, _ in leaves(resolved.to_dict())}
    for path, origin in _settled_here(config, resolved, source, device, rows).items():
        origins[path] = origin | ({} if "from" in origin else origins[path])
    idle = {f"{name}.{field}" for name, part in resolved if isinstance(part, Technique) for field in part.idle()}
    stated = [path for path in sorted(idle) if origins[path]["from"] != DEFAULT]
    acting = {path: origin for path, origin in origins.items() if path not in idle}
    return Settled(resolved, acting, [f"{path} has no effect in the chosen form: drop it" for path in stated])


def _settled_here(
    config: EvalConfig, resolved: EvalConfig, source: ScoredModel, device: torch.device, rows: int
) -> dict[str, dict[str, Any]]:
    """Values that were left open, with the reason for what they became."""
    found: dict[str, dict[str, Any]] = {}
    if not config.seq_len and source.seq_len:
        found["seq_len"] = {"from": source.kind, "why": "the training length"}
    elif not config.seq_len:
        found["seq_len"] = {"from": DEFAULT, "why": f"the {source.kind} does not say its training length"}
    if config.dtype == "auto":
        found["dtype"] = {"why": "portable" if config.portable else f"auto on {device.type}"}
    if _chunk_is_open(config):
        assert resolved.seq_len is not None
        found["ttt.chunk"] = {"from": DEFAULT, "why": default_chunk(rows, resolved.seq_len)[1]}
    return found


def _chunk_is_open(config: EvalConfig) -> bool:
    return config.ttt is not None and config.ttt.form != "lora" and config.ttt.chunk is None
