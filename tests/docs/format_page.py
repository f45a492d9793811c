"""The generated parts of `docs/format/v1.md`; `python -m tests.docs.format_page` writes them into the page."""

import struct
from pathlib import Path

from golfctl.artifact import Draft, Part, Stream, Tensor, TensorSection, encode_artifact, read_artifact
from golfctl.artifact.constants import (
    DTYPES,
    LIMIT_REASONS,
    MANIFEST_CODERS,
    PREAMBLE_FIELDS,
    Limits,
)
from golfctl.artifact.format_rules import RULES
from golfctl.artifact.manifest.grammars import GRAMMARS
from golfctl.coding import CODERS
from golfctl.core.canonical import canonical_json
from golfctl.core.decoding_rules import DECODING_RULES
from golfctl.core.schema import END, IDENTIFIER
from golfctl.quant import SCHEMES
from tests.docs.format_values import values
from tests.docs.generated_blocks import preamble_table, rendered_with, table
from tests.recipe_work import recipe_work

PAGE = Path(__file__).parents[2] / "docs" / "format" / "v1.md"
_TYPES = {"8s": "8 bytes", "32s": "32 bytes", "H": "uint16", "I": "uint32", "Q": "uint64"}


def rendered(page):
    """The page with every generated block made anew."""
    return rendered_with(BLOCKS, page)


def _preamble():
    return preamble_table(PREAMBLE_FIELDS, lambda field: _TYPES[field.form])


def _coders():
    return table(
        ("number", "name", "the stored manifest is"), [(n, name, what) for n, (name, what) in MANIFEST_CODERS.items()]
    )


def _names():
    words = table(("name of a", "in words"), [(kind, words) for kind, (_, words) in GRAMMARS.items()])
    identifier = IDENTIFIER["pattern"].removeprefix("^").removesuffix(END)
    patterns = {"identifier": identifier} | {kind: pattern for kind, (pattern, _) in GRAMMARS.items()}
    return "\n".join([words, "", "```", *(f"{kind:<11} {pattern}" for kind, pattern in patterns.items()), "```"])


def _dtypes():
    return (
        "dtypes, with bytes per item: "
        + ", ".join(f"`{name}` {size}" for name, size in DTYPES.items())
        + ".\nIntegers are two's complement, floats IEEE 754, both little-endian."
    )


def _rules():
    return table(
        ("#", "rule", "what must hold", "why"),
        [(i, f"`{name}`", r.text, r.reason) for i, (name, r) in enumerate(RULES.items(), 1)],
    )


def _decoding_rules():
    return table(
        ("#", "rule", "what must hold"),
        [(i, f"`{name}`", text) for i, (name, text) in enumerate(DECODING_RULES.items(), len(RULES) + 1)],
    )


def _work():
    work, limit = recipe_work(), Limits().prediction_work
    largest = max(work, key=lambda name: work[name])
    return (
        f"Of golfctl's recipes, `{largest}` has the largest sum, {work[largest]:,}, if every matrix that the coder\n"
        f"takes were under it: the limit is {limit / work[largest]:.2f} times as much. No recipe is refused."
    )


def _identifiers():
    rows = [("coder", CODERS), ("scheme", SCHEMES), ("tokenizer format", ["sentencepiece/1"]), ("feature", [])]
    return table(
        ("what", "identifiers"),
        [(what, ", ".join(f"`{name}`" for name in sorted(names)) or "none") for what, names in rows],
    )


def _magic():
    return f"```\n{(PAGE.with_name('golf.magic')).read_text(encoding='utf-8').strip()}\n```"


def _limits():
    return table(
        ("limit", "value", "of"),
        [(f"`{name}`", f"{value:,}", LIMIT_REASONS[name]) for name, value in Limits()._asdict().items()],
    )


def example_bytes():
    """The worked example."""
    codes = bytes(n % 256 for n in (-31, 0, 5, 1, -1, 30))
    scales = struct.pack("<2e", 0.5, 0.03125)
    tensor = Tensor("w", (2, 3), "int6-row/1", (Part("codes", "int8", (2, 3)), Part("scales", "float16", (2,))))
    streams = (Stream(codes, (("w", "codes"),)), Stream(scales, (("w", "scales"),)))
    draft = Draft(model={"kind": "example"}, tensors=(tensor,), sections=(TensorSection("weights", "raw/1", streams),))
    return encode_artifact(draft, manifest_coder=0)


def _example():
    data = example_bytes()
    artifact = read_artifact(data)
    manifest = canonical_json(artifact.manifest.to_json()).decode()
    preamble = artifact.preamble
    return "\n".join(
        [
            "The manifest:", "", "```json schema=manifest/1", manifest, "```", "",
            f"The file has {len(data)} bytes: the preamble to 0x3F (with `manifest_bytes` = `manifest_raw_bytes` =",
            f"{preamble.manifest_bytes}), the manifest to 0x{63 + preamble.manifest_bytes:X}, 10 bytes of section.", "",
            "```", *_dump(data), "```", "",
            "Stream 0 is `E1 00 05 01 FF 1E`: codes −31, 0, 5 and 1, −1, 30. Stream 1 is `00 38 00 28`: scales 0.5 and",
            "0.03125. Weights: [−15.5, 0, 2.5], [0.03125, −0.03125, 0.9375].",
        ]
    )  # fmt: skip


def _dump(data):
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        yield f"{start:04X}  {row.hex(' ').upper():<47}  {text}"


BLOCKS = {
    "preamble": _preamble, "manifest-coders": _coders, "names": _names, "dtypes": _dtypes, "rules": _rules,
    "decoding-rules": _decoding_rules, "limits": _limits, "work": _work, "values": values, "identifiers": _identifiers,
    "magic": _magic,
    "example": _example,
}  # fmt: skip

if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
