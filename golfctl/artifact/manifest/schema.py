"""The manifest's JSON Schema, made of the same constants and grammars that the reader uses.

A schema sees one value at a time: what fields say about each other (sums, references) only the reader checks.
"""

from golfctl.artifact.constants import DTYPES, MANIFEST_SCHEMA, SECTION_KINDS, Limits
from golfctl.artifact.manifest.grammars import GRAMMARS, MAX_NAME_BYTES
from golfctl.core.schema import DIGEST, END, IDENTIFIER, Json, count, document, listing, record

_LIMITS = Limits()


def manifest_schema() -> Json:
    """JSON Schema of `manifest/1`."""
    fields = record(
        {
            "schema": {"const": MANIFEST_SCHEMA},
            "model": {"type": "object", "description": "what the model is; the container does not read it"},
            "tensors": listing(_tensor(), _LIMITS.tensors),
            "sections": listing(_section(), _LIMITS.sections),
        },
        {
            "tokenizer": _tokenizer(),
            "evaluation": {"type": "object", "description": "the evaluation stack the artifact was made for"},
            "provenance": {"type": "object", "description": "where it comes from"},
            "annotations": _annotations(),
            "external": listing(_external(), _LIMITS.external_files, 1),
            "requires": listing(IDENTIFIER, None, 1) | {"uniqueItems": True},
        },
    )
    return document("manifest-1.json", "Manifest of a .golf artifact", fields)


def _name(kind: str) -> Json:
    pattern, words = GRAMMARS[kind]
    return {"type": "string", "pattern": f"^(?:{pattern}){END}", "maxLength": MAX_NAME_BYTES, "description": words}


def _shape() -> Json:
    return listing(count("elements along the axis", 1), _LIMITS.dimensions)


def _tensor() -> Json:
    part = record(
        {
            "name": _name("part"),
            "dtype": {"enum": list(DTYPES)},
            "shape": _shape(),
            "stream": count("number of the stream that holds the part, over all sections of kind `tensors`"),
        }
    )
    parts = listing(part, _LIMITS.parts_per_tensor, 1)
    return record({"name": _name("tensor"), "shape": _shape(), "scheme": IDENTIFIER, "parts": parts})


def _section() -> Json:
    lengths = listing(count("bytes of a stream", 1), _LIMITS.streams)
    file = record({"path": _name("file"), "bytes": count("decoded bytes of the file")})
    common: Json = {
        "name": _name("section"),
        "coder": IDENTIFIER,
        "bytes": count("stored bytes"),
        "raw_bytes": count("decoded bytes"),
        "sha256": DIGEST,
    }
    plain = [kind for kind in SECTION_KINDS if kind not in ("tensors", "code")]
    return {
        "oneOf": [
            record(common | {"kind": {"const": "tensors"}, "streams": lengths}),
            record(common | {"kind": {"const": "code"}, "files": listing(file, _LIMITS.files_per_section)}),
            record(common | {"kind": {"enum": plain}}),
        ]
    }


def _tokenizer() -> Json:
    required = {"format": IDENTIFIER, "sha256": DIGEST, "bytes": count("bytes of the tokenizer file")}
    return record(required, {"section": _name("section") | {"description": "the section that embeds it"}})


def _external() -> Json:
    return record({"name": _name("file"), "bytes": count("bytes of the file"), "sha256": DIGEST})


def _annotations() -> Json:
    return {"type": "object", "minProperties": 1, "propertyNames": _name("annotation")}
