"""A reader of `.golf` files in plain Python, written from docs/format/v1.md alone: the core profile.

`read(data)` gives every tensor as (shape, bytes of its little-endian 32-bit floats in C order). Further profiles are
passed in: `coders` are functions from (payload, dtype, shape) to the array's little-endian bytes, `schemes` functions
from (shape, {part: (dtype, shape, numbers)}) to the weights.
"""

import hashlib
import json
import lzma
import math
import re
import struct
import zlib

MAGIC = bytes([0x89, 0x47, 0x4C, 0x46, 0x0D, 0x0A, 0x1A, 0x0A])
ITEM = {
    "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float16": "e", "float32": "f", "float64": "d",
}  # fmt: skip
FIELDS = {"schema", "model", "tensors", "sections"}
LP = "rans-lp/1"
OPTIONAL = {"requires", "tokenizer", "evaluation", "provenance", "external", "annotations"}


class Refused(Exception):
    """The file breaks a rule of the page."""


def need(condition, rule):
    if not condition:
        raise Refused(rule)


def read(data, coders=None, schemes=None):
    """Shape and float32 bytes of every tensor by name, once all of the file was decoded."""
    manifest, offset = read_manifest(data)
    sections, coders = read_sections(data, manifest, offset), {**CODERS, **(coders or {})}
    parts = read_parts(manifest, sections, coders)
    for section, body in sections:
        if section["kind"] != "tensors":
            raw, entry = decode(coders, section, body, "uint8", [section["raw_bytes"]]), manifest.get("tokenizer")
            known = section["kind"] != "tokenizer" or hashlib.sha256(raw).hexdigest() == entry["sha256"]
            need(known, "tokenizer-digest")
    return {t["name"]: (t["shape"], weights(t, parts[t["name"]], schemes or {})) for t in manifest["tensors"]}


def read_blob(data, name, coders=None):
    """The decoded bytes of a tokenizer, code or extra section."""
    manifest, offset = read_manifest(data)
    for section, body in read_sections(data, manifest, offset):
        if section["name"] == name:
            return decode({**CODERS, **(coders or {})}, section, body, "uint8", [section["raw_bytes"]])
    raise Refused("no such section")


def read_manifest(data):
    """The manifest and where the sections start: page sections 2 and 3."""
    need(data[:8] == MAGIC[: len(data)], "magic")
    need(len(data) >= 64, "preamble-length")
    version, coder, stored, raw, reserved, file_bytes = struct.unpack("<HHIIIQ", data[8:32])
    need(version == 1, "container-version")
    need(coder in (0, 1, 2), "manifest-coder")
    need(reserved == 0, "reserved")
    need(1 <= stored <= 1 << 20 and 1 <= raw <= 1 << 21, "manifest-size")
    need(file_bytes == len(data) and 64 + stored <= len(data), "file-length")
    need(hashlib.sha256(data[:32] + data[64 : 64 + stored]).digest() == data[32:64], "seal")
    text = inflate_manifest(data[64 : 64 + stored], coder, raw)
    manifest = json.loads(text, object_pairs_hook=no_duplicates)
    need(type(manifest) is dict and manifest.get("schema") == "manifest/1", "manifest-schema")
    need(not manifest.get("requires"), "requires")
    need(manifest.keys() >= FIELDS and manifest.keys() <= FIELDS | OPTIONAL, "manifest-fields")
    return manifest, 64 + stored


def inflate_manifest(stored, coder, raw):
    if coder == 0:
        need(len(stored) == raw, "manifest-decode")
        return stored
    return drain(zlib.decompressobj() if coder == 1 else lzma2(raw), stored, raw)


def drain(stream, data, size, rule="manifest-decode"):
    """Exactly `size` bytes out of a decompressor, whose stream uses up `data`."""
    try:
        out = stream.decompress(data, size + 1)
        if not stream.eof:  # an end mark may follow the last byte
            out += stream.decompress(getattr(stream, "unconsumed_tail", b""), 1)
    except (zlib.error, lzma.LZMAError) as error:
        raise Refused(rule) from error
    need(len(out) == size and stream.eof and not stream.unused_data, rule)
    return out


def no_duplicates(pairs):
    need(len({key for key, _ in pairs}) == len(pairs), "manifest-duplicate")
    return dict(pairs)


def read_sections(data, manifest, offset):
    """(section, its stored bytes) in file order, digests checked: page section 3.3."""
    found = []
    for section in manifest["sections"]:
        body = data[offset : offset + section["bytes"]]
        offset += section["bytes"]
        found.append((section, body))
    need(offset == len(data), "section-layout")
    for section, body in found:
        need(hashlib.sha256(body).hexdigest() == section["sha256"], "section-digest")
    return found


