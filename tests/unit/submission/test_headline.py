"""A claim is met where logs end; an earlier stage warns, and what is not understood is never a failure."""

import gzip
import json
import os

import hypothesis
import pytest
from hypothesis import strategies as st

from golfctl.auditing.rules import load_rules
from golfctl.cli.main import exit_code_of
from golfctl.submission.check import check_submission
from golfctl.submission.table import LINTS

RULES = load_rules()
STEP = "seed:1337\nTotal submission size int6: 15800000 bytes\nstep:70/200 val_loss:1.9100 val_bpb:1.1312\n"


@pytest.fixture
def record(tmp_path):
    """A function that writes a record with these logs and this claim and returns its folder."""

    def write(logs, bpb=1.1228, **claims):
        folder = tmp_path / "2026-04-01_Something"
        folder.mkdir(exist_ok=True)
        for name, text in {"README.md": "# x\n", "train_gpt.py": "print('x')\n"}.items():
            (folder / name).write_text(text)
        values = {"name": "x", "author": "A", "date": "2026-04-01", "val_bpb": bpb, "bytes_total": 15_800_000}
        (folder / "submission.json").write_text(json.dumps(values | claims))
        for name, text in ({"train_seed1337.log": logs} if isinstance(logs, str) else logs).items():
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    return write


def findings(folder):
    return {f.id: f for f in check_submission(folder, RULES).findings}


def claim(folder):
    return findings(folder)["T16-claim"].verdict.value


@pytest.mark.parametrize(
    "log",
    [
        "Step 1999 | Val Loss: 1.8958 | Val BPB: 1.1228\n",
        STEP + "final_int6_sliding val_loss:\x1b[36m1.8958\x1b[0m val_bpb:\x1b[1m1.1228\x1b[0m\n",
        '{"seed": 1337}\n{"step": 7, "val_loss": 1.91, "val_bpb": 1.1312}\n{"stage": "final", "val_bpb": 1.1228}\n',
        STEP + "final_sliding val_loss:1.9000 val_bpb:1.1253\nppm_mix_bpb:1.122800\n",
        "seed:1337\nstep:7/9 vl:1.91 bpb:1.1312\nttt_x vl:1.8958 bpb:1.12280000\n",
        STEP + "final_int6 val_bpb = 1.1228e+00\r\n",
        STEP + "int6 val_bpb:1.15\nint6 sliding window, Val_Bpb : 1.1228\ntotal seconds 7\n",
        STEP + "quantized bpb:1.15\nttt_chunk [1/9] bpb=1.3\nquantized_ttt bpb:1.1228\nttt_chunk [9/9] bpb=1.2\n",
    ],
)  # fmt: skip
def test_a_claim_that_stands_where_the_log_ends_passes(record, log):
    found = findings(record(log))
    assert {found[i].verdict.value for i in ("T16-claim", "T17-files", "T17-json")} == {"pass"}


@pytest.mark.parametrize(
    ("log", "stage"),
    [
        ("DIAGNOSTIC post_ema val_bpb:1.1228\nfinal_int6_roundtrip_exact val_bpb:1.143\n", "before quantisation"),
        ("pre-quant val_bpb:1.1228\nquantized val_bpb:1.143\nquantized_ttt val_bpb:1.13\n", "before quantisation"),
        ("int6 val_bpb:1.143\nint6_sliding val_bpb:1.1228\nttt val_bpb:1.2\n", "sliding window"),
        ("int6 val_bpb:1.1228\nint6_sliding val_bpb:1.1\n", "after quantisation"),
        ("step:200/200 val_bpb:1.1228\nint6_sliding val_bpb:1.1\n", "during training"),
        ("int6 val_bpb:1.143\nttt_chunk [7/9] bpb=1.1228\nttt val_bpb:1.14\n", "a part of the text"),
        ("ema bpb:1.1228\nint6 bpb:nan\n", "before quantisation"),
    ],
)
def test_a_claim_that_only_an_earlier_stage_meets_warns_and_names_it(record, log, stage):
    found = findings(record(STEP + log))["T16-claim"]
    assert found.verdict.value == "warn" and stage in found.detail


