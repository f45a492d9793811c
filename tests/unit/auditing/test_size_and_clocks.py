"""Bytes and seconds at their limits, and what the journal says of them."""

import pytest

from golfctl.artifact import write_artifact
from golfctl.auditing.checks import clocks, size
from golfctl.auditing.finding import Verdict
from golfctl.auditing.own.subject_of_artifact import counted_files
from golfctl.auditing.receipts import byte_claim, phase_seconds
from golfctl.auditing.rules import load_rules
from golfctl.auditing.subject import CountedFile
from golfctl.core.journal import Journal, read_journal
from tests.samples import sample_draft

RULES = load_rules()
CAP = RULES.limits.counted_bytes


def judged(total, holds=("model", "code", "tokenizer")):
    return size.judge([CountedFile("m.golf", total, holds)], RULES)


def test_one_byte_over_the_cap_fails():
    assert judged(CAP - 20_000).verdict is Verdict.PASS
    assert judged(CAP).verdict is Verdict.WARN  # fits, with nothing to spare
    outcome = judged(CAP + 1)
    assert outcome.verdict is Verdict.FAIL and "over by 1" in outcome.detail and "16 MiB" in outcome.detail
    assert "16 MiB" not in judged(17_000_000).detail


def test_code_that_is_not_counted_is_said_and_code_that_is_can_put_it_over():
    """#1959: 15,976,086 and 66,546 bytes of code."""
    model = CountedFile("m.golf", 15_976_086, ("model", "tokenizer"))
    outcome = size.judge([model], RULES)
    assert outcome.verdict is Verdict.WARN and "code not counted" in outcome.detail
    assert size.judge([model, CountedFile("train_gpt.py", 66_546, ("code",))], RULES).verdict is Verdict.FAIL


def test_sizes_come_from_disk_and_kinds_from_the_manifest(tmp_path):
    path, code = tmp_path / "m.golf", tmp_path / "extra.py"
    write_artifact(path, sample_draft())
    code.write_text("x = 1\n")
    files = counted_files(path, [code])
    assert files[0].bytes == path.stat().st_size and {"model", "code", "tokenizer"} <= set(files[0].holds)
    assert files[-1] == CountedFile("extra.py", 6, ("code",))


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        ({"training": 599.9, "evaluation": 500.0}, Verdict.PASS),
        ({"training": 600.1, "evaluation": 500.0}, Verdict.FAIL),
        ({"training": 500.0, "evaluation": 571.0}, Verdict.WARN),
        ({"training": 500.0, "evaluation": 616.0}, Verdict.FAIL),
        ({}, Verdict.NOT_COVERED),
    ],
)
def test_clocks(seconds, verdict):
    assert clocks.judge(seconds, RULES).verdict is verdict


def journal_records(tmp_path, calibration="train:65536", calibration_seconds=4.0):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("train.end", {"seconds": 598.0})
    pack = {"artifact_sha256": "a", "pack": {"calibration": calibration}, "calibration_seconds": calibration_seconds}
    journal.append("pack", pack)
    body = {"artifact_sha256": "a", "documents": 9, "raw_bytes": 100, "billed_bytes": 99, "tokens": 40, "text": "t"}
    journal.append("eval", {**body, "seconds": {"total": 31.5}})
    journal.append("eval", {**body, "documents": 2, "seconds": {"total": 7.0}})
    journal.append("eval", {**body, "artifact_sha256": "b", "seconds": {"total": 1.0}})
    return read_journal(tmp_path / "journal.jsonl").records


def test_training_that_overruns_by_its_calibration_fails(tmp_path):
    """#1956: the clock stopped in time, what came after touched training data."""
    seconds = phase_seconds(journal_records(tmp_path), "a")
    assert seconds["training"] == 602.0 and seconds["calibration"] == 4.0
    assert clocks.judge(seconds, RULES).verdict is Verdict.FAIL


def test_calibration_is_what_the_receipt_says_it_was(tmp_path):
    """Settings left to their default name no source; the receipt of `pack` does."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("train.end", {"seconds": 598.0})
    body = {"artifact_sha256": "a", "pack": {"calibration": None}, "calibration_seconds": 4.0}
    journal.append("pack", {**body, "calibration": {"source": "train", "dataset": "d", "seed": 0}})
    journal.append("pack", {**body, "artifact_sha256": "b", "calibration": {"source": "none"}})
    records = read_journal(tmp_path / "journal.jsonl").records
    assert phase_seconds(records, "a")["training"] == 602.0 and phase_seconds(records, "b")["training"] == 598.0


def test_calibration_on_the_models_own_text_is_no_training_data(tmp_path):
    assert phase_seconds(journal_records(tmp_path, "self:65536"), "a")["training"] == 598.0


def test_the_byte_claim_is_that_of_the_whole_text(tmp_path):
    records = journal_records(tmp_path)
    assert byte_claim(records, "a", 9) == (100, 99, 40, "t", None)
    assert byte_claim(records, "a", 5) is None and byte_claim(records, "c", 9) is None
