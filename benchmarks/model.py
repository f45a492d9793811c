"""Forward and backward of the 11-layer model against a straightforward one: an `nn.Linear` per matrix and SDPA.

    python benchmarks/model.py [--tokens 1024] [--length 1024] [--repeats 7] [--layers 11] [--threads 1]

Both models hold the same fp32 weights and do the same work: loss and gradients of all parameters. In bf16 the
straightforward model runs under autocast, and once more with its weights cast at each use. Repeats are interleaved;
seconds are processor time; the figure is the median of ratios (straightforward / ours: above 1, ours is faster).
Prints Markdown.
"""

import argparse
import math
import platform
import statistics
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from golfctl.core.config import load_toml
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import named_tensors
from golfctl.model.weights.new_model import build_model

RECIPE = Path(__file__).parents[1] / "examples" / "pr549.toml"


class CastedLinear(nn.Linear):
    """Weights are cast to the input's dtype at each use."""

    def forward(self, x):
        return F.linear(x, self.weight.to(x.dtype))


def rms(x):
    return F.rms_norm(x, (x.shape[-1],))


class Block(nn.Module):
    """One block of PR #549 as one would write it down."""

    def __init__(self, i, spec, linear):
        super().__init__()
        dim, heads, kv = spec.dim, spec.attention.heads, spec.attention.kv_heads * spec.head_dim
        self.heads, self.kv_heads = heads, spec.attention.kv_heads
        self.c_q, self.proj = linear(dim, dim, bias=False), linear(dim, dim, bias=False)
        self.c_k, self.c_v = linear(dim, kv, bias=False), linear(dim, kv, bias=False)
        self.up = linear(dim, spec.feed_forward.hidden, bias=False)
        self.down = linear(spec.feed_forward.hidden, dim, bias=False)
        self.q_gain = nn.Parameter(torch.ones(heads))
        self.attn_scale, self.mlp_scale = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.ones(dim))
        self.mix = nn.Parameter(torch.stack((torch.ones(dim), torch.zeros(dim))))
        self.s, self.slope, self.dims = 1 / math.sqrt(i + 1), spec.feed_forward.slope, spec.attention.rotary.dims
        self.xsa = i >= spec.layers - 4

    def rotate(self, x, cos, sin):
        half = self.dims // 2
        a, b, rest = x[..., :half], x[..., half : self.dims], x[..., self.dims :]
        return torch.cat((a * cos + b * sin, -a * sin + b * cos, rest), -1)

    def attention(self, u, cos, sin, ve):
        batch, length, dim = u.shape
        q = self.c_q(u).view(batch, length, self.heads, -1)
        k = self.c_k(u).view(batch, length, self.kv_heads, -1)
        v = self.c_v(u)
        v = (v if ve is None else v + ve).view(batch, length, self.kv_heads, -1)
        q, k = self.rotate(rms(q), cos, sin), self.rotate(rms(k), cos, sin)
        q = q * self.q_gain.to(q.dtype)[:, None]
        q, k, heads_v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        y = F.scaled_dot_product_attention(
            q.to(heads_v.dtype), k.to(heads_v.dtype), heads_v, is_causal=True, enable_gqa=True
        )
        y = y.transpose(1, 2)
        if self.xsa:
            groups = y.reshape(batch, length, self.kv_heads, -1, y.shape[-1])
            n = F.normalize(v, dim=-1).unsqueeze(3)
            y = (groups - (groups * n).sum(-1, keepdim=True) * n).reshape(y.shape)
        return self.proj(y.reshape(batch, length, dim))

    def forward(self, x, x0, cos, sin, ve):
        mix = self.mix.to(x.dtype)
        x = mix[0] * x + mix[1] * x0
        x = x + self.attn_scale.to(x.dtype) * self.attention(rms(x) * self.s, cos, sin, ve)
        return x + self.mlp_scale.to(x.dtype) * self.down(F.leaky_relu(self.up(rms(x) * self.s), self.slope).square())


