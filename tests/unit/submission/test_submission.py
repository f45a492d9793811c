"""Record folders: a sound one passes, and each known fault is found by the lint that is there for it."""

import json
import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from golfctl.auditing.rules import load_rules
from golfctl.cli.main import exit_code_of
from golfctl.submission.check import check_submission
from golfctl.submission.claims import read_claims
from golfctl.submission.table import LINTS

RULES = load_rules()
CODE = "import torch\n\nprint('train')\n"
BPB = {1: 1.1191, 2: 1.1195, 3: 1.1199}


def log(seed, bpb, size=15_900_000, train_ms=599_000, eval_ms=70_000, tokens=62_021_632, ratio=2.44):
    import math

    loss = bpb * math.log(2) * ratio
    return (
        f"seed:{seed}\nval_loader:shards tokens:{tokens}\n"
        f"step:100/100 val_loss:2.0 val_bpb:1.2 train_time:{train_ms}ms\nCode size: {len(CODE)} bytes\n"
        f"Total submission size int6+lzma: {size} bytes\n"
        f"final_sliding val_loss:{loss:.8f} val_bpb:{bpb:.8f} eval_time:{eval_ms}ms\n"
    )


@pytest.fixture
def record(tmp_path):
    folder = tmp_path / "2026-04-01_Something"
    folder.mkdir()
    (folder / "README.md").write_text("# Something\n")
    (folder / "train_gpt.py").write_text(CODE)
    for seed, bpb in BPB.items():
        (folder / f"train_seed{seed}.log").write_text(log(seed, bpb))
    claim(folder)
    return folder


def claim(folder, **changes):
    values = {"name": "Something", "author": "A", "date": "2026-04-01", "val_bpb": 1.1195, "bytes_total": 15_900_000,
              "seeds": [1, 2, 3]}  # fmt: skip
    (folder / "submission.json").write_text(json.dumps(values | changes))


def verdicts(folder):
    return {f.id: f.verdict.value for f in check_submission(folder, RULES).findings}


def test_a_sound_record_passes_everything(record):
    assert set(verdicts(record).values()) == {"pass"}
    assert exit_code_of(["submission", "check", str(record)]) == 0


def test_a_claim_off_by_two_thousandths_fails(record, capsys):
    claim(record, val_bpb=1.1175)
    assert verdicts(record)["T16-claim"] == "fail"
    assert exit_code_of(["submission", "check", str(record), "--json"]) == 6
    found = {f["id"]: f for f in json.loads(capsys.readouterr().out)["findings"]}
    assert found["T16-claim"]["rests_on"] == "rule" and found["T16-claim"]["value"] > 0.001


def test_a_claim_within_rounding_passes(record):
    claim(record, val_bpb=1.12)
    assert verdicts(record)["T16-claim"] == "pass"


def test_one_byte_over_the_cap_fails(record):
    claim(record, bytes_total=16_000_000)
    assert verdicts(record)["T6-claimed"] == "warn"
    claim(record, bytes_total=16_000_001)
    assert verdicts(record)["T6-claimed"] == "fail"


def test_an_over_cap_run_among_the_logs_fails(record):
    (record / "train_seed2.log").write_text(log(2, BPB[2], size=16_071_321))
    assert verdicts(record)["T6-logged"] == "fail"


def test_a_forgotten_code_file_fails(record):
    """#1959: the model alone was under the cap; the code put it over."""
    (record / "model.ptz").write_bytes(b"\1" * 15_500_000)
    (record / "train_gpt.py").write_text(CODE + "#" * 600_000)
    found = {f.id: f for f in check_submission(record, RULES).findings}
    assert found["T6-code"].verdict.value == "fail" and "model.ptz" in found["T6-code"].detail


@pytest.mark.parametrize("text", ["LIMIT = 16 * 1024 * 1024", "LIMIT = 16777216", "LIMIT = 16 << 20", "L = 16_777_216"])
def test_a_mebibyte_cap_in_the_code_warns(record, text):
    (record / "train_gpt.py").write_text(f"{text}\n")
    assert verdicts(record)["T18-cap"] == "warn"


