"""The tensor table of the 11-layer model of PR #549 (26,928,220 parameters), payloads stand-ins, for overhead tests."""

import math
import random

from golfctl.artifact import Draft, Part, Stream, Tensor, TensorSection, TokenizerEntry

# A model description as rich as a real one (the container does not read it).
MODEL = {
    "schema": "model-spec/1", "vocabulary": 1024, "width": 512, "layers": 11, "tied_head": True, "softcap": 30.0,
    "attention": {"heads": 8, "kv_heads": 4, "qk_gain": 1.5, "xsa_last": 4},
    "rope": {"dims": 16, "base": 10000.0, "reference_length": 1024}, "norm": {"layer_scale": True},
    "mlp": {"kind": "leaky-relu-squared", "hidden": 1536, "slope": 0.5}, "skips": {"encoder": 5, "decoder": 6},
    "bigram": {"buckets": 1536, "dim": 128}, "value_embedding": {"dim": 128, "layers": [9, 10]}, "smear": True,
}  # fmt: skip


def seed_shapes(layers=11):
    """Shapes by the community's unbanked names."""
    shapes = {
        "tok_emb.weight": (1024, 512), "bigram.embed.weight": (1536, 128), "bigram.proj.weight": (512, 128),
        "bigram.scale": (), "smear.gate": (512,), "skip_weights": (5, 512),
    }  # fmt: skip
    for i in range(layers):
        shapes |= {
            f"blocks.{i}.attn.c_q.weight": (512, 512), f"blocks.{i}.attn.c_k.weight": (256, 512),
            f"blocks.{i}.attn.c_v.weight": (256, 512), f"blocks.{i}.attn.proj.weight": (512, 512),
            f"blocks.{i}.mlp.fc.weight": (1536, 512), f"blocks.{i}.mlp.proj.weight": (512, 1536),
            f"blocks.{i}.attn.q_gain": (8,), f"blocks.{i}.attn_scale": (512,), f"blocks.{i}.mlp_scale": (512,),
            f"blocks.{i}.resid_mix": (2, 512),
        }  # fmt: skip
    return shapes | {
        "ve_shared.embed.weight": (1024, 128), "ve_shared.proj.weight": (256, 128), "ve_shared.scale": (),
        "ve_layer_scales.0": (), "ve_layer_scales.1": (),
    }  # fmt: skip


def seed_draft(layers=11):
    """A slim draft: a stream for every coded matrix, one for everything small; payload lengths vary as real ones do."""
    rng = random.Random(549)
    tensors, sections, small = [], {"matrices": [], "embeddings": []}, []
    for name, shape in seed_shapes(layers).items():
        if math.prod(shape) <= 65_536:
            tensors.append(Tensor(name, shape, "fp16/1", (Part("values", "float16", shape),)))
            small.append((name, "values"))
            continue
        home, scheme = ("embeddings", "int8-row/1") if "emb" in name else ("matrices", "int6-row/1")
        parts = (Part("codes", "int8", shape), Part("scales", "float16", shape[:1]))
        tensors.append(Tensor(name, shape, scheme, parts))
        sections[home].append(Stream(bytes(int(math.prod(shape) * rng.uniform(0.58, 0.62))), ((name, "codes"),)))
        small.append((name, "scales"))
    return Draft(
        model=MODEL,
        tensors=tuple(tensors),
        sections=(
            *(TensorSection(name, "lzma/1", tuple(streams)) for name, streams in sections.items()),
            TensorSection("small", "lzma/1", (Stream(rng.randbytes(4000), tuple(small)),)),
        ),
        tokenizer=TokenizerEntry("sentencepiece/1", rng.randbytes(32).hex(), 254_321),
    )
