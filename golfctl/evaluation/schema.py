"""JSON Schema of the eval report."""

from golfctl.arithmetic import VERSION
from golfctl.core.schema import DIGEST, Json, count, document, listing, record
from golfctl.evaluation.report import PROPERTIES, SCHEMA
from golfctl.scoring.steps import PROTOCOL

_NUMBER: Json = {"type": "number"}
_TEXT: Json = {"type": "string"}
_OR_NUMBER: Json = {"type": ["number", "null"]}
_VERDICT: Json = {"type": ["boolean", "null"]}


def eval_report_schema() -> Json:
    """JSON Schema of `eval-report/1`: what `golfctl eval --json` prints and `--report` writes."""
    required = {
        "schema": {"const": SCHEMA},
        "val_loss": _NUMBER | {"description": "nats per token"},
        "val_bpb": _NUMBER | {"description": "bits per carried byte of the text"},
        "val_bpb_stderr": _OR_NUMBER | {"description": "standard error over documents; null for one document"},
        "val_bpb_raw": _OR_NUMBER | {"description": "bits per raw UTF-8 byte; null: the text is unknown"},
        "val_bpb_billed": _OR_NUMBER | {"description": "bits per byte as the community's tables bill them"},
        "tokens": count("targets scored"),
        "carried_bytes": count("bytes of the documents that come back from their tokens as they were"),
        "raw_bytes": count("UTF-8 bytes of the documents"),
        "billed_bytes": count("bytes billed for the targets"),
        "seconds": record(dict.fromkeys(("load", "score", "adapt", "total"), _NUMBER)),
        "probe_seconds": _NUMBER | {"description": "spent on causality probes; part of the total"},
        "honest": _VERDICT | {"description": "all properties hold; null: one is not known"},
        "properties": record({name: record({"verdict": _VERDICT, "how": _TEXT}) for name in PROPERTIES}),
        "reasons": listing(_TEXT) | {"description": "why the figures are no valid score; empty for honest forms"},
        "config": {"type": "object", "description": "the resolved [eval] table"},
        "environment": {"type": "object"},
        "source": record({"kind": {"enum": ["artifact", "checkpoint"]}, "name": _TEXT}),
        "artifact_sha256": DIGEST,
        "data_sha256": DIGEST,
        "code_sha256": DIGEST,
        "text": _TEXT | {"description": "digest of the text, and how much of it was scored"},
        "documents": count("documents scored", 1),
        "raw_bytes_are": {"enum": ["raw", "decoded"]},
        "world": count("ranks", 1),
        "by_length": listing(
            record({"from_bytes": count("shortest"), "documents": count("documents", 1), "val_bpb": _NUMBER}),
        )
        | {"description": "by document length; empty for replays"},
    }
    optional = {
        "notes": listing(_TEXT)
        | {"description": "what was asked for and never came to pass; what is odd about the text"},
        "validation_shards": _shards(),
        "origins": _origins(),
        "state": _state(),
        "mode": {"enum": ["sliding", "rolling"]} | {"description": "a rolling cache's score is no sliding window's"},
        "journal_head": DIGEST | {"description": "hash of this evaluation's receipt"},
        "by_document": record(
            {
                "raw_bytes": listing(count("of each document")),
                "carried_bytes": listing(count("of each document")),
                "bits": listing(_NUMBER),
            }
        )
        | {"description": "in the order of the text; empty for replays"},
        "deadline": record({"seconds": _NUMBER, "adaptation_off_at_row": {"type": ["integer", "null"]}}),
        "resumed": record(
            {"after_targets": count("targets whose scores came from a saved file", 1), "recompute": _TEXT}
        )
        | {"description": "there when the run went on from --resume"},
        "arithmetic": _arithmetic(),
        "stepwise": _stepwise(),
        "ladder": listing(_rung()),
        "baselines": listing({"type": "object"}),
    }
    return document("eval-report-1.json", "Report of golfctl eval", record(required, optional))


def eval_estimate_schema() -> Json:
    """JSON Schema of `eval-estimate/1`: what `golfctl eval --estimate --json` prints."""
    rows = {"rows": count("targets in the whole text", 1), "slice_rows": count("targets scored for the projection", 1)}
    seconds = dict.fromkeys(("seconds", "slice_seconds", "load_seconds"), _NUMBER)
    return document("eval-estimate-1.json", "Projection of golfctl eval --estimate", record(rows | seconds))


def _shards() -> Json:
    described = {"type": "boolean", "description": "dataset.json names them, and they are what it says"}
    digests = {"type": "object", "additionalProperties": DIGEST, "description": "SHA-256 of each file, by its name"}
    return record({"described": described, "sha256": digests}) | {"description": "what was read, computed in this run"}


def _origins() -> Json:
    why = _TEXT | {"description": "the reason of a value that the evaluation chose"}
    origin = record({"from": {"enum": ["flag", "recipe", "artifact", "checkpoint", "given", "default"]}}, {"why": why})
    said = "where each value of `config` that acts came from, by dotted path; given: by a calling program"
    return {"type": "object", "additionalProperties": origin, "description": said}


def _state() -> Json:
    before: Json = {"oneOf": [DIGEST, {"type": "null"}], "description": "the same digest before the run"}
    acted = {"type": "boolean", "description": "false: it changed no row"}
    outcome = record({"acted": acted, "how": _TEXT, "sha256": DIGEST, "before_sha256": before})
    weights = DIGEST | {"description": "SHA-256 of the model's weights when the run ended"}
    said = "what adapted: digests that differ from a plain run's where something moved"
    return record({"weights_sha256": weights, "parts": {"type": "object", "additionalProperties": outcome}}) | {
        "description": said
    }


def _arithmetic() -> Json:
    distance = {"tokens": count("targets scored both ways", 1), "mean_nats": _NUMBER, "largest_nats": _NUMBER}
    apart = record(distance) | {"description": "between the targets' nats in this and in ordinary arithmetic"}
    name: Json = {"enum": ["ordinary", VERSION], "description": "the portable one gives this score on every machine"}
    return record({"name": name, "dtype": _TEXT}, {"from_ordinary": apart})


def _stepwise() -> Json:
    known = {
        "protocol": {"const": PROTOCOL},
        "lanes": count("texts read at a time", 1),
        "mean_context": _NUMBER | {"description": "tokens that a row of the model sees, itself included"},
        "mean_context_of_one_lane": _NUMBER | {"description": "the same had one lane read everything"},
        "rows_with_less_context": count("rows that see fewer tokens than with one lane"),
    }
    return record(known) | {"description": "there when the text was read by steps; from the schedule alone"}


def _rung() -> Json:
    figures = ("val_bpb_stderr", "step", "step_stderr", "all", "all_stderr")
    return record({"name": _TEXT, "val_bpb": _NUMBER, "seconds": _NUMBER, **dict.fromkeys(figures, _OR_NUMBER)})
