"""How each file of `tests/hostile/files` is made: `<rule>.golf`, or `<rule>--<variant>.golf`, breaks exactly that rule.

`python -m tests.hostile.build` writes the files that are not there yet; existing ones are never changed.
"""

import hashlib
import json
import zlib
from pathlib import Path

from tests.hostile.craft import assemble, canonical, patched, take_apart, valid_bytes, with_document

FILES = Path(__file__).with_name("files")


def cases():
    """Bytes by file stem."""
    return _preamble() | _manifest_text() | _fields() | _names_and_counts() | _layout() | _arrays()


def _preamble():
    good = valid_bytes()
    document, sections = take_apart(good)
    text = canonical(document)
    return {
        "magic": b"PK\x03\x04" + good[4:],
        "magic--text-mode": good.replace(b"\r\n", b"\n"),
        "preamble-length": good[:40],
        "preamble-length--empty": b"",
        "preamble-length--part-of-the-magic": good[:5],
        "magic--short": good[:4] + b"\n",
        "container-version": assemble(text, sections, version=2),
        "manifest-coder": assemble(text, sections, coder=3),
        "reserved": assemble(text, sections, reserved=1),
        "manifest-size--stored": assemble(text, sections, manifest_bytes=1 << 31),
        "manifest-size--raw": assemble(text, sections, raw_bytes=(1 << 32) - 1),
        "manifest-size--zero": assemble(b"", sections),
        "file-size": assemble(text, sections, file_bytes=1 << 62),
        "file-length--cut": good[:-1],
        "file-length--tail": good + b"\0",
        "file-length--manifest-outside": assemble(text, b"", manifest_bytes=len(text) + 1),
        "seal": assemble(text, sections, seal=bytes(32)),
        "seal--bit": good[:100] + bytes([good[100] ^ 1]) + good[101:],
    }


def _manifest_text():
    document, sections = take_apart(valid_bytes())
    text = canonical(document)
    press = zlib.compress(text, 9)
    bomb = zlib.compress(bytes(1 << 22), 9)
    deep = patched(document, ["model"], json.loads('{"a":' * 40 + "1" + "}" * 40))
    return {
        "manifest-decode": assemble(text, sections, stored=b"no zlib", coder=1),
        "manifest-decode--short": assemble(text, sections, stored=press, coder=1, raw_bytes=len(text) + 1),
        "manifest-decode--bomb": assemble(text, sections, stored=bomb, coder=1),
        "manifest-decode--tail": assemble(text, sections, stored=press + b"hidden", coder=1),
        "manifest-decode--raw-length": assemble(text, sections, raw_bytes=len(text) - 1),
        "manifest-json": assemble(text[:-1], sections),
        "manifest-json--utf-8": assemble(text.replace(b"example.note", b"example.\xff\xfete"), sections),
        "manifest-json--list": assemble(b"[]", sections),
        "manifest-json--nan": assemble(text.replace(b"10000.0", b"NaN"), sections),
        "manifest-duplicate": assemble(
            text.replace(b'{"annotations"', b'{"schema":"manifest/1","annotations"'), sections
        ),
        "manifest-depth": assemble(canonical(deep), sections),
        "manifest-depth--parser": assemble(b"[" * 100_000, sections),
        "manifest-number": assemble(canonical(patched(document, ["model", "dim"], 1 << 53)), sections),
        "manifest-number--digits": assemble(text.replace(b'"dim":16', b'"dim":' + b"9" * 5000), sections),
        "manifest-number--infinite": assemble(text.replace(b"10000.0", b"1e999"), sections),
        "manifest-canonical": assemble(text.replace(b'"dim":16', b'"dim": 16'), sections),
        "manifest-canonical--escape": assemble(text.replace(b"sample-model", b"\\u0073ample-model"), sections),
        "manifest-canonical--surrogate": assemble(text.replace(b"sample-model", b"\\ud800ample-model"), sections),
        "manifest-schema": with_document(["schema"], "manifest/2"),
        "manifest-schema--absent": with_document(["schema"], ...),
        "requires": with_document(["requires"], ["holographic-weights/1"]),
        "requires--no-identifier": with_document(["requires"], ["No Identifier"]),
        "requires--before-fields": assemble(
            canonical(patched(patched(document, ["requires"], ["x/1"]), ["model"], ...)), sections
        ),
    }


def _fields():
    return {
        "manifest-fields--missing": with_document(["model"], ...),
        "manifest-fields--unknown": with_document(["tensors", 0, "offset"], 0),
        "manifest-fields--type": with_document(["tensors", 0, "shape"], "32"),
        "manifest-fields--bool": with_document(["tensors", 0, "shape", 0], True),
        "manifest-fields--float": with_document(["sections", 0, "bytes"], 1.0),
        "manifest-fields--negative": with_document(["tensors", 0, "parts", 0, "stream"], -1),
        "manifest-fields--digest": with_document(["sections", 0, "sha256"], "A" * 64),
        "manifest-fields--kind": with_document(["sections", 4, "kind"], "firmware"),
        "manifest-fields--streams-of-a-blob": with_document(["sections", 4, "streams"], [8]),
        "manifest-fields--empty-default": with_document(["requires"], []),
        "manifest-fields--requires-text": with_document(["requires"], "x/1"),
        "manifest-fields--before-identifier": with_document(
            ["tensors", 0], {"name": "a", "shape": [1], "scheme": "Not One", "parts": [], "more": 1}
        ),
        "identifier": with_document(["tensors", 0, "scheme"], "os.path:join"),
        "identifier--coder": with_document(["sections", 0, "coder"], "lzma"),
    }