@pytest.mark.parametrize("last", ["1.143", "nan", "inf", "1.1328"])
def test_a_claim_that_stands_nowhere_fails(record, last):
    folder = record(STEP + f"step:90/200 val_bpb:1.1228\nstep:200/200 val_bpb:1.13\nfinal_int6 val_bpb:{last}\n")
    assert claim(folder) == "fail"  # a step in the middle of training is no evidence
    assert exit_code_of(["submission", "check", str(folder)]) == 6


@pytest.mark.parametrize(
    "log",
    [
        "final_int6 val_bpb:1.12.3\n", "final_int6 val_bpb:1.1228e\n", "final_int6 val_bpb:1.12abc\n",
        "final_int6 val_bpb:1,1228\n", "final_int6 val_bpb: 2026-04-01\n", "final_int6 val_bpb: 1.1228 -> 1.1\n",
        "the end: 1.1228\n", "BPB 1.1228\n", "bits per byte, at last: 1.1228\n", "| bpb | 1.1228 |\n",
        "val_bpb_final: 1.1228\n",        "a" * 70_000 + " val_bpb:1.1228\n", "int6 val_bpb:1.143\nttt val_bpb:1.12x\n",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_not_covered(record, log):
    for before in (STEP, ""):
        found = findings(record(before + log))
        assert found["T16-claim"].verdict.value == "not covered"
        assert {found[i].verdict.value for i in ("T17-files", "T16-seeds")} <= {"pass", "warn", "not covered"}


def test_logs_without_a_score_that_is_understood(record):
    folder = record({f"train_seed{i}.log": "alles gut\n" for i in range(3)}, seeds=[0, 1, 2])
    found = findings(folder)
    assert {found[i].verdict.value for i in ("T17-files", "T16-claim", "T16-seeds")} == {"not covered"}
    for path in folder.glob("*.log"):
        path.write_bytes(b"")
    assert findings(folder)["T17-files"].verdict.value == "fail"  # nothing was said


def run(bpb, ema=1.10):
    return f"step:0/9 val_bpb:4\nstep:9/9 val_bpb:1.2\nema bpb:{ema}\nint6 bpb:1.15\nint6 sliding bpb:{bpb}\n"


def test_means_over_seeds(record):
    logs = {f"train_seed{i}.log": run(bpb) for i, bpb in enumerate((1.10, 1.12, 1.16))}
    assert claim(record(logs, (1.10 + 1.12 + 1.16) / 3)) == "pass"
    assert claim(record(logs, 1.15)) == "warn" and claim(record(logs, 1.143)) == "fail"
    assert claim(record(logs, 1.11, seeds=[0, 1])) == "pass"  # of the seeds that it names


def test_several_logs_of_a_seed(record):
    logs = {"train_seed1.log": run(1.12), "train_seed1_again.log": run(1.18), "train_seed2.log": run(1.14)}
    assert claim(record(logs, 1.13)) == "pass" and claim(record(logs, 1.16)) == "pass"
    assert claim(record(logs, 1.22)) == "fail"


def test_several_runs_in_one_log(record):
    log = "".join(f"seed:{i}\n{run(bpb)}" for i, bpb in enumerate((1.10, 1.12, 1.16)))
    found = findings(record({"train.log": log}, (1.10 + 1.12 + 1.16) / 3, seeds=[0, 1, 2]))
    assert found["T16-claim"].verdict.value == "pass" and found["T16-seeds"].verdict.value == "pass"


def test_claimed_seeds_are_held_against_the_ends_of_logs(record):
    logs = {f"train_seed{i}.log": run(bpb, ema=1.05) for i, bpb in enumerate((1.10, 1.12))}
    assert claim(record(logs, 1.11, seed_results={"0": {"val_bpb": 1.10}, "1": {"val_bpb": 1.12}})) == "pass"
    assert claim(record(logs, 1.11, seed_results={"0": {"val_bpb": 1.10}, "1": {"val_bpb": 1.05}})) == "warn"
    assert claim(record(logs, 1.05, seed_results={"0": {"val_bpb": 1.05}, "1": {"val_bpb": 1.05}})) == "warn"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
@pytest.mark.parametrize("name", ["train.log", "logs/seed_1.txt", "run.jsonl", "train_log", "out.log.1", "Train.OUT"])
def test_logs_in_other_encodings_and_under_other_names(record, encoding, name):
    folder = record({})
    (folder / "logs").mkdir()
    (folder / name).write_bytes((STEP + "int6 val_bpb:1.1228\r\n").encode(encoding))
    assert claim(folder) == "pass"


def test_a_packed_log(record):
    assert claim(record({"train.log.gz": gzip.compress(b"int6 val_bpb:1.1228\n")})) == "pass"
    assert claim(record({"train.log.gz": b"\x1f\x8b broken", "b.log": "int6 bpb:1.2\n"})) == "not covered"


def test_links_are_not_followed_and_those_out_of_the_folder_are_named(record, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.log").write_text("int6 bpb:1.1228\n")
    folder = record(STEP + "int6 bpb:1.2\n")
    (folder / "inside.log").symlink_to(folder / "train_seed1337.log")
    assert findings(folder)["T17-files"].verdict.value == "pass"
    for name, target in (
        ("a.log", "../elsewhere/x.log"),
        ("dir", "../elsewhere"),
        ("loop", "loop"),
        ("gone", "nowhere"),
    ):
        (folder / name).symlink_to(target)
        found = findings(folder)
        assert found["T17-files"].verdict.value == "fail" and f"{name} is a link" in found["T17-files"].detail
        assert found["T16-claim"].verdict.value == "fail"
        (folder / name).unlink()


def test_a_pipe_in_the_folder_is_no_file(record):
    folder = record(STEP + "int6 bpb:1.1228\n")
    os.mkfifo(folder / "more.log")
    assert claim(folder) == "pass"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"val_bpb": 1.1, "val_bpb": 1.2, "bytes_total": 5}', "val_bpb stands there twice"),
        ('{"a": {"b": 1, "b": 2}, "val_bpb": 1.1, "bytes_total": 5}', "b stands there twice"),
        ('{"val_bpb": [1.1], "bytes_total": 5}', "val_bpb is a list"),
        ('{"val_bpb": {"mean": {"x": 1.1}}, "bytes_total": 5}', "val_bpb is a dict"),
        ('{"val_bpb": ' + "[" * 900 + "]" * 900 + ', "bytes_total": 5}', "val_bpb is a list"),
        ('{"val_bpb": true, "bytes_total": 5}', "val_bpb is True"),
        ('{"val_bpb": Infinity, "bytes_total": 5}', "val_bpb is inf"),
        ('{"val_bpb": 1.1, "bytes_total": ' + "9" * 5000 + "}", "does not parse"),
        ('{"val_bpb": "\\ud800", "bytes_total": 5}', "val_bpb is"),
        ('{"val_bpb": 1.1, "\\u001b[31mbytes_\\u202e": "x", "\\u001b[31mbytes_\\u202e": 2}', "twice"),
    ],
    ids=lambda text: text[:24],
)
def test_odd_json_is_named_and_shown_without_steering_the_terminal(record, capsysbinary, text, says):
    folder = record(STEP + "int6 bpb:1.1228\n")
    (folder / "submission.json").write_text(text)
    found = findings(folder)["T17-json"]
    assert found.verdict.value == "fail" and says in found.detail
    for more in ((), ("--json",), ("--details",)):
        exit_code_of(["submission", "check", str(folder), *more])
        out = b"".join(capsysbinary.readouterr())
        assert b"\x1b" not in out and "\u202e".encode() not in out and b"Traceback" not in out


def test_the_only_other_submission_json_is_read_and_its_name_is_a_fault(record):
    folder = record(STEP + "int6 bpb:1.1228\n")
    (folder / "submission.json").rename(folder / "submission_int6.json")
    found = findings(folder)
    assert "there is submission_int6.json" in found["T17-files"].detail
    assert found["T17-json"].verdict.value == "pass" and found["T16-claim"].verdict.value == "pass"


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_log_and_no_json_ends_in_a_crash(tmp_path_factory, log, text):
    folder = tmp_path_factory.mktemp("r")
    (folder / "train.log").write_bytes(b"val_bpb:" + log)
    (folder / "submission.json").write_bytes(b'{"val_bpb": 1.1, "seeds": ' + text)
    assert set(findings(folder)) == set(LINTS)
