"""JSON Schemas of what auditing reads and writes: audit.json, a comparison, a rules file."""

from typing import Any

from golfctl.auditing.report import AuditReport
from golfctl.auditing.rules import Rules

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_NUMBER, _TEXT, _MAYBE = {"type": "number"}, {"type": "string"}, {"type": ["number", "null"]}


def audit_schema() -> dict[str, Any]:
    """Schema of `golfctl audit --report` and `golfctl submission check --report`."""
    return _named(AuditReport.model_json_schema(mode="serialization"), "audit-1.json", "An audit's findings")


def rules_schema() -> dict[str, Any]:
    """Schema of a rules file (TOML, read as JSON)."""
    return _named(Rules.model_json_schema(), "rules-1.json", "The rules of a contest")


def comparison_schema() -> dict[str, Any]:
    """Schema of `golfctl compare --json`."""
    side = _object({
        "runs": _list(_TEXT), "seeds": {"type": "array"}, "scores": _list(_NUMBER), "mean": _NUMBER,
        "standard_deviation": _MAYBE,
    })  # fmt: skip
    interval = {"type": ["array", "null"], "items": _NUMBER, "minItems": 2, "maxItems": 2}
    paired = _object({
        "documents": {"type": "integer"}, "documents_better": {"type": "integer"}, "gain_bpb": _NUMBER,
        "interval_95_bpb": {**interval, "type": "array"}, "draws": {"type": "integer"},
    })  # fmt: skip
    body = _object({
        "schema": {"const": "golfctl/comparison/1"}, "unit": {"enum": ["nats", "bpb"]}, "margin": _NUMBER,
        "p_wanted": _NUMBER, "base": side, "new": side, "gain": _NUMBER, "p_value": _MAYBE,
        "degrees_of_freedom": _MAYBE, "interval_95": interval, "showable_gain": _MAYBE, "better": {"type": "boolean"},
        "paired_documents": {"oneOf": [paired, {"type": "null"}]},
        "ignored": _list(_TEXT), "differs": _list(_TEXT), "passed_over": _list(_TEXT), "training_unknown": _list(_TEXT),
        "receipts_found": {"type": "boolean"}, "unvouched": _list(_TEXT),
        "recomputed": {"type": "object", "additionalProperties": _TEXT},
    })  # fmt: skip
    return _named(body, "comparison-1.json", "A comparison of two sets of runs")


def _named(body: dict[str, Any], file: str, title: str) -> dict[str, Any]:
    return {**body, "$schema": _DRAFT, "$id": file, "title": title}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False}
