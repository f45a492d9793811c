"""May these runs be averaged, and does the new set beat the base by the margin."""

from collections.abc import Sequence
from typing import Any, Literal

from golfctl.comparison.paired_documents import as_json, paired_documents
from golfctl.comparison.receipt import Receipt
from golfctl.comparison.welch import Welch, welch
from golfctl.errors import VerdictError

Unit = Literal["nats", "bpb"]
_FIELD = {"nats": "val_loss", "bpb": "val_bpb"}
_SHOWN = 4
IGNORABLE = frozenset({"code", "environment"})
PARTS = ("code", "config", "data", "environment", "training")
RECOMPUTED = {
    "val_bpb": "from val_loss, tokens and bytes of the same report: val_loss · tokens / (ln 2 · bytes); "
    "done here where a report states its bytes",
    "val_loss": "with the artifact and the text: golfctl eval ARTIFACT --data DIR; the artifact is the one with "
    "artifact_sha256, the text the one whose digest is `text`",
    "training": "with recipe, data and machine of the journal, bit for bit only under a step schedule: golfctl train",
}


def compare(
    base: Sequence[Receipt],
    new: Sequence[Receipt],
    margin: float,
    p_wanted: float,
    unit: Unit = "nats",
    ignore: Sequence[str] = (),
) -> dict[str, Any]:
    """The comparison as plain JSON values; `better` says whether the margin is shown at `p_wanted`.

    Raises:
        VerdictError: runs that must not be averaged or compared; the message says what differs.
    """
    for name, receipts in (("base", base), ("new", new)):
        _check_valid(name, receipts)
        _check_alike(name, receipts, ignore)
    _check_comparable(base[0], new[0], unit)
    everyone = (*base, *new)
    scores = [[float(receipt.report[_FIELD[unit]]) for receipt in receipts] for receipts in (base, new)]
    test = welch(scores[0], scores[1], margin, p_wanted)
    return {
        "schema": "golfctl/comparison/1",
        "unit": unit,
        "margin": margin,
        "p_wanted": p_wanted,
        "base": _side(base, scores[0]),
        "new": _side(new, scores[1]),
        **_result(test),
        "better": test.p_value is not None and test.p_value < p_wanted,
        "paired_documents": as_json(paired_documents(base, new)),
        "ignored": sorted(ignore),
        "differs": [line for part in PARTS for line in _between(base[0], new[0], part)],
        "passed_over": [line for receipts in (base, new) for line in _passed_over(receipts, ignore)],
        "training_unknown": [receipt.source for receipt in everyone if receipt.training is None],
        "receipts_found": all(receipt.chained for receipt in everyone),
        "unvouched": [receipt.source for receipt in everyone if not receipt.chained],
        "recomputed": RECOMPUTED,
    }


def _side(receipts: Sequence[Receipt], scores: list[float]) -> dict[str, Any]:
    mean = sum(scores) / len(scores)
    spread = (sum((s - mean) ** 2 for s in scores) / (len(scores) - 1)) ** 0.5 if len(scores) > 1 else None
    return {
        "runs": [receipt.source for receipt in receipts],
        "seeds": [receipt.seed for receipt in receipts],
        "scores": scores,
        "mean": mean,
        "standard_deviation": spread,
    }


def _result(test: Welch) -> dict[str, Any]:
    return {
        "gain": test.gain,
        "p_value": test.p_value,
        "degrees_of_freedom": test.df,
        "interval_95": list(test.interval) if test.interval else None,
        "showable_gain": test.showable,
    }


def _check_valid(name: str, receipts: Sequence[Receipt]) -> None:
    for receipt in receipts:
        if receipt.report.get("honest") is not True:
            reasons = receipt.report.get("reasons") or ["not every property was shown"]
            raise VerdictError(f"{receipt.source}: no valid score to compare ({reasons[0]})")
    seen: dict[str, str] = {}
    for receipt in receipts:
        digest = str(receipt.report["artifact_sha256"])
        if digest in seen:
            raise VerdictError(f"{name}: {seen[digest]} and {receipt.source} score the same artifact: no second run")
        seen[digest] = receipt.source


def _check_alike(name: str, receipts: Sequence[Receipt], ignore: Sequence[str]) -> None:
    for other in receipts[1:]:
        apart = [line for part in PARTS if part not in ignore for line in _apart(receipts[0], other, part)]
        if apart:
            more = f" and {len(apart) - _SHOWN} more" if len(apart) > _SHOWN else ""
            raise VerdictError(
                f"{name}: {receipts[0].source} and {other.source} must not be averaged; they differ in "
                f"{'; '.join(apart[:_SHOWN])}{more}{_way_out(apart)}"
            )


def _way_out(apart: list[str]) -> str:
    """How to average all the same, where that is allowed."""
    parts = {line.split(":")[0].split(".")[0] for line in apart}
    return f" (--ignore {' --ignore '.join(sorted(parts))} does it all the same)" if parts <= IGNORABLE else ""


def _passed_over(receipts: Sequence[Receipt], ignore: Sequence[str]) -> list[str]:
    """What runs of one set differ in, and `ignore` let them be averaged all the same."""
    first, found = receipts[0], []
    for other in receipts[1:]:
        lines = [line for part in PARTS if part in ignore for line in _apart(first, other, part)]
        found += [f"{first.source} and {other.source}: {line}" for line in lines]
    return found


def _between(base: Receipt, new: Receipt, part: str) -> list[str]:
    """What sets the two sides apart in one part; nothing where a side's training is unknown, which is said apart."""
    unknown = part == "training" and None in (base.training, new.training)
    return [] if unknown else _apart(base, new, part)


def _apart(one: Receipt, other: Receipt, part: str) -> list[str]:
    mine, theirs = _signature(one)[part], _signature(other)[part]
    if part == "training" and (mine is None) != (theirs is None):
        return [f"training: unknown for {(one if mine is None else other).source}, known for the other"]
    return differences(mine, theirs, part)


def _signature(receipt: Receipt) -> dict[str, Any]:
    report = receipt.report
    environment = {key: value for key, value in report["environment"].items() if key != "cpus"}
    return {
        "code": report["code_sha256"],
        "config": report["config"],
        "data": {key: report[key] for key in ("data_sha256", "text", "tokens")} | {"bytes": receipt.divided_by},
        "environment": environment,
        "training": receipt.training,
    }


def differences(one: Any, other: Any, where: str) -> list[str]:
    """Every leaf in which two JSON values differ, as `path: one, other`."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(set(one) | set(other))
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{where}.{key}")]
    return [] if one == other else [f"{where}: {_short(one)}, {_short(other)}"]


def _short(value: Any) -> str:
    text = "nothing" if value is None else "given" if isinstance(value, dict) else str(value)
    return text if len(text) <= 16 else f"{text[:12]}…"


def _check_comparable(base: Receipt, new: Receipt, unit: Unit) -> None:
    if base.report["text"] != new.report["text"]:
        raise VerdictError(f"base and new were scored on different texts ({base.source}, {new.source})")
    if unit == "bpb" and base.divided_by != new.divided_by:
        raise VerdictError(
            f"base and new divide one text by different bytes, {base.divided_by} and {new.divided_by} "
            f"({base.source}, {new.source}): their bpb do not compare"
        )
    if unit == "nats" and base.report["tokens"] != new.report["tokens"]:
        raise VerdictError(
            "base and new cut the text into different tokens: nats a token do not compare; take --unit bpb"
        )