def test_training_that_overruns_by_its_calibration_fails(record):
    text = log(1, BPB[1]) + "calibration: generated our own texts in 190.2s\n"
    (record / "train_seed1.log").write_text(text)
    assert verdicts(record)["T15-training"] == "fail"
    (record / "train_seed1.log").write_text(log(1, BPB[1], train_ms=600_400))
    assert verdicts(record)["T15-training"] == "warn"  # the step under way when the clock ran out


def test_evaluation_time_strict_and_lenient(record):
    more = "final_ttt val_loss:1.9 val_bpb:1.13 eval_time:560000ms\n"
    (record / "train_seed1.log").write_text(more + log(1, BPB[1]))
    assert verdicts(record)["T15-evaluation"] == "warn"
    (record / "train_seed1.log").write_text(log(1, BPB[1], eval_ms=616_000))
    assert verdicts(record)["T15-evaluation"] == "fail"


def test_truncated_validation_fails(record):
    """#1923: a fifth of the split."""
    for seed, bpb in BPB.items():
        (record / f"train_seed{seed}.log").write_text(log(seed, bpb, tokens=9_662_464))
    assert verdicts(record)["T5-tokens"] == "fail"


def test_the_double_space_bug_shows_in_the_ratio(record):
    for seed, bpb in BPB.items():
        (record / f"train_seed{seed}.log").write_text(log(seed, bpb, ratio=4.386))
    assert verdicts(record)["T5-ratio"] == "fail"


@pytest.mark.parametrize(
    "changes", [{"three_seeds": True, "seeds": None}, {"seeds": [1, 2, 3, 4]}, {"name": "X, 5 seeds"}]
)
def test_more_seeds_named_than_shown_fails(record, changes):
    if "three_seeds" in changes:
        (record / "train_seed2.log").unlink()
        (record / "train_seed3.log").unlink()
    claim(record, **changes)
    assert verdicts(record)["T16-seeds"] == "fail"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'\xef\xbb\xbf{"val_bpb": 1.1}', "does not parse"),
        (b'{"val_bpb": 1.1,}', "does not parse"),
        (b"", "does not parse"),
        (b"[1]", "no object"),
        (b'{"val_bpb": null, "bytes_total": 5}', "val_bpb is None"),
        (b'{"val_bpb": "1.1195", "bytes_total": 5}', "val_bpb is text"),
        (b'{"val_bpb": NaN, "bytes_total": 5}', "val_bpb is nan"),
        (b'{"val_bpb": 1.1}', "no size"),
        (b"[" * 100_000, "does not parse"),
    ],
)
def test_bad_json_is_named(record, data, says):
    (record / "submission.json").write_bytes(data)
    found = {f.id: f for f in check_submission(record, RULES).findings}["T17-json"]
    assert found.verdict.value == "fail" and says in found.detail


def test_missing_files_and_logs_are_named(record):
    for name in ("README.md", "train_seed1.log", "train_seed2.log", "train_seed3.log"):
        (record / name).unlink()
    found = {f.id: f for f in check_submission(record, RULES).findings}["T17-files"]
    assert "no README.md" in found.detail and "no log" in found.detail


def test_code_that_unpacks_itself_is_only_hinted_at(record):
    (record / "train_gpt.py").write_text("import lzma, base64\nexec(lzma.decompress(base64.b85decode('')))\n")
    assert verdicts(record)["T18-opaque"] == "warn"


@pytest.mark.parametrize(
    "line",
    [
        "nll = torch.minimum(nll_lm, nll_ngram)",
        "nll = np.where(nll_a < nll_b, nll_a, nll_b)",
        "key = ctx_hash ^ (tgt * 2654435761)",
        "gate = is_word_start[tgt]",
        "slot_steps = 5",
        "best_nll = min(best_nll, nll)",
    ],
)
def test_forms_that_were_argued_about_are_pointed_at_and_no_more(record, line):
    (record / "train_gpt.py").write_text(f"import torch\n\n{line}\n")
    found = {f.id: f for f in check_submission(record, RULES).findings}["T18-hints"]
    assert found.verdict.value == "warn" and "train_gpt.py:3 " in found.detail