def read_parts(manifest, sections, coders):
    """{tensor: {part: (dtype, shape, list of numbers)}}: page section 3.4."""
    holdings = {}
    for tensor in manifest["tensors"]:
        for part in tensor["parts"]:
            need(part["dtype"] in ITEM and min(part["shape"], default=1) > 0, "shape")
            holdings.setdefault(part["stream"], []).append((tensor["name"], part))
    check_work(sections, holdings)
    result = {tensor["name"]: {} for tensor in manifest["tensors"]}
    number = 0
    for section, body in sections:
        start = 0
        for length in section.get("streams", []):
            held = holdings[number]
            raw = decode_stream(coders, section, body[start : start + length], held)
            for name, part in held:
                size = math.prod(part["shape"]) * struct.calcsize(ITEM[part["dtype"]])
                numbers = unpack(part["dtype"], raw[:size])
                result[name][part["name"]] = (part["dtype"], part["shape"], numbers)
                raw = raw[size:]
            start, number = start + length, number + 1
        need("streams" not in section or start == len(body), "stream-layout")
    need(set(holdings) == set(range(number)), "stream-reference")
    return result


def check_work(sections, holdings):
    """Rows times columns squared under rans-lp/1, over the whole file: page section 8.1."""
    coders = [section["coder"] for section, _ in sections for _ in section.get("streams", [])]
    lone = [holdings[i][0][1]["shape"] for i, coder in enumerate(coders) if coder == LP and len(holdings[i]) == 1]
    need(sum(max(s) * s[1] ** 2 for s in lone if len(s) == 2) <= 1 << 35, "prediction-work")


def decode_stream(coders, section, payload, held):
    """The little-endian bytes of a stream's array."""
    dtypes = {part["dtype"] for _, part in held}
    if len(held) == 1:
        return decode(coders, section, payload, held[0][1]["dtype"], held[0][1]["shape"])
    items = {d: sum(math.prod(p["shape"]) for _, p in held if p["dtype"] == d) for d in dtypes}
    if len(dtypes) == 1:
        return decode(coders, section, payload, *dtypes, [*items.values()])
    return decode(coders, section, payload, "uint8", [sum(n * struct.calcsize(ITEM[d]) for d, n in items.items())])


def unpack(dtype, raw):
    return list(struct.unpack(f"<{len(raw) // struct.calcsize(ITEM[dtype])}{ITEM[dtype]}", raw))


# Coders: page section 4.


def decode(coders, section, payload, dtype, shape):
    need(section["coder"] in coders, "coder")
    raw = coders[section["coder"]](payload, dtype, shape)
    need(len(raw) == math.prod(shape) * struct.calcsize(ITEM[dtype]), "payload")
    return raw


def lzma2(size):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": max(4096, size)}]
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)


def with_layout(inflate):
    """A coder whose payload is a layout byte and a stream that `inflate(stream, size)` turns into bytes."""

    def decode_payload(payload, dtype, shape):
        n = struct.calcsize(ITEM[dtype])
        need(payload and payload[0] < 4, "layout-byte")
        return undo_layout(payload[0], inflate(payload[1:], math.prod(shape) * n), n, shape)

    return decode_payload


def undo_layout(layout, raw, n, shape):
    items = len(raw) // n
    if layout & 2:
        raw = bytes(raw[plane * items + i] for i in range(items) for plane in range(n))
    if layout & 1:
        rows = shape[0] if shape else 1
        columns = items // rows
        cells = [raw[i * n : (i + 1) * n] for i in range(items)]
        raw = b"".join(cells[c * rows + r] for r in range(rows) for c in range(columns))
    return raw


CODERS = {
    "raw/1": lambda payload, dtype, shape: payload,
    "zlib/1": with_layout(lambda data, size: drain(zlib.decompressobj(-15), data, size, "payload")),
    "lzma/1": with_layout(lambda data, size: drain(lzma2(size), data, size, "payload")),
}


# Schemes: page section 5.


def weights(tensor, parts, schemes):
    """The float32 bytes of a tensor."""
    scheme, shape = tensor["scheme"], tensor["shape"]
    rows_of = re.fullmatch(r"int([2-8])-row/1", scheme)
    if rows_of:
        need(
            {k: v[:2] for k, v in parts.items()} == {"codes": ("int8", shape), "scales": ("float16", shape[:1])},
            "parts",
        )
        values = times_rows(int(rows_of[1]), shape, parts["codes"][2], parts["scales"][2])
    elif scheme in schemes:
        values = schemes[scheme](shape, parts)
    else:
        need(scheme in ("fp16/1", "fp32/1"), "scheme")
        need({k: v[:2] for k, v in parts.items()} == {"values": (scheme.replace("fp", "float")[:-2], shape)}, "parts")
        values = parts["values"][2]
    need(all(map(math.isfinite, values)), "values")
    return struct.pack(f"<{len(values)}f", *values)


def times_rows(bits, shape, codes, scales):
    need(len(shape) == 2, "parts")
    need(all(-(1 << bits - 1) <= code < 1 << bits - 1 for code in codes), "values")
    need(all(math.isfinite(scale) and scale >= 0 for scale in scales), "values")
    return [code * scales[i // shape[1]] for i, code in enumerate(codes)]
