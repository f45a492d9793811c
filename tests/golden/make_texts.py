"""Writes the compressed texts of `tests/golden/texts`, once: `python -m tests.golden.make_texts`."""

import hashlib
from pathlib import Path

from golfctl.codec.compressing import Options, compress
from golfctl.codec.text_model import TextModel
from golfctl.packing.unpack import load_artifact
from golfctl.scoring.config import EvalConfig

FOLDER = Path(__file__).parent / "texts"
ARTIFACT = Path(__file__).parent / "packed" / "entropy-rans.golf"
TEXTS = {
    "stored": b"Stored as it is: \x00\xff" + hashlib.shake_256(b"stored").digest(40),
    "rows": "The quick brown fox jumps over the lazy dog; naïve café, 漢字 \u2581.\n".encode() + b"\xff\xfe",
    "mixed": b"the quick brown fox jumps over the lazy dog the quick fox",
}
STACKS = {
    "rows": {"rolling": True, "stride": 1, "seq_len": 32},
    "mixed": {"stride": 4, "seq_len": 32, "ngram": {"order": 3}},
}


def golden_model() -> TextModel:
    return TextModel.of(load_artifact(ARTIFACT))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    model = golden_model()
    for name, text in TEXTS.items():
        config = EvalConfig.from_dict(STACKS.get(name, {"rolling": True}))
        options = Options(lanes=2, store=name not in STACKS)
        (FOLDER / f"{name}.glt").write_bytes(compress(text, model, config, options)[0])


if __name__ == "__main__":
    main()
