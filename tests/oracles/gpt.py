"""The seeds' family of models, written out plainly: one function per formula, no banks, no cache, no cleverness.

Takes `spec` as plain JSON values and `w`, tensors by public name; works in whatever dtype the tensors have.
`spec["attention"]["reach"]`, unknown to the package's specs, limits every row to that many latest positions.
Shapes: B batch, T positions, D width, V vocabulary, H query heads, K key-value heads, d head dimension.
"""

import math

import torch


def rms(x):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + float(torch.finfo(torch.float32).eps))


def shifted(x):
    """Row t is x_{t−1}; row 0 is zero."""
    out = torch.zeros_like(x)
    out[:, 1:] = x[:, :-1]
    return out


def begins(ids, bos, stop):
    """True for tokens without a predecessor."""
    out = torch.zeros(ids.shape, dtype=torch.bool)
    out[:, 0] = True
    return out | (ids == bos) if stop else out


def bigram(ids, part, bos, w):
    rows = w["bigram.embed.weight"]
    size = part["buckets"] - 1
    out = torch.zeros(*ids.shape, rows.shape[1], dtype=rows.dtype)
    alone = begins(ids, bos, part["stop_at_bos"])
    for b in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            i = ids[b].tolist()
            two = size if alone[b, t] else ((36313 * i[t]) ^ (27191 * i[t - 1])) % size
            out[b, t] = rows[two]
            if part["trigram"]:
                short = alone[b, t] or alone[b, t - 1]
                three = size if short else ((36313 * i[t]) ^ (27191 * i[t - 1]) ^ (51497 * i[t - 2])) % size
                out[b, t] = out[b, t] + rows[three]
    return w["bigram.scale"] * (out @ w["bigram.proj.weight"].T)


def smear_v1(x, ids, part, bos, w):
    before = shifted(x) * ~begins(ids, bos, part["stop_at_bos"])[..., None]
    g = torch.sigmoid(w["smear.gate"])
    return (1 - g) * x + g * before


def smear_v2(x, ids, part, bos, w):
    before = shifted(x) * ~begins(ids, bos, part["stop_at_bos"])[..., None]
    gate = torch.sigmoid((x[..., : part["window"]] * w["smear_gate.weight"][0]).sum(-1, keepdim=True))
    return x + w["smear_lambda"] * gate * before


def embeddings(ids, spec, w):
    parts, bos = spec["parts"], spec["bos"]
    e = w["tok_emb.weight"][ids]
    if "bigram" in parts:
        e = e + bigram(ids, parts["bigram"], bos, w)
    if "gated_smear" in parts:
        e = smear_v2(e, ids, parts["gated_smear"], bos, w)
    if "smear" in parts and parts["smear"]["before_norm"]:
        e = smear_v1(e, ids, parts["smear"], bos, w)
    e = rms(e)
    if "smear" in parts and not parts["smear"]["before_norm"]:
        e = smear_v1(e, ids, parts["smear"], bos, w)
    return e