class Straightforward(nn.Module):
    """PR #549 with one module per matrix."""

    def __init__(self, spec, linear=nn.Linear, dtype=torch.float32):
        super().__init__()
        self.spec, self.dtype = spec, dtype
        bigram, ve = spec.parts["bigram"], spec.parts["value_embedding"]
        self.tok = nn.Embedding(spec.vocab_size, spec.dim)
        self.bigram, self.bigram_proj = (
            nn.Embedding(bigram.buckets, bigram.dim),
            linear(bigram.dim, spec.dim, bias=False),
        )
        self.bigram_scale, self.smear = nn.Parameter(torch.tensor(0.05)), nn.Parameter(torch.zeros(spec.dim))
        kv = spec.attention.kv_heads * spec.head_dim
        self.ve, self.ve_proj = nn.Embedding(spec.vocab_size, ve.dim), linear(ve.dim, kv, bias=False)
        self.ve_scale, self.ve_scales = nn.Parameter(torch.tensor(0.1)), nn.Parameter(torch.ones(2))
        self.blocks = nn.ModuleList(Block(i, spec, linear) for i in range(spec.layers))
        self.skips = nn.Parameter(torch.ones(spec.layers // 2, spec.dim))

    def loss(self, ids, targets):
        spec, size = self.spec, self.spec.attention.rotary.dims
        inverse = spec.attention.rotary.base ** (-torch.arange(0, size, 2) / size)
        angle = torch.outer(torch.arange(ids.shape[1]), inverse)[:, None]
        cos, sin = angle.cos().to(self.dtype), angle.sin().to(self.dtype)
        rows = self.bigram.num_embeddings - 1
        pair = (36313 * ids[:, 1:]) ^ (27191 * ids[:, :-1])
        pair = torch.cat((torch.full_like(ids[:, :1], rows), pair % rows), 1)
        e = self.tok(ids).to(self.dtype) + self.bigram_proj(self.bigram(pair).to(self.dtype)) * self.bigram_scale
        e = rms(e.to(self.dtype))
        g = torch.sigmoid(self.smear).to(e.dtype)
        x = x0 = (1 - g) * e + g * torch.cat((torch.zeros_like(e[:, :1]), e[:, :-1]), 1)
        ve = self.ve_proj(self.ve(ids).to(self.dtype)) * self.ve_scale.to(self.dtype)
        kept, half = [], spec.layers // 2
        for i, block in enumerate(self.blocks):
            if kept and i >= half:
                x = x + self.skips[i - half].to(x.dtype) * kept.pop()
            own = ve * self.ve_scales[i - spec.layers + 2].to(ve.dtype) if i >= spec.layers - 2 else None
            x = block(x, x0, cos, sin, own)
            if i < half:
                kept.append(x)
        logits = F.linear(rms(x), self.tok.weight.to(self.dtype))
        logits = spec.head.softcap * torch.tanh(logits / spec.head.softcap)
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())

    def load(self, named):
        """Take golfctl's weights."""
        own = {
            "tok.weight": "tok_emb.weight", "bigram.weight": "bigram.embed.weight", "bigram_scale": "bigram.scale",
            "bigram_proj.weight": "bigram.proj.weight", "smear": "smear.gate", "ve.weight": "ve_shared.embed.weight",
            "ve_proj.weight": "ve_shared.proj.weight", "ve_scale": "ve_shared.scale", "skips": "skip_weights",
        }  # fmt: skip
        inner = {
            "c_q.weight": "attn.c_q.weight", "c_k.weight": "attn.c_k.weight", "c_v.weight": "attn.c_v.weight",
            "proj.weight": "attn.proj.weight", "up.weight": "mlp.fc.weight", "down.weight": "mlp.proj.weight",
            "q_gain": "attn.q_gain", "attn_scale": "attn_scale", "mlp_scale": "mlp_scale", "mix": "resid_mix",
        }  # fmt: skip
        own |= {f"blocks.{i}.{k}": f"blocks.{i}.{v}" for i in range(len(self.blocks)) for k, v in inner.items()}
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name == "ve_scales":
                    parameter.copy_(torch.cat([named["ve_layer_scales.0"], named["ve_layer_scales.1"]]))
                else:
                    parameter.copy_(named[own[name]])
        return self


def once(model, ids, targets, autocast):
    """Processor seconds and loss of one forward and backward."""
    model.zero_grad(set_to_none=True)
    start = time.process_time()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        loss = model.loss(ids, targets)
    loss.backward()
    return time.process_time() - start, loss.item()


def compare(spec, dtype, rivals, args):
    """Interleaved repeats of ours and every rival."""
    model = build_model(spec, 0)
    with torch.no_grad():
        for tensor in named_tensors(model).values():
            tensor.add_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(tensor.numel())) * 0.02)
    model.set_compute_dtype(dtype)
    models = {name: make().load(named_tensors(model)) for name, make in rivals.items()}
    shape = (args.tokens // args.length, args.length + 1)
    ids = torch.randint(0, spec.vocab_size, shape, generator=torch.Generator().manual_seed(1))
    seconds = {name: [] for name in ["golfctl", *rivals]}
    losses = {}
    for repeat in range(args.repeats + 1):
        for name in seconds:
            took, losses[name] = once(models.get(name, model), ids[:, :-1], ids[:, 1:], "autocast" in name)
            if repeat:
                seconds[name].append(took)
    rows = []
    for name in rivals:
        ratios = [a / b for a, b in zip(seconds[name], seconds["golfctl"], strict=True)]
        own, other = (statistics.median(seconds[n]) for n in ("golfctl", name))
        rows.append(
            f"| {str(dtype).removeprefix('torch.')} | {name} | {own:.2f} | {other:.2f} | "
            f"{statistics.median(ratios):.3f} | {min(ratios):.2f}–{max(ratios):.2f} | "
            f"{abs(losses['golfctl'] - losses[name]):.1e} |"
        )
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--layers", type=int, default=11)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    table = load_toml(RECIPE)["model"] | {"layers": args.layers}
    spec = ModelSpec.from_dict(table)
    b16 = torch.bfloat16
    print(f"torch {torch.__version__}, {platform.machine()}, {args.threads} thread(s), {args.tokens} tokens of length "
          f"{args.length}, {args.layers} layers, medians of {args.repeats} interleaved repeats\n")  # fmt: skip
    print(
        "| compute | against | golfctl s | other s | ratio | range | loss apart |\n|---|---|---:|---:|---:|---:|---:|"
    )
    plain = {"nn.Linear + SDPA": lambda: Straightforward(spec)}
    half = {
        "nn.Linear + SDPA, autocast": lambda: Straightforward(spec, dtype=b16),
        "linear with cast weights + SDPA": lambda: Straightforward(spec, CastedLinear, b16),
    }
    for row in compare(spec, torch.float32, plain, args) + compare(spec, b16, half, args):
        print(row)


if __name__ == "__main__":
    main()
