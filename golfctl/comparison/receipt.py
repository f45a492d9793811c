"""One run to be compared: its eval report and, where its journal lies beside it, the receipts of how it was made."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from golfctl.core.canonical import sha256_json
from golfctl.core.files import read_bytes
from golfctl.core.journal import Record, read_journal
from golfctl.errors import InputError

_LIMIT_BYTES, _LARGEST, _SHOWN = 64 << 20, 1e15, 40
_FIGURES, _TEXTS = ("val_loss", "val_bpb", "tokens"), ("artifact_sha256", "data_sha256", "text", "code_sha256")
_TABLES = ("config", "environment")
_DIVISORS = ("carried_bytes", "raw_bytes")  # what val_bpb is divided by: the first of these that a report has
_ROUNDING = 1e-9  # of figures whose sums are in float64


class Receipt(NamedTuple):
    """`source` names the file for messages; `training` is the recipe without its seed, None where no journal is."""

    source: str
    report: dict[str, Any]
    training: dict[str, Any] | None
    seed: Any
    chained: bool

    @property
    def divided_by(self) -> int | None:
        """Bytes that `val_bpb` was divided by, which its figures agree with; None where the report states none."""
        name = _divisor(self.report)
        return None if name is None else int(self.report[name])

    @property
    def documents(self) -> tuple[list[int], list[float]] | None:
        """Divisor in bytes and bits of every document, in the order of the text; None where the report has none."""
        listed = self.report.get("by_document")
        name = _divisor(self.report)
        if name is None or not listed or not listed["bits"]:
            return None
        return listed[name], listed["bits"]


def read_receipt(path: Path) -> Receipt:
    """Read a report file, or a run folder's last evaluation.

    A report that cites `journal_head` is checked against the journal beside it.

    Raises:
        InputError: no such file, not a report, a report without what comparing needs, or one its journal contradicts.
    """
    path = Path(path)
    if path.is_dir():
        return _from_run(path)
    try:
        report = json.loads(read_bytes(path, _LIMIT_BYTES))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON report: {error}") from error
    _check(report, str(path))
    journal = path.parent / "journal.jsonl"
    records = read_journal(journal).records if journal.exists() else []
    cited = _cited(records, report, str(path))
    return _receipt(str(path), report, records, cited is not None)


def _from_run(folder: Path) -> Receipt:
    journal = folder / "journal.jsonl"
    if not journal.exists():
        raise InputError(f"{folder}: no journal.jsonl: name the report of an evaluation instead")
    records = read_journal(journal).records
    evals = [record for record in records if record.kind == "eval"]
    if not evals:
        raise InputError(f"{folder}: its journal holds no evaluation yet: run `golfctl eval`")
    _check(evals[-1].body, str(folder))
    return _receipt(str(folder), evals[-1].body, records, True)


def _cited(records: list[Record], report: dict[str, Any], where: str) -> Record | None:
    """The record that the report cites, if its journal is here.

    Raises:
        InputError: the journal has that record but other figures, or no such record.
    """
    head = report.get("journal_head")
    if not records or head is None:
        return None
    found = next((record for record in records if record.hash == head), None)
    if found is None:
        raise InputError(f"{where}: cites receipt {str(head)[:12]}…, which the journal beside it does not hold")
    mine = {key: value for key, value in report.items() if key != "journal_head"}
    theirs = {key: value for key, value in found.body.items() if key in mine}
    if sha256_json(mine) != sha256_json(theirs):
        changed = sorted(key for key in mine if mine[key] != theirs.get(key))
        raise InputError(f"{where}: differs from its own receipt in {', '.join(changed[:3])}")
    return found


def _receipt(source: str, report: dict[str, Any], records: list[Record], chained: bool) -> Receipt:
    starts = [record.body for record in records if record.kind == "train.start" and "recipe" in record.body]
    starts = starts or [record.body for record in records if "recipe" in record.body]
    if not starts:
        return Receipt(source, report, None, None, chained)
    recipe, data = starts[-1]["recipe"], starts[-1].get("data", {})
    train = recipe.get("train", {}) if isinstance(recipe, dict) else None
    if not isinstance(train, dict) or not isinstance(data, dict):
        raise InputError(f"{source}: the journal beside it does not hold a recipe of golfctl's")
    rest = {**recipe, "train": {key: value for key, value in train.items() if key != "seed"}}
    return Receipt(source, report, {"recipe": rest, "data": data.get("digest")}, train.get("seed"), chained)


def _check(report: Any, where: str) -> None:
    """Raises InputError where a report lacks what comparing reads, or has it in another form."""
    values = report if isinstance(report, dict) else {}
    missing = [key for key in (*_FIGURES, *_TEXTS, *_TABLES) if key not in values]
    if missing:
        raise InputError(
            f"{where}: not an eval report of golfctl (no {', '.join(missing[:3])}): `golfctl eval --report`"
        )
    wrong = [key for key in _FIGURES if not _is_figure(values[key])]
    wrong += [key for key in _TEXTS if not isinstance(values[key], str)]
    wrong += [key for key in _TABLES if not isinstance(values[key], dict)]
    wrong += [] if isinstance(values.get("reasons", []), list) else ["reasons"]
    if wrong:
        said = repr(values[wrong[0]])[:_SHOWN]
        raise InputError(f"{where}: no report as golfctl writes it: {wrong[0]} is {said}; score the artifact again")
    _check_division(values, where)
    _check_documents(values, where)


def _check_documents(report: dict[str, Any], where: str) -> None:
    """Raises InputError where the documents that a report lists do not add up to its figures."""
    listed, name = report.get("by_document"), _divisor(report)
    if name is None or listed is None:
        return
    columns = [listed.get(key) for key in ("bits", name)] if isinstance(listed, dict) else []
    lists = [column for column in columns if isinstance(column, list) and all(map(_counts, column))]
    if len(lists) != 2 or len(lists[0]) != len(lists[1]):
        raise InputError(f"{where}: by_document does not hold bits and bytes of documents; score the artifact again")
    bits, held = lists
    total = report["val_loss"] * report["tokens"] / math.log(2.0)
    slack = _ROUNDING * total + 0.001 * len(bits)  # bits are written to three decimals
    if bits and (sum(held) != report[name] or abs(sum(bits) - total) > slack):
        raise InputError(f"{where}: its documents do not add up to its score: these figures are not of one evaluation")


def _check_division(report: dict[str, Any], where: str) -> None:
    """Raises InputError where val_bpb does not follow from val_loss, tokens and the bytes stated beside them."""
    name = _divisor(report)
    if name is None:
        return
    implied = report["val_loss"] * report["tokens"] / (math.log(2.0) * report["val_bpb"])
    if not _is_figure(report[name]) or not math.isclose(implied, report[name], rel_tol=_ROUNDING):
        raise InputError(
            f"{where}: val_bpb is not val_loss · tokens / (ln 2 · {name}): these figures are not of one evaluation; "
            "score the artifact again"
        )


def _divisor(report: dict[str, Any]) -> str | None:
    return next((name for name in _DIVISORS if name in report), None)


def _counts(value: Any) -> bool:
    return _is_figure(value) or (type(value) in (int, float) and value == 0)


def _is_figure(value: Any) -> bool:
    """A positive number that can be reckoned with."""
    return type(value) in (int, float) and 0 < value < _LARGEST
