"""What the journal beside an artifact says of it: seconds by phase, and the bytes its evaluation divided by."""

from typing import Any

from golfctl.auditing.subject import ByteClaim
from golfctl.core.journal import Record


def phase_seconds(records: list[Record], artifact_sha256: str) -> dict[str, float]:
    """Seconds of training (with calibration on training text, where timed) and of the artifact's last evaluation."""
    seconds: dict[str, float] = {}
    for record in records:
        body = record.body
        if record.kind == "train.end" and isinstance(body.get("seconds"), int | float):
            seconds["training"] = float(body["seconds"])
        elif record.kind == "pack" and body.get("artifact_sha256") == artifact_sha256:
            calibration = body.get("calibration_seconds")
            if isinstance(calibration, int | float) and _from_training(body):
                seconds["calibration"] = float(calibration)
        elif record.kind == "eval" and body.get("artifact_sha256") == artifact_sha256:
            stages = body.get("seconds")
            total = stages.get("total") if isinstance(stages, dict) else None
            if isinstance(total, int | float):
                seconds["evaluation"] = float(total)
    if "calibration" in seconds and "training" in seconds:
        seconds["training"] += seconds["calibration"]
    return seconds


def _from_training(body: dict[str, Any]) -> bool:
    """Whether calibration read training text: as the receipt says it did, else as its settings asked."""
    made, settings = body.get("calibration"), body.get("pack")
    asked = settings.get("calibration", "none") if isinstance(settings, dict) else "none"
    source = made.get("source", asked) if isinstance(made, dict) else asked
    return str(source).startswith("train")


def byte_claim(records: list[Record], artifact_sha256: str, documents: int) -> ByteClaim | None:
    """Bytes, tokens and text digest of the artifact's last evaluation over all `documents`; None without one."""
    for record in reversed(records):
        body = record.body
        whole = body.get("documents") == documents
        if record.kind == "eval" and body.get("artifact_sha256") == artifact_sha256 and whole:
            figures = ("raw_bytes", "billed_bytes", "tokens", "text", "carried_bytes")
            return ByteClaim(*(body.get(figure) for figure in figures))
    return None
