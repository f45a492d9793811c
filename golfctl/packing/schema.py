"""JSON Schema of what `golfctl pack --json` prints."""

from golfctl.artifact.byte_ledger import EXTERNAL, FILE
from golfctl.core.schema import DIGEST, Json, count, document, listing, record
from golfctl.packing.assignment import GROUPS
from golfctl.packing.measures.spread import SCHEMA as SPREAD_SCHEMA

SCHEMA = "pack-report/1"
_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_OR_NUMBER: Json = {"type": ["number", "null"]}


def pack_report_schema() -> Json:
    """JSON Schema of `pack-report/1`."""
    return document("pack-report-1.json", "Report of golfctl pack", _report())


def pack_spread_schema() -> Json:
    """JSON Schema of `pack-spread/1`: several packings and how far their sizes lie apart."""
    found = {
        "artifacts": count("packings", 2),
        "smallest_bytes": count("fewest counted bytes"),
        "mean_bytes": _NUMBER,
        "largest_bytes": count("most counted bytes"),
        "deviation_bytes": _NUMBER | {"description": "sample standard deviation"},
        "margin_bytes": count("three standard deviations: what a budget should keep free"),
    }
    body = {"schema": {"const": SPREAD_SCHEMA}, "reports": listing(_report(), least=2), "spread": record(found)}
    return document("pack-spread-1.json", "Report of golfctl pack on several runs", record(body))


def _report() -> Json:
    required = {
        "schema": {"const": SCHEMA},
        "path": _TEXT,
        "artifact_sha256": DIGEST,
        "file_bytes": count("size of the artifact file"),
        "counted_bytes": count("bytes that count against the budget"),
        "budget": {"anyOf": [_budget(), {"type": "null"}]},
        "ledger": listing(record({"name": _TEXT, "bytes": count("bytes"), "where": {"enum": [FILE, EXTERNAL]}})),
        "groups": listing(_group()),
        "tensors": listing(_tensor()),
        "pack": {"type": "object", "description": "the [pack] table that was used, a fitted knob included"},
        "calibration": {"type": "object", "description": "where calibration text came from; source none without"},
        "held_out": {"anyOf": [_held_out(), {"type": "null"}]},
        "notes": listing(_TEXT) | {"description": "of the run, and fallbacks that were taken, by tensor"},
        "replaced": {"anyOf": [_replaced(), {"type": "null"}]},
    }
    return record(required)


def _replaced() -> Json:
    return record(
        {"file_bytes": count("size"), "sha256": DIGEST}, description="the artifact that this one was written over"
    )


def _budget() -> Json:
    return record(
        {
            "limit_bytes": count("the limit"),
            "headroom_bytes": {"type": "integer"},
            "ok": {"type": "boolean"},
            "profile": {"type": ["string", "null"]},
        }
    )


def _group() -> Json:
    return record(
        {
            "group": {"enum": list(GROUPS)},
            "schemes": _TEXT,
            "tensors": count("tensors", 1),
            "parameters": count("weights", 1),
            "bytes": count("coded bytes; streams shared between tensors by share of raw bytes"),
            "bits_per_weight": _NUMBER,
            "relative_error": _NUMBER | {"description": "of the weights, in the root of summed squares"},
            "weighted_error": _OR_NUMBER | {"description": "of the outputs on calibration text"},
            "estimated_loss": _OR_NUMBER | {"description": "nats per token"},
        }
    )


def _tensor() -> Json:
    return record(
        {
            "name": _TEXT,
            "scheme": _TEXT,
            "bytes": count("coded bytes"),
            "bits_per_weight": _NUMBER,
            "relative_error": _NUMBER,
            "weighted_error": _OR_NUMBER,
            "estimated_loss": _OR_NUMBER,
        }
    )


def _held_out() -> Json:
    return record(
        {"tokens": count("tokens predicted", 1), "loss_before": _NUMBER, "loss_after": _NUMBER, "kl": _NUMBER},
        description="nats per token on training text that calibration did not see",
    )
