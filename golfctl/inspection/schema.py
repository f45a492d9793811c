"""JSON Schemas of what `golfctl inspect --json` prints, and of the ledger inside it."""

from golfctl.artifact.byte_ledger import EXTERNAL, FILE
from golfctl.core.schema import DIGEST, IDENTIFIER, Json, count, document, listing, record
from golfctl.inspection import difference, report

_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_OBJECT: Json = {"type": "object"}


def ledger_schema() -> Json:
    """JSON Schema of `ledger/1`: rows whose `file` ones sum to the size of the file."""
    return document("ledger-1.json", "Byte ledger", listing(_ledger_row()))


def inspect_schema() -> Json:
    """JSON Schema of `inspect/1`."""
    required = {
        "schema": {"const": report.SCHEMA},
        "path": _or_null(_TEXT),
        "sha256": DIGEST,
        "file_bytes": count("size of the artifact file"),
        "counted_bytes": count("bytes that count against a budget: the file and external files"),
        "overhead_bytes": count("bytes of the file outside the sections of kind `tensors`"),
        "parameters": count("weights in all tensors"),
        "bits_per_weight": _bits(),
        "budget": _or_null(_budget()),
        "code": {"enum": ["embedded", "external", "none"]},
        "ledger": listing(_ledger_row()),
        "groups": listing(_group()),
        "tensors": listing(_tensor()),
        "sections": listing(_section()),
        "container": _container(),
        "model": _OBJECT,
        "tokenizer": _or_null(_OBJECT),
        "evaluation": _or_null(_OBJECT),
        "provenance": _or_null(_OBJECT),
        "annotations": _OBJECT,
        "verified": _verified(),
    }
    return document("inspect-1.json", "Report of golfctl inspect", record(required, _entropy()))


def set_schema() -> Json:
    """JSON Schema of `inspect-set/1`: several artifacts in one run, in the order in which they were named."""
    required = {
        "schema": {"const": report.SET_SCHEMA},
        "exit_code": {"enum": [0, 3, 4, 5], "description": "the highest of all artifacts"},
        "artifacts": listing(
            _OBJECT | {"description": "a document of schema inspect/1 or inspect-diff/1, or error/1 of one not read"},
            None,
            2,
        ),
    }
    return document("inspect-set-1.json", "Reports of golfctl inspect on several artifacts", record(required))


def diff_schema() -> Json:
    """JSON Schema of `inspect-diff/1`."""
    side = record(
        {"path": _or_null(_TEXT), "sha256": DIGEST, "file_bytes": count("bytes"), "counted_bytes": count("bytes")}
    )
    row = record(
        {
            "name": _TEXT,
            "state": {"enum": ["added", "removed", "changed"]},
            "bytes": {"type": "integer", "description": "new − old"},
            "changed": listing(_TEXT),
            "old": _or_null(_OBJECT),
            "new": _or_null(_OBJECT),
        }
    )
    required = {
        "schema": {"const": difference.SCHEMA},
        "old": _or_null(side | {"description": "null: there was no such artifact before"}),
        "new": side,
        "identical": {"type": "boolean"},
        "bytes": {"type": "integer", "description": "file bytes, new − old"},
        "counted_bytes": {"type": "integer", "description": "counted bytes, new − old"},
        **{key: listing(row) for key in ("ledger", "groups", "tensors", "sections")},
        "changes": listing(record({"path": _TEXT, "old": {}, "new": {}})),
    }
    return document("inspect-diff-1.json", "Report of golfctl inspect --diff", record(required))


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _bits() -> Json:
    return _or_null(_NUMBER | {"minimum": 0, "description": "8 · bytes / weights; null without weights"})


def _share() -> Json:
    return _NUMBER | {"minimum": 0, "maximum": 1, "description": "fraction of file_bytes"}


def _entropy() -> Json:
    return {
        "entropy_bytes": _NUMBER | {"minimum": 0, "description": "order-0 entropy of the stored symbols"},
        "waste_bytes": _NUMBER | {"description": "bytes − entropy_bytes"},
    }


def _ledger_row() -> Json:
    return record({"name": _TEXT, "bytes": count("bytes"), "where": {"enum": [FILE, EXTERNAL]}})


def _budget() -> Json:
    return record(
        {
            "limit_bytes": count("the limit"),
            "headroom_bytes": {"type": "integer", "description": "limit − counted; negative when over"},
            "ok": {"type": "boolean"},
            "profile": _or_null(_TEXT),
        }
    )


def _group() -> Json:
    return record(
        {
            "name": _TEXT,
            "tensors": count("tensors in the group", 1),
            "parameters": count("weights"),
            "bytes": count("stored bytes"),
            "bits_per_weight": _bits(),
            "share": _share(),
        }
    )


def _tensor() -> Json:
    part = record({"name": _TEXT, "dtype": _TEXT, "shape": listing(count("axis", 1))})
    required = {
        "name": _TEXT,
        "shape": listing(count("axis", 1)),
        "scheme": IDENTIFIER,
        "bytes": count("stored bytes"),
        "bits_per_weight": _bits(),
        "share": _share(),
        "exact": {"type": "boolean", "description": "false where a stream holds several tensors"},
        "shared_bytes": count("bytes shared out of such streams by uncompressed size"),
        "parameters": count("weights", 1),
        "parts": listing(part, None, 1),
    }
    return record(required, _entropy())


def _section() -> Json:
    required = {
        "name": _TEXT,
        "kind": _TEXT,
        "coder": IDENTIFIER,
        "bytes": count("stored bytes"),
        "raw_bytes": count("decoded bytes"),
        "sha256": DIGEST,
        "offset": count("from the start of the file"),
    }
    return record(required, {"streams": count("number of streams"), "files": listing(_OBJECT)})


def _container() -> Json:
    return record(
        {
            "version": count("container version", 1),
            "manifest_schema": IDENTIFIER,
            "manifest_coder": _TEXT,
            "manifest_bytes": count("stored bytes"),
            "manifest_raw_bytes": count("bytes of JSON"),
        }
    )


def _verified() -> Json:
    required = {"digests": {"const": True}, "payloads": {"enum": [True, None]}}
    return record(required, {"decoded_bytes": _or_null(count("bytes decoded"))})
