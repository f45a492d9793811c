"""Small pieces of JSON Schema (2020-12) that several rooms use, and the schema of a journal's record."""

from typing import Any

MAX_INTEGER = (1 << 53) - 1  # exact in every JSON implementation
DIALECT = "https://json-schema.org/draft/2020-12/schema"
Json = dict[str, Any]
END = r"(?![\s\S])"  # not `$`, which Python's engine also matches before a last line break
IDENTIFIER: Json = {"type": "string", "pattern": rf"^[a-z][a-z0-9]*(-[a-z0-9]+)*/[1-9][0-9]{{0,3}}{END}"}
DIGEST: Json = {
    "type": "string", "pattern": f"^[0-9a-f]{{64}}{END}", "description": "SHA-256, lower-case hexadecimal",
}  # fmt: skip


def count(description: str, least: int = 0) -> Json:
    """Schema of a whole number."""
    return {"type": "integer", "minimum": least, "maximum": MAX_INTEGER, "description": description}


def record(required: Json, optional: Json | None = None, description: str = "") -> Json:
    """Schema of an object with exactly these fields."""
    value: Json = {
        "type": "object",
        "properties": required | (optional or {}),
        "required": sorted(required),
        "additionalProperties": False,
    }
    return value | ({"description": description} if description else {})


def listing(items: Json, most: int | None = None, least: int = 0) -> Json:
    """Schema of a list."""
    value: Json = {"type": "array", "items": items}
    return value | ({"minItems": least} if least else {}) | ({} if most is None else {"maxItems": most})


def document(name: str, title: str, body: Json) -> Json:
    """A whole schema: `body` with its dialect, file name and title."""
    return {"$schema": DIALECT, "$id": name, "title": title} | body


def journal_schema() -> Json:
    """JSON Schema of `journal/1`: one line of a journal. The chain of hashes is checked by reading the journal."""
    fields = record(
        {
            "kind": {"type": "string", "minLength": 1, "description": "what happened: train.start, pack, eval, …"},
            "seq": count("number of the record, from 0"),
            "time": {"type": "number", "minimum": 0, "description": "Unix seconds"},
            "prev": DIGEST | {"description": "hash of the record before; 64 zeros for the first"},
            "body": {"type": "object", "description": "facts of the event"},
            "hash": DIGEST | {"description": "SHA-256 of the canonical JSON of the other five fields"},
        }
    )
    return document("journal-1.json", "Record of a run's journal", fields)