def _names_and_counts():
    document, sections = take_apart(valid_bytes())
    tensor = document["tensors"][0]
    part = tensor["parts"][0]
    many = {f"x.{i}": 0 for i in range(3)} | {"X": 1}
    return {
        "name--tensor": with_document(["tensors", 0, "name"], "tok\u202eemb"),
        "name--file": with_document(["sections", 3, "files", 0, "path"], "../../.bashrc"),
        "name--absolute": with_document(["external", 0, "name"], "/etc/passwd"),
        "name--long": with_document(["tensors", 0, "name"], "a" * 256),
        "name--annotation": with_document(["annotations"], many),
        "name--part": with_document(["tensors", 0, "parts", 0, "name"], "Codes!"),
        "unique": with_document(["tensors", 1, "name"], tensor["name"]),
        "unique--section": with_document(["sections", 1, "name"], "matrices"),
        "unique--part": with_document(["tensors", 0, "parts", 1, "name"], "codes"),
        "count": with_document(["tensors", 0, "parts"], []),
        "count--parts": with_document(["tensors", 0, "parts"], [part | {"name": f"p{i}"} for i in range(17)]),
        "count--axes": with_document(["tensors", 0, "shape"], [1] * 9),
        "count--sections": _many_sections(document, sections),
    }


def _many_sections(document, sections):
    empty = {"kind": "extra", "coder": "raw/1", "bytes": 0, "raw_bytes": 0, "sha256": "e3b0c442" + "0" * 56}
    copy = patched(document, ["sections"], document["sections"] + [empty | {"name": f"s{i}"} for i in range(60)])
    return assemble(canonical(copy), sections)


def _layout():
    document, _ = take_apart(valid_bytes())
    small = document["sections"][1]["bytes"]
    return {
        "section-layout": with_document(["sections", 4, "bytes"], 9),
        "section-layout--gap": with_document(["sections", 4, "bytes"], 7),
        "section-layout--overflow": with_document(["sections", 4, "bytes"], (1 << 53) - 1),
        "stream-layout": with_document(["sections", 1, "streams"], [small - 1]),
        "stream-layout--zero": with_document(["sections", 1, "streams"], [small, 0]),
        "stream-layout--beyond-64-bits": with_document(["sections", 1, "streams"], _sum_to((1 << 64) + small)),
        "stream-reference": with_document(["tensors", 0, "parts", 0, "stream"], 4),
        "stream-reference--unused": with_document(["tensors", 0, "parts", 0, "stream"], 1),
        "section-digest": valid_bytes()[:-1] + b"!",
        "section-digest--lie": with_document(["sections", 0, "sha256"], "0" * 64),
        "prediction-work": predicted(33, 1024, 1024),
        "prediction-work--few-rows": predicted(33, 33, 1024),
        "prediction-work--beyond-64-bits": predicted(1, 1, 1 << 22),
    }


def _sum_to(total):
    """Integers of at most 2^53 − 1 that sum to `total`."""
    most = (1 << 53) - 1
    return [most] * (total // most) + [total % most]


def predicted(count, rows, columns):
    """`count` matrices under `rans-lp/1`, each in a stream of one byte."""
    part = {"name": "codes", "dtype": "int8", "shape": [rows, columns]}
    tensor = {"scheme": "int8-row/1", "shape": [rows, columns]}
    tensors = [tensor | {"name": f"t{i}", "parts": [part | {"stream": i}]} for i in range(count)]
    section = {"name": "codes", "kind": "tensors", "coder": "rans-lp/1", "bytes": count, "streams": [1] * count}
    section |= {"raw_bytes": count * rows * columns, "sha256": hashlib.sha256(bytes(count)).hexdigest()}
    document = {"schema": "manifest/1", "model": {}, "tensors": tensors, "sections": [section]}
    return assemble(canonical(document), bytes(count))


def _arrays():
    huge = (1 << 53) - 1
    return {
        "dtype": with_document(["tensors", 0, "parts", 0, "dtype"], "object"),
        "shape": with_document(["tensors", 0, "shape"], [0, 16]),
        "shape--part": with_document(["tensors", 0, "parts", 0, "shape"], [0]),
        "shape--beyond-64-bits": with_document(["tensors", 0, "parts", 0, "shape"], [512 * 33, ((1 << 55) + 1) // 33]),
        "shape--overflow": with_document(["tensors", 0, "parts", 0, "shape"], [huge] * 8),
        "shape--weights": with_document(["tensors", 0, "shape"], [huge] * 8),
        "raw-length": with_document(["sections", 0, "raw_bytes"], 1),
        "raw-length--shape": with_document(["tensors", 0, "parts", 0, "shape"], [32, 17]),
        "raw-length--files": with_document(["sections", 3, "files", 0, "bytes"], huge),
        "raw-size": with_document(["sections", 4, "raw_bytes"], huge),
        "tokenizer-section": with_document(["tokenizer", "section"], ...),
        "tokenizer-section--kind": with_document(["tokenizer", "section"], "code"),
        "tokenizer-section--bytes": with_document(["tokenizer", "bytes"], 1),
    }


def main():
    FILES.mkdir(exist_ok=True)
    for stem, data in cases().items():
        path = FILES / f"{stem}.golf"
        if not path.exists():
            path.write_bytes(data)
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