def rope(x, rotary):
    """x [B, T, heads, d]."""
    length, size = x.shape[1], rotary["dims"] or x.shape[-1]
    base = rotary["base"]
    if rotary["reference_length"] and length > rotary["reference_length"]:
        base = base * (length / rotary["reference_length"]) ** (size / (size - 2))
    out = x.clone()
    for i in range(size // 2):
        angle = torch.arange(length, dtype=x.dtype) * base ** (-2 * i / size)
        c, s = torch.cos(angle)[None, :, None], torch.sin(angle)[None, :, None]
        a, b = x[..., i], x[..., size // 2 + i]
        out[..., i], out[..., size // 2 + i] = a * c + b * s, -a * s + b * c
    return out


def documents(ids, bos):
    return torch.cumsum((ids == bos).int(), 1)


def attention(q, k, v, allowed):
    """One head: q, k, v [T, d], allowed [T, T]."""
    scores = (q @ k.T) / math.sqrt(q.shape[-1])
    scores = torch.where(allowed, scores, torch.full_like(scores, -math.inf))
    return torch.softmax(scores, -1) @ v


def chosen(layers, count):
    if layers == "all":
        return list(range(count))
    if isinstance(layers, str):
        return list(range(count))[-int(layers.split()[1]) :]
    return list(layers)


def values(v, i, ids, spec, w, memory):
    """v [B, T, K, d] after value embedding and value residual."""
    parts, count = spec["parts"], spec["layers"]
    if "value_embedding" in parts:
        layers = chosen(parts["value_embedding"]["layers"], count)
        if i in layers:
            shared = w["ve_shared.embed.weight"][ids] @ w["ve_shared.proj.weight"].T * w["ve_shared.scale"]
            v = v + w[f"ve_layer_scales.{layers.index(i)}"] * shared.view(v.shape)
    if "value_residual" in parts:
        if "v0" not in memory:
            memory["v0"] = v
        elif parts["value_residual"]["form"] == "lambda":
            lam = w[f"blocks.{i}.attn.vr_lambda"]
            v = lam[0] * memory["v0"] + lam[1] * v
        else:
            v = v + torch.sigmoid(w[f"blocks.{i}.attn.vrl_alpha"]) * memory["v0"]
    return v


def gates(y, q_raw, u, i, parts, w):
    """y [B, T, H, d]."""
    p = f"blocks.{i}.attn."
    if "gated_attention" in parts:
        y = y * torch.sigmoid(u @ w[p + "attn_gate.weight"].T + w[p + "attn_gate.bias"])[..., None]
    if "dense_gate" in parts:
        y = y * torch.sigmoid(u @ w[p + "attn_gate_w"].T)[..., None]
    if "output_gate" in parts:
        source = u if parts["output_gate"]["source"] == "input" else q_raw
        y = (
            y
            * (2 * torch.sigmoid(source[..., : parts["output_gate"]["window"]] @ w[p + "attn_gate_proj.weight"].T))[
                ..., None
            ]
        )
    if "sparse_gate" in parts:
        part = parts["sparse_gate"]
        y = y * torch.sigmoid(part["scale"] * (u[..., : part["window"]] @ w[p + "attn_gate_w"].T))[..., None]
    return y


def attention_branch(u, i, ids, spec, w, memory):
    heads, groups = spec["attention"]["heads"], spec["attention"]["kv_heads"]
    size, p = spec["dim"] // heads, f"blocks.{i}.attn."
    batch, length = ids.shape
    q_raw = u @ w[p + "c_q.weight"].T
    q = q_raw.view(batch, length, heads, size)
    k = (u @ w[p + "c_k.weight"].T).view(batch, length, groups, size)
    v = values((u @ w[p + "c_v.weight"].T).view(batch, length, groups, size), i, ids, spec, w, memory)
    rotary = spec["attention"]["rotary"]
    q, k = rope(rms(q), rotary) * w[p + "q_gain"][:, None], rope(rms(k), rotary)
    allowed = torch.ones(length, length, dtype=torch.bool).tril().expand(batch, length, length)
    if reach := spec["attention"].get("reach"):
        allowed = allowed.triu(1 - reach)
    if spec["attention"]["documents"]:
        number = documents(ids, spec["bos"])
        allowed = allowed & (number[:, :, None] == number[:, None, :])
    xsa = spec["parts"].get("xsa")
    rows = []
    for b in range(batch):
        per_head = []
        for h in range(heads):
            g = h // (heads // groups)
            y = attention(q[b, :, h], k[b, :, g], v[b, :, g], allowed[b])
            if xsa and i in chosen(xsa["layers"], spec["layers"]):
                n = v[b, :, g] / v[b, :, g].norm(dim=-1, keepdim=True).clamp_min(1e-12)
                y = y - (y * n).sum(-1, keepdim=True) * n
            per_head.append(y)
        rows.append(torch.stack(per_head, 1))
    y = gates(torch.stack(rows), q_raw, u, i, spec["parts"], w)
    return y.reshape(batch, length, -1) @ w[p + "proj.weight"].T


def mlp(u, i, spec, w):
    a = u @ w[f"blocks.{i}.mlp.fc.weight"].T
    a = torch.where(a > 0, a, spec["feed_forward"]["slope"] * a)
    return (a * a) @ w[f"blocks.{i}.mlp.proj.weight"].T


class Model:
    """One forward pass over `ids`; keeps what the blocks share."""

    def __init__(self, ids, spec, w):
        self.ids, self.spec, self.w, self.memory = ids, spec, w, {}
        self.x0 = embeddings(ids, spec, w)

    def mix(self, x, i):
        if not self.spec["residual"]["mix"]:
            return x
        m = self.w[f"blocks.{i}.resid_mix"]
        return m[0] * x + m[1] * self.x0

    def norm(self, x, i):
        return rms(x) * (1 / math.sqrt(i + 1) if self.spec["residual"]["ln_scale"] else 1.0)

    def attn(self, x, i):
        u = self.norm(x, i)
        return self.w[f"blocks.{i}.attn_scale"] * attention_branch(u, i, self.ids, self.spec, self.w, self.memory)

    def mlp(self, x, i):
        return self.w[f"blocks.{i}.mlp_scale"] * mlp(self.norm(x, i), i, self.spec, self.w)

    def block(self, x, i):
        x_in = self.mix(x, i)
        y = x_in + self.attn(x_in, i)
        return y + self.mlp(y, i)

    def skip(self, x, kept, j):
        kept = self.w["skip_weights"][j] * kept
        if self.spec["residual"]["skips"] == "unet":
            return x + kept
        g = torch.sigmoid(self.w["skip_gates"][j])
        return g * x + (1 - g) * kept

    def lanes(self, form, a, b, i):
        """Both lanes after block i."""
        if form == "merged_lanes":
            x_in = self.mix(a, i)
            return x_in + self.attn(x_in, i), b + self.mlp(b, i)
        r, p = self.w["parallel_resid_lambdas"][i], self.w["parallel_post_lambdas"][i]
        if form == "sequential_lanes":
            out = self.attn(self.mix(a, i), i)
            a, b = r[0] * a + p[0, 0] * out, r[0] * b + p[0, 1] * out
            out = self.mlp(self.mix(b, i), i)
            return r[1] * a + p[1, 0] * out, r[1] * b + p[1, 1] * out
        one, two = self.attn(self.mix(a, i), i), self.mlp(b, i)
        return r[0] * a + p[0, 0] * one + p[1, 0] * two, r[1] * b + p[0, 1] * one + p[1, 1] * two

    def hidden(self, loops):
        form, first = self.spec["paths"]["form"], self.spec["paths"]["first"]
        sequence = virtual(self.spec, loops)
        half, kept, lanes, x = len(sequence) // 2, [], None, self.x0
        for position, i in enumerate(sequence):
            split = form.endswith("lanes") and i >= first
            if split and lanes is None and form == "simultaneous_lanes":
                lanes = (x, x)
            if position >= half and kept and self.spec["residual"]["skips"] != "none":
                back, j = kept.pop(), position - half
                if lanes is None:
                    x = self.skip(x, back, j)
                elif form == "sequential_lanes":
                    lanes = tuple(self.skip(lane, back, j) for lane in lanes)
                else:
                    lanes = (self.skip(lanes[0], back, j), lanes[1])
            if split:
                lanes = self.lanes(form, *(lanes or (x, x)), i)
            elif form == "parallel" and i >= first:
                x_in = self.mix(x, i)
                x = x_in + self.attn(x_in, i) + self.mlp(x_in, i)
            else:
                x = self.block(x, i)
            if position < half:
                kept.append(x)
        if lanes is not None:
            m = self.w["lane_merge"] if form == "merged_lanes" else 0.5
            x = m * lanes[0] + (1 - m) * lanes[1]
        return rms(x)


def virtual(spec, loops):
    """Physical blocks in the order in which they run."""
    again = spec["recurrence"]
    if not again:
        return list(range(spec["layers"]))
    segment = list(range(again["first"], again["last"] + 1))
    times = 1 + (again["extra"] if loops is None else loops)
    return list(range(again["first"])) + segment * times + list(range(again["last"] + 1, spec["layers"]))


def logits(ids, spec, w, loops=None):
    """logits [B, T, V]; `loops` extra passes of the recurrence (None: all)."""
    h = Model(ids, spec, w).hidden(loops)
    out = h @ w["tok_emb.weight" if spec["head"]["tied"] else "lm_head.weight"].T
    cap = spec["head"]["softcap"]
    return cap * torch.tanh(out / cap) if cap else out


def loss(ids, targets, spec, w, loops=None):
    """Mean cross-entropy in nats."""
    logp = torch.log_softmax(logits(ids, spec, w, loops), -1)
    return -logp.gather(-1, targets[..., None]).mean()
