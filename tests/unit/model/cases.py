"""Model cases that several tests share: a small spec, shaken weights, random specs, the reference programs' configs."""

import random

import torch

from golfctl.model.spec import ModelSpec
from golfctl.model.table import PARTS, PATHS
from golfctl.model.weights.new_model import build_model

SMALL = {
    "vocab_size": 48, "layers": 4, "dim": 32,
    "attention": {"heads": 4, "kv_heads": 2}, "feed_forward": {"hidden": 48, "slope": 0.5},
}  # fmt: skip
FULL_PARTS = {
    "bigram": {"buckets": 30, "dim": 8},
    "gated_smear": {"window": 6},
    "smear": {},
    "value_embedding": {"dim": 6},
    "value_residual": {},
    "xsa": {},
    "gated_attention": {},
    "dense_gate": {},
    "output_gate": {"window": 6},
    "sparse_gate": {"window": 6, "scale": 0.5},
}
"""Every part with options that suit the small spec; `dense_gate` and `sparse_gate` exclude each other."""


def small(**changes) -> ModelSpec:
    return ModelSpec.from_dict(SMALL | changes)


def shake(model, seed: int = 1, size: float = 0.15):
    """Make every weight non-trivial."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * size)
    return model


def shaken(spec: ModelSpec, seed: int = 0):
    return shake(build_model(spec, seed), seed + 1)


def tokens(spec: ModelSpec, batch: int, length: int, seed: int = 0):
    return torch.randint(0, spec.vocab_size, (batch, length), generator=torch.Generator().manual_seed(seed))


def gradients(model) -> dict:
    """Gradients by public name, zero where nothing arrived."""
    found = {}
    for entry in model.layer_parameters():
        grad = torch.zeros_like(entry.parameter) if entry.parameter.grad is None else entry.parameter.grad
        found.update(zip(entry.names, grad.unbind(0) if entry.banked else [grad], strict=True))
    return found


def random_spec(seed: int) -> ModelSpec:
    """A spec drawn from everything that can be combined."""
    rng = random.Random(seed)
    layers, kv_heads, group, size = rng.randint(1, 6), rng.randint(1, 3), rng.randint(1, 3), rng.choice([4, 6, 8])
    heads = kv_heads * group
    paths = rng.choice([name for name in PATHS if layers > 2] or ["sequential"])
    spec = {
        "vocab_size": rng.randint(5, 40), "layers": layers, "dim": heads * size, "bos": 1,
        "attention": {
            "heads": heads, "kv_heads": kv_heads, "qk_gain": rng.choice([1.5, 5.0]), "documents": rng.random() < 0.4,
            "rotary": {
                "dims": rng.choice([0, 4]), "base": rng.choice([10000.0, 500.0]),
                "reference_length": rng.choice([0, 8]),
            },
        },
        "feed_forward": {"hidden": rng.randint(3, 30), "slope": rng.choice([0.0, 0.5, 0.9])},
        "residual": {
            "ln_scale": rng.random() < 0.5, "mix": rng.random() < 0.7, "skips": rng.choice(["none", "unet", "gated"])
        },
        "paths": {"form": paths, "first": 0 if paths == "sequential" else rng.randint((layers + 1) // 2, layers - 1)},
        "head": {"tied": rng.random() < 0.7, "softcap": rng.choice([0.0, 30.0, 5.0])},
        "init": {"matrices": rng.choice(["uniform", "orthogonal"]), "outputs": "orthogonal"},
        "parts": _random_parts(rng, heads * size, layers),
    }  # fmt: skip
    if layers > 3 and rng.random() < 0.5:
        last = layers // 2 - 1 if paths.endswith("lanes") else rng.randint(1, layers - 1)
        spec["recurrence"] = {"first": rng.randint(0, last), "last": last, "extra": rng.randint(1, 2)}
        if paths.endswith("lanes"):
            spec["residual"]["skips"] = "none"
    return ModelSpec.from_dict(spec)


def _random_parts(rng: random.Random, dim: int, layers: int) -> dict:
    flag = lambda: rng.random() < 0.5  # noqa: E731
    some = lambda: rng.choice(["all", "last 1", sorted(rng.sample(range(layers), rng.randint(1, layers)))])  # noqa: E731
    parts = {
        "bigram": {"buckets": rng.randint(2, 60), "dim": rng.randint(1, 9), "trigram": flag(), "stop_at_bos": flag()},
        "gated_smear": {"window": rng.randint(1, dim), "stop_at_bos": flag()},
        "smear": {"before_norm": flag(), "stop_at_bos": flag()},
        "value_embedding": {"dim": rng.randint(1, 9), "layers": some()},
        "value_residual": {"form": rng.choice(["lambda", "sigmoid"])},
        "xsa": {"layers": some()},
        "gated_attention": {},
        rng.choice(["dense_gate", "sparse_gate"]): {},
        "output_gate": {"window": rng.randint(1, dim), "source": rng.choice(["input", "query"])},
    }
    if "sparse_gate" in parts:
        parts["sparse_gate"] = {"window": rng.randint(1, dim), "scale": rng.choice([0.5, 1.0])}
    assert set(parts) <= set(PARTS)
    return {name: options for name, options in parts.items() if flag()}


def spec_of_reference(config: dict, slope: float = 0.5) -> ModelSpec:
    """The spec of a reference program's constructor arguments (`techniques.md` names)."""
    parts: dict = {"smear": {}}
    if config["bigram_vocab_size"]:
        parts["bigram"] = {"buckets": config["bigram_vocab_size"], "dim": config["bigram_dim"]}
    if config["ve_enabled"]:
        parts["value_embedding"] = {
            "dim": config["ve_dim"], "layers": [int(i) for i in config["ve_layers"].split(",")]
        }  # fmt: skip
    if config["xsa_last_n"]:
        parts["xsa"] = {"layers": f"last {config['xsa_last_n']}"}
    parts |= {"value_residual": {}} if config.get("value_residual") else {}
    parts |= {"gated_attention": {}} if config.get("gated_attention") else {}
    rotary = {"dims": config["rope_dims"], "base": config["rope_base"], "reference_length": 1024}
    return ModelSpec.from_dict({
        "vocab_size": config["vocab_size"], "layers": config["num_layers"], "dim": config["model_dim"],
        "attention": {
            "heads": config["num_heads"], "kv_heads": config["num_kv_heads"], "qk_gain": config["qk_gain_init"],
            "rotary": rotary,
        },
        "feed_forward": {"hidden": int(config["mlp_mult"] * config["model_dim"]), "slope": slope},
        "residual": {"ln_scale": config["ln_scale"]},
        "embedding": {"std": config["tied_embed_init_std"]},
        "head": {"tied": config["tie_embeddings"], "softcap": config["logit_softcap"]},
        "init": {"matrices": "orthogonal"},
        "parts": parts,
    })  # fmt: skip
