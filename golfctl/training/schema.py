"""JSON Schemas of what `train --json`, `train --dry-run --json` and `doctor --json` print. Never imports torch."""

from typing import Any

from golfctl.core.schema import DIGEST, Json, count, document, listing, record

_TEXT: Json = {"type": "string"}
_SECONDS: Json = {"type": "number", "minimum": 0}
_OPTIONAL_NUMBER: Json = {"type": ["number", "null"]}
_OPTIONAL_PRICE: Json = {"type": ["number", "null"], "minimum": 0}


def train_schema() -> dict[str, Any]:
    """JSON Schema of `train/1`: how a run ended."""
    held_out = record(
        {
            "loss": {"type": "number", "description": "nats per token"},
            "bpb_billed": _OPTIONAL_NUMBER | {"description": "bits per billed byte, plain windows; null: no bytes"},
            "tokens": count("held-out targets used"),
        }
    )
    fields = record(
        {
            "run": _TEXT | {"description": "run folder"},
            "checkpoint": _TEXT | {"description": "final checkpoint"},
            "step": count("optimizer steps"),
            "tokens": count("tokens trained on, over all ranks"),
            "seconds": _SECONDS | {"description": "training clock"},
            "warmup_seconds": _SECONDS | {"description": "before the clock started"},
            "loss": _OPTIONAL_NUMBER | {"description": "last training loss; null when no step was left"},
            "held_out": {"anyOf": [held_out, {"type": "null"}]},
            "mfu": _OPTIONAL_NUMBER | {"description": "model FLOPs over the peak's, this process; null: no peak"},
            "mfu_basis": _TEXT | {"description": "the peak that mfu refers to, or why there is none"},
        }
    )
    return document("train-1.json", "Result of a training run", fields)


def forecast_schema() -> dict[str, Any]:
    """JSON Schema of `train-forecast/1`: what a run would be."""
    fields = record(
        {
            "parameters": count("of the model"),
            "by_role": {"type": "object", "additionalProperties": count("parameters of one role")},
            "flops_per_token": count("training FLOPs, forward and backward"),
            "flops_per_step": count("training FLOPs of one optimizer step"),
            "state_bytes": count("weights, gradients, moments, average"),
            "activation_bytes": count("rough"),
            "packed_bytes": count("forecast of the artifact's size"),
            "packed_error_bytes": count("error to expect either way"),
            "train_tokens": count("tokens in the training shards"),
            "steps": {"type": ["integer", "null"]},
            "seconds": _OPTIONAL_NUMBER,
            "data_digest": DIGEST,
            "seconds_per_step": _SECONDS | {"description": "of training clock, measured; see measured"},
            "measured": _TEXT | {"description": "what was measured for it, and where"},
            "steps_in_budget": count("steps that the budget allows at that pace; 0: a step takes longer than it"),
            "expected_seconds": _SECONDS | {"description": "training clock of the whole run"},
            "price_per_hour": _OPTIONAL_PRICE | {"description": "as given; null: none was"},
            "cost": _OPTIONAL_PRICE | {"description": "of expected_seconds, in the price's currency"},
        }
    )
    return document("train-forecast-1.json", "Forecast of a training run", fields)


def doctor_schema() -> dict[str, Any]:
    """JSON Schema of `doctor/1`: findings about a machine."""
    finding = record({"name": _TEXT, "status": {"enum": ["ok", "missing", "note"]}, "found": _TEXT, "advice": _TEXT})
    return document("doctor-1.json", "Findings about a machine", record({"findings": listing(finding)}))