@pytest.mark.parametrize("line", ["loss = min(losses)", "n_bytes = has_leading_space_lut[tgt_ids]", "x = a ^ b * c"])
def test_ordinary_lines_are_not(record, line):
    (record / "train_gpt.py").write_text(f"{line}\n")
    assert verdicts(record)["T18-hints"] == "pass"


@pytest.mark.parametrize("piece", ["gate", "gate=a[", "min(nll", "min(nll,", "^tgt[", "^tgt.a()", "where(nll<", "xor"])
def test_code_made_to_be_slow_is_not(record, piece):
    """A hundred thousand times the beginning of a hint: linear work, so the suite does not stand still."""
    (record / "train_gpt.py").write_text(piece * 100_000)
    assert verdicts(record)["T18-hints"] in ("pass", "warn")


def test_an_empty_folder_fails_without_a_crash(tmp_path):
    assert set(verdicts(tmp_path)) == set(LINTS) and verdicts(tmp_path)["T17-files"] == "fail"
    assert exit_code_of(["submission", "check", str(tmp_path / "nowhere")]) == 3


KEYS = st.sampled_from(
    ["val_bpb", "seeds", "seed_results", "bytes_total", "artifact_bytes", "val_loss", "name", "42", "n_seeds"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@hypothesis.given(st.dictionaries(KEYS, JSON, max_size=6))
def test_any_json_can_be_read(values):
    read_claims(values, "some_3seed_name")


@pytest.mark.parametrize(
    "values",
    [
        {"val_bpb": 1e-320, "val_loss": 1e300},
        {"val_bpb": 1e300, "bytes_total": 1e300},
        {"name": "\ud800", "author": 5, "date": "\udfff"},
        {"val_bpb": "\x1b[31m\nred"},
    ],
    ids=repr,
)
def test_any_claim_ends_in_strict_json(record, capsys, values):
    claim(record, **values)
    exit_code_of(["submission", "check", str(record), "--json"])
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["findings"]


@pytest.mark.parametrize("name", [b"b\xff.log", b"a\nb\x1b[31m.log", "é ☃.log".encode()])
def test_names_of_files_are_shown_without_steering_the_terminal(record, capsysbinary, name):
    path = os.fsdecode(os.fsencode(record) + b"/" + name)
    Path(path).write_text(log(4, 1.12, size=18_000_000))
    for more in ((), ("--json",)):
        assert exit_code_of(["submission", "check", str(record), *more]) == 6
        out = capsysbinary.readouterr().out
        assert b"\x1b" not in out and out.decode("utf-8").count("18,000,000")


@pytest.mark.parametrize(
    "text",
    [
        "gptq calibrated " * 100_000,
        "gptq" * 200_000,
        "val_loader " * 100_000,
        "total submission size" * 50_000,
        "val_bpb: " + "9" * 400 + "\nval_loss: " + "9" * 400 + " val_bpb: 0.0\ntrain_time:" + "9" * 400 + "ms\n",
        "total submission size x: " + "9" * 5000 + " bytes\nval_tokens: " + "9" * 5000 + "\n",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_logs_are_read_to_their_end(record, text):
    """In linear time: where a repetition is not bounded, these take hours."""
    (record / "more.log").write_text(text)
    assert len(verdicts(record)) == len(LINTS)


def test_a_huge_json_is_not_read(record):
    with (record / "submission.json").open("wb") as stream:
        stream.truncate(1 << 36)
    assert verdicts(record)["T17-json"] == "fail"


def test_a_folder_without_end_is_named(record, monkeypatch):
    def too_deep(self, pattern):
        raise OSError(36, "File name too long")

    monkeypatch.setattr(Path, "rglob", too_deep)
    assert exit_code_of(["submission", "check", str(record)]) == 3


def test_the_report_is_never_written_into_the_record(record):
    before = (record / "submission.json").read_bytes()
    for name in ("submission.json", "new.json"):
        assert exit_code_of(["submission", "check", str(record), "--report", str(record / name)]) == 2
    assert (record / "submission.json").read_bytes() == before and not (record / "new.json").exists()


def test_rules_without_data_know_no_split(record):
    found = {f.id: f for f in check_submission(record, RULES.model_copy(update={"data": ()})).findings}
    assert found["T5-tokens"].verdict.value == "not covered" and found["T5-ratio"].verdict.value == "warn"
