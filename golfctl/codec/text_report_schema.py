"""JSON Schemas of `compress/1`, `decompress/1` and `generate/1`: what the commands print with `--json`."""

from golfctl.core.schema import DIGEST, END, Json, count, document, record

_NUMBER: Json = {"type": ["number", "null"], "minimum": 0}
_TEXT: Json = {"type": ["string", "null"]}


def compress_schema() -> Json:
    """Schema of `compress/1`."""
    verified: Json = {"type": "boolean", "description": "whether the file was decoded again before it was written"}
    return document(
        "compress-1.json", "A text that was compressed", record(_fields("compress/1") | {"verified": verified})
    )


def decompress_schema() -> Json:
    """Schema of `decompress/1`."""
    return document("decompress-1.json", "A text that was decompressed", record(_fields("decompress/1")))


def generate_schema() -> Json:
    """Schema of `generate/1`."""
    fields: Json = {
        "schema": {"const": "generate/1"},
        "prompt": {"type": "string"},
        "text": {"type": "string", "description": "what was written after the prompt"},
        "ids": {"type": "array", "items": {"type": "integer", "minimum": 0}, "description": "the tokens drawn"},
        "tokens": count("tokens drawn"),
        "prompt_tokens": count("tokens of the prompt"),
        "seed": {"type": "integer", "minimum": 0},
        "settings": record({
            "temperature": {"type": "number", "minimum": 0},
            "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            "arithmetic": {"type": "string", "description": "portable/N, or same-machine/ and a fingerprint"},
            "stack": {"type": "object", "description": "the [eval] table: what the rows depend on"},
        }),
        "bits": {"type": "number", "description": "of the drawn tokens under the model, whatever the temperature"},
        "seconds": {"type": "number", "minimum": 0, "description": "of reading the prompt and drawing"},
        "artifact": DIGEST,
    }  # fmt: skip
    return document("generate-1.json", "Text that a model wrote", record(fields))


def _fields(name: str) -> Json:
    return {
        "schema": {"const": name},
        "coding": {"enum": ["rows", "stored"], "description": "by the model, or whole under a general coder"},
        "coder": _TEXT | {"description": "the general coder; null: coded by the model"},
        "text_bytes": count("length of the text"),
        "file_bytes": count("length of the compressed file"),
        "payload_bytes": count("of them the coded rows, or the stored text"),
        "patch_bytes": count("of them what the tokens do not bring back"),
        "artifact_bytes": count("of them the embedded artifact"),
        "bits_per_byte": _NUMBER | {"description": "of the file without an embedded artifact; null: an empty text"},
        "tokens": count("targets coded; 0: stored"),
        "lanes": {"type": ["integer", "null"], "minimum": 1},
        "arithmetic": _TEXT | {"description": "portable/N, or same-machine/ and a fingerprint of the machine"},
        "stack": {"type": ["object", "null"], "description": "the [eval] table: what the rows depend on"},
        "seconds": {"type": "number", "minimum": 0, "description": "of work, verifying included, reading models not"},
        "tokens_per_second": _NUMBER,
        "text_sha256": DIGEST,
        "artifact": {"type": ["string", "null"], "pattern": f"^[0-9a-f]{{32}}{END}",
                     "description": "the first 16 bytes of the artifact's SHA-256; null: none is needed"},
    }  # fmt: skip
