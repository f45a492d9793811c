"""`golfctl eval` as people type it: defaults, stacks, ladder, ranks, receipts, and how bad input ends."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from golfctl.cli.main import exit_code_of
from golfctl.cli.schema_table import schema_of
from golfctl.core.journal import read_journal
from golfctl.evaluation.resume import Savepoint
from tests.cli.conftest import LINE
from tests.holding import holding
from tests.patience import HANG_SECONDS

SMALL = ("--stride", "16", "--batch", "4", "--quiet")


def evaluated(capsys, *arguments):
    capsys.readouterr()
    assert exit_code_of(["eval", *SMALL, "--json", *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_of("eval-report")).validate(report)
    return report


def test_with_no_argument_the_latest_artifact_is_scored_on_its_own_data(folder, capsys):
    assert exit_code_of(["eval", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert "runs/tiny/model.golf" in err and "data/books" in err
    assert "val_bpb" in out and "standard error" in out and "honest          yes" in out


def test_the_report_is_written_and_its_receipt_joins_the_journal(folder, capsys, tmp_path):
    report = evaluated(capsys, "--report", str(tmp_path / "r.json"))
    assert json.loads((tmp_path / "r.json").read_text()) == report
    assert report["config"]["seq_len"] == 64 and report["config"]["stride"] == 16 and report["config"]["batch"] == 4
    assert report["source"]["kind"] == "artifact" and report["raw_bytes"] == report["billed_bytes"]
    last = read_journal(folder / "runs/tiny/journal.jsonl").records[-1]
    assert last.kind == "eval" and last.hash == report["journal_head"]
    assert last.body["val_bpb"] == report["val_bpb"] and last.body["artifact_sha256"] == report["artifact_sha256"]


def test_a_checkpoint_is_scored_for_comparison_and_leaves_no_receipt(folder, capsys):
    before = len(read_journal(folder / "runs/tiny/journal.jsonl").records)
    report = evaluated(capsys, "runs/tiny/checkpoint-0000003.safetensors")
    assert report["source"]["kind"] == "checkpoint" and "journal_head" not in report
    assert len(read_journal(folder / "runs/tiny/journal.jsonl").records) == before
    assert abs(report["val_bpb"] - evaluated(capsys)["val_bpb"]) < 0.1


STACK = ("--ttt", "--slot-steps", "2", "--ngram", "4", "--calibrate", "--set", "eval.ttt.chunk=256")


def test_a_stack_in_the_order_of_the_readme(folder, capsys):
    report = evaluated(capsys, *STACK)
    assert report["honest"] is True and report["val_bpb"] < evaluated(capsys)["val_bpb"]
    assert report["config"]["slot"]["form"] == "causal" and report["config"]["ngram"]["order"] == 4


def test_the_ladders_rungs_are_the_stacks_themselves(folder, capsys):
    rungs = evaluated(capsys, *STACK, "--ladder")["ladder"]
    assert [r["name"] for r in rungs] == ["sliding", "+ ttt", "+ slot", "+ ngram", "+ calibrate"]
    chunk = ("--set", "eval.ttt.chunk=256")
    alone = [evaluated(capsys), evaluated(capsys, "--ttt", *chunk), evaluated(capsys, *STACK)]
    for rung, report in zip((rungs[0], rungs[1], rungs[4]), alone, strict=True):
        assert rung["val_bpb"] == pytest.approx(report["val_bpb"], abs=1e-6)
    assert rungs[4]["all"] == pytest.approx(rungs[4]["val_bpb"] - rungs[0]["val_bpb"], abs=1e-12)


def test_a_ladder_is_drawn(folder, capsys, tmp_path):
    report = evaluated(capsys, "--ngram", "3", "--ladder", "--plot", str(tmp_path / "p.png"))
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert sum(row["documents"] for row in report["by_length"]) == report["documents"]
    assert exit_code_of(["eval", *SMALL, "--plot", "p.gif"]) == 2
    assert ".png" in capsys.readouterr().err


def test_strict_and_fast_agree(folder, capsys):
    short = ("--set", "eval.max_tokens=150")
    fast, strict = evaluated(capsys, *short), evaluated(capsys, *short, "--strict")
    assert fast["val_loss"] == pytest.approx(strict["val_loss"], abs=1e-5) and fast["tokens"] == strict["tokens"] == 149
    assert "one at a time" in strict["properties"]["causal"]["how"]
    assert strict["stepwise"]["lanes"] == 1 and strict["stepwise"]["rows_with_less_context"] == 0


def test_lanes_say_what_they_cost(folder, capsys):
    options = ("--stepwise", "--lanes", "3", "--ngram", "3", "--set", "eval.max_tokens=300")
    report = evaluated(capsys, *options)
    assert report["honest"] is True and report["tokens"] == 299
    assert report["properties"]["causal"]["how"] == "stepwise: 3 lanes, tokens handed out one at a time"
    found = report["stepwise"]
    assert found["protocol"] == "step/1" and found["lanes"] == 3 and 0 < found["rows_with_less_context"] < 299
    assert found["mean_context"] < found["mean_context_of_one_lane"]
    assert exit_code_of(["eval", *SMALL, *options]) == 0
    assert "stepwise        step/1, lanes: 3; a row sees" in capsys.readouterr().out


LEAKS = {
    "fits one offset on the targets": ("eval.slot.form=shared", "eval.slot.steps=1"),
    "an offset and a bias on exactly": ("eval.slot.form=per-sample", "eval.slot.steps=1"),
    "rows do not sum to one": ("eval.ngram.form=target-keyed", "eval.ngram.order=3"),
    "trains on every target": ("eval.adapt_then_score=true", "eval.ttt.chunk=256"),
    "scored several times": ("eval.tail=reference",),
}


@pytest.mark.parametrize("reason", LEAKS)
def test_leaking_forms_are_labelled_everywhere_and_refused_for_comparison(folder, capsys, tmp_path, reason):
    short, path = ("--set", "eval.max_tokens=600"), tmp_path / "leak.json"
    leak = [*short, *(part for value in LEAKS[reason] for part in ("--set", value))]
    assert exit_code_of(["eval", *SMALL, *leak]) == 3
    assert "--allow-leaks" in capsys.readouterr().err
    assert exit_code_of(["eval", *SMALL, *leak, "--allow-leaks", "--report", str(path)]) == 0
    out = capsys.readouterr().out
    assert "honest          NO" in out and "NO VALID SCORE" in out and reason in out
    report = json.loads(path.read_text())
    assert report["honest"] is False and reason in report["reasons"][0]
    assert read_journal(folder / "runs/tiny/journal.jsonl").records[-1].kind == "eval.leaking"
    evaluated(capsys, *short, "--report", str(tmp_path / "plain.json"))
    assert exit_code_of(["compare", str(tmp_path / "plain.json"), "--", str(path)]) == 6
    assert "no valid score to compare" in capsys.readouterr().err


def test_a_recipe_is_taken_by_its_name(folder, capsys, tmp_path):
    """`eval/pr1128` is what the submission ran, which leaks; `pr1128` trains, and has the honest form in its [eval]."""
    short = ("--set", "eval.max_tokens=600", "--set", "eval.seq_len=64", "--set", "eval.ttt.chunk=256")
    for name, honest in (("eval/pr1128", False), ("pr1128", True)):
        path = tmp_path / "report.json"
        assert exit_code_of(["eval", *SMALL[:4], "--recipe", name, *short, "--report", str(path)]) == 0
        assert f"recipe: {name}, which comes with golfctl" in capsys.readouterr().err
        assert json.loads(path.read_text())["honest"] is honest
    assert exit_code_of(["eval", "--recipe", "pr1127"]) == 3
    assert "and no packaged recipe of that name; did you mean 'pr1128'?" in capsys.readouterr().err


@pytest.mark.slow
def test_two_ranks_lose_and_double_nothing(folder, capsys, tmp_path):
    one = evaluated(capsys, *STACK)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "-m", "golfctl", "eval", *SMALL, *STACK, "--report", str(tmp_path / "two.json")],
        capture_output=True, text=True, env=environment, timeout=HANG_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    two = json.loads((tmp_path / "two.json").read_text())
    assert two["world"] == 2 and two["tokens"] == one["tokens"] and two["honest"] is True
    assert two["val_bpb"] == pytest.approx(one["val_bpb"], abs=1e-6)
    assert done.stdout.count("val_loss") == 1
    offsets = [report["state"]["parts"]["slot"]["how"].split(",")[0] for report in (one, two)]
    assert offsets[0] == offsets[1] and "offsets fitted" in offsets[0]


def test_the_estimate_scores_a_slice_and_leaves_no_receipt(folder, capsys):
    before = len(read_journal(folder / "runs/tiny/journal.jsonl").records)
    assert exit_code_of(["eval", *SMALL, "--ttt", "--estimate", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_of("eval-estimate")).validate(found)
    assert found["slice_rows"] < found["rows"] and found["seconds"] > found["slice_seconds"]
    assert len(read_journal(folder / "runs/tiny/journal.jsonl").records) == before
    assert exit_code_of(["eval", *SMALL, "--estimate"]) == 0
    assert "tokens/s" in capsys.readouterr().out


def test_a_deadline_switches_adaptation_off_and_says_when(folder, capsys):
    chunk = ("--ttt", "--set", "eval.ttt.chunk=256", "--set", "eval.ttt.lr=0.05")
    cut = evaluated(capsys, *chunk, "--deadline", "0")
    assert cut["deadline"]["adaptation_off_at_row"] < 256
    assert cut["val_loss"] == pytest.approx(evaluated(capsys)["val_loss"], abs=1e-6)
    whole = evaluated(capsys, *chunk, "--deadline", "1000")
    assert whole["deadline"]["adaptation_off_at_row"] is None and whole["val_loss"] != cut["val_loss"]


def test_outputs_that_would_destroy_or_do_nothing_are_refused_before_scoring(folder, capsys):
    artifact = Path("runs/tiny/model.golf")
    before = artifact.read_bytes()
    for flags, message in (
        (("--report", str(artifact)), "that is the file that is scored; name another file"),
        (("--report", "runs"), "--report runs: that is no file"),
        (("--report", "same.json", "--resume", "same.json"), "also the file of --report"),
        (("--ttt", "--deadline", "9", "--resume", "x.state"), "--resume spans several"),
        (("--estimate", "--report", "e.json"), "--estimate only projects the time: drop --report"),
        (("--estimate", "--ttt", "--deadline", "5"), "drop --deadline"),
        (("--deadline", "5"), "--deadline has no effect"),
        (("--ttt", "--deadline", "-1"), "not in the range"),
    ):
        assert exit_code_of(["eval", *SMALL, *flags]) == 2
        captured = capsys.readouterr()
        assert message in captured.err and captured.out == ""
    assert exit_code_of(["audit", "--report", str(artifact)]) == 2
    assert "that is the file that is scored" in capsys.readouterr().err
    assert artifact.read_bytes() == before


LEAK = ("--slot-steps", "1", "--set", "eval.slot.form=shared", "--allow-leaks")


def test_what_would_fail_after_the_scoring_is_refused_before_it(folder, capsys, monkeypatch):
    from golfctl.evaluation import evaluate

    monkeypatch.setattr(evaluate, "load_source", lambda *_: pytest.fail("scoring began"))
    journal = folder / "runs/tiny/journal.jsonl"
    kept = journal.read_bytes()
    journal.write_bytes(kept.replace(b'"seq":0', b'"seq":5', 1))
    try:
        assert exit_code_of(["eval", *SMALL]) != 0
        assert "journal.jsonl" in capsys.readouterr().err
    finally:
        journal.write_bytes(kept)
    for flags, message in (
        (("--plot", "p.gif"), "end the name in .png"),
        ((*LEAK, "--plot", "p.png"), "--plot draws honest scores"),
        ((*LEAK, "--ttt", "--deadline", "9"), "--deadline has no effect on a replay"),
    ):
        assert exit_code_of(["eval", *SMALL, *flags]) == 2
        assert message in capsys.readouterr().err


def test_a_portable_score_is_the_same_however_it_is_computed(folder, capsys):
    """Not to a tolerance: windows in other batches, and one token at a time, give the very same number."""
    ordinary, one = evaluated(capsys), evaluated(capsys, "--portable")
    assert ordinary["arithmetic"] == {"name": "ordinary", "dtype": "float32"}
    assert one["arithmetic"]["name"] == "portable/1" and one["config"]["portable"]
    apart = one["arithmetic"]["from_ordinary"]
    assert 0 <= apart["mean_nats"] <= apart["largest_nats"] <= 1e-4 and apart["tokens"] > 0
    assert abs(one["val_loss"] - ordinary["val_loss"]) <= 1e-5
    for flags in (("--batch", "3"), ("--strict",)):
        other = evaluated(capsys, "--portable", *flags)
        assert (other["val_loss"], other["val_bpb"]) == (one["val_loss"], one["val_bpb"])
    mixed = evaluated(capsys, "--portable", "--ngram", "3", "--calibrate")
    assert mixed["arithmetic"]["name"] == "portable/1" and mixed["honest"] is True


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--ttt",), "portable has no form of ttt"),
        (("--slot-steps", "2"), "portable has no form of slot"),
        (("--set", "eval.dtype=bfloat16"), "portable computes in float32"),
    ],
)
def test_what_is_not_portable_is_refused_by_name(flags, words, folder, capsys):
    assert exit_code_of(["eval", *SMALL, "--portable", *flags]) in (2, 3)
    assert words in capsys.readouterr().err


def test_a_rolling_score_is_labelled_as_one(folder, capsys):
    rolling = evaluated(capsys, "--rolling")
    assert rolling["mode"] == "rolling" and evaluated(capsys)["mode"] == "sliding"
    assert rolling["honest"] is True and rolling["tokens"] == evaluated(capsys)["tokens"]
    assert exit_code_of(["eval", *SMALL, "--rolling"]) == 0
    assert "not comparable with sliding-window scores" in capsys.readouterr().out
    assert exit_code_of(["eval", *SMALL, "--rolling", "--ttt"]) == 2
    assert exit_code_of(["eval", *SMALL, "--rolling", "--set", "eval.ttt.epochs=1"]) == 3
    ladder = evaluated(capsys, "--rolling", "--ngram", "3", "--ladder")
    assert [rung["name"] for rung in ladder["ladder"]] == ["rolling", "+ ngram"]


def test_a_resumed_evaluation_leaves_no_file_behind_when_complete(folder, capsys, tmp_path):
    state = str(tmp_path / "eval.state")
    assert evaluated(capsys, "--ngram", "3", "--resume", state)["honest"] is True
    assert not (tmp_path / "eval.state").exists()
    (tmp_path / "eval.state").write_bytes(b"something else")
    assert exit_code_of(["eval", *SMALL, "--resume", state]) == 3
    assert "no saved evaluation" in capsys.readouterr().err


def test_a_resumed_report_says_so_and_how_to_recompute(folder, capsys, tmp_path, monkeypatch):
    state = tmp_path / "eval.state"
    whole = evaluated(capsys, "--ngram", "3")
    monkeypatch.setattr(Savepoint, "remove", lambda self: None)
    monkeypatch.setattr("golfctl.evaluation.job.Savepoint", partial(Savepoint, every_s=0.0))
    first = evaluated(capsys, "--ngram", "3", "--resume", str(state))
    assert "resumed" not in first and state.exists()
    again = evaluated(capsys, "--ngram", "3", "--resume", str(state))
    assert again["val_loss"] == first["val_loss"] == whole["val_loss"]
    assert again["resumed"]["after_targets"] > 0 and "without --resume" in again["resumed"]["recompute"]
    assert any(note.startswith("resumed after") for note in again["notes"])
    saved = bytearray(state.read_bytes())
    saved[-1] ^= 1
    state.write_bytes(saved)
    assert exit_code_of(["eval", *SMALL, "--ngram", "3", "--resume", str(state)]) == 3
    assert "was changed after it was saved" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--report", "--resume", "--plot"])
def test_the_second_writer_of_an_output_is_told_of_the_first(folder, capsys, tmp_path, flag):
    path = tmp_path / "out.svg"
    with holding("output", path) as other:
        assert exit_code_of(["eval", *SMALL, flag, str(path)]) == 2
        assert f"out.svg is being written by another process (pid {other.pid}: " in capsys.readouterr().err
    assert not path.exists()
    assert exit_code_of(["eval", *SMALL, "--report", str(path)]) == 0 and os.listdir(tmp_path) == ["out.svg"]


def test_a_run_that_takes_no_writes_is_scored_without_a_receipt(folder, capsys, monkeypatch):
    before = len(read_journal(folder / "runs/tiny/journal.jsonl").records)
    monkeypatch.setattr("golfctl.core.journal.os.access", lambda place, mode: False)  # root may write anywhere
    assert exit_code_of(["eval", *SMALL]) == 0
    assert "cannot be written, so it gets no receipt" in capsys.readouterr().err
    assert len(read_journal(folder / "runs/tiny/journal.jsonl").records) == before


BAD = {
    ("missing.golf",): (3, "no such file: missing.golf"),
    ("books.jsonl", "--data", "data/books"): (2, "neither an artifact (.golf) nor a checkpoint"),
    ("--data", "nowhere"): (3, "no such dataset folder: nowhere"),
    ("--stride", "65"): (3, "rows would stay unscored"),
    ("--set", "eval.strde=3"): (3, "did you mean 'stride'"),
    ("--slot-steps", "2", "--set", "eval.slot.form=shared"): (3, "--allow-leaks"),
    ("--ladder",): (2, "no second rung"),
    ("--strict", "--ladder", "--ngram", "3"): (2, "--ladder climbs on the fast path: drop it or --strict"),
    ("--stepwise", "--ladder", "--ngram", "3"): (2, "--ladder climbs on the fast path: drop it or --stepwise"),
    ("--stepwise", "--strict"): (2, "--strict is --stepwise with one lane"),
    ("--strict", "--lanes", "1"): (2, "--strict has one lane"),
    ("--lanes", "1"): (2, "--lanes has no effect"),
    ("--lanes", "4"): (3, "add stepwise or drop it"),
    ("--stepwise", "--lanes", "0"): (2, "'--lanes': 0 is not in the range"),
    ("--stepwise", "--lanes", "4", "--estimate"): (2, "drop --lanes"),
    ("--stepwise", "--resume", "eval.state"): (2, "drop it or --stepwise"),
    ("--stepwise", "--allow-leaks", "--slot-steps", "2", "--set", "eval.slot.form=shared"): (3, "stepwise mode"),
    ("--set", "eval.strict=true", "--ladder", "--ngram", "3"): (2, "--ladder climbs the honest forms"),
    ("--ladder", "--ngram", "3", "--deadline", "9"): (2, "drop it or --deadline"),
    ("--stride", "9", "--seq-len", "8"): (2, "--stride 9 exceeds --seq-len 8"),
    ("--stride", "0"): (2, "'--stride': 0 is not in the range"),
    ("--ngram", "17"): (2, "'--ngram': 17 is not in the range"),
    ("--rolling", "--slot-steps", "2", "--ttt"): (2, "drop it, or --ttt and --slot-steps"),
    ("--set", "eval.mix.lr=0.1"): (3, "nothing to mix"),
    ("--device", "cuda:9"): (2, "not usable here"),
}


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_ends_with_one_line_and_its_exit_code(folder, capsys, arguments):
    code, message = BAD[arguments]
    assert exit_code_of(["eval", "--quiet", *arguments]) == code
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err


def test_the_shards_that_are_scored_are_hashed_first(folder, capsys, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(folder / "data/books", data)
    shard = data / "fineweb_val_000000.bin"
    digest = hashlib.sha256(shard.read_bytes()).hexdigest()
    expected = {"described": True, "sha256": {shard.name: digest}}
    assert evaluated(capsys, "--data", str(data))["validation_shards"] == expected
    stamp = shard.stat()
    content = bytearray(shard.read_bytes())
    content[1024 + 20] ^= 1
    shard.write_bytes(content)
    os.utime(shard, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # what is remembered of it does not count
    assert exit_code_of(["eval", *SMALL, "--data", str(data)]) == 3
    assert f"{shard}: changed since dataset.json was written" in capsys.readouterr().err
    (data / "dataset.json").unlink()
    found = evaluated(capsys, "--data", str(data))["validation_shards"]
    assert found == {"described": False, "sha256": {shard.name: hashlib.sha256(content).hexdigest()}}


def test_data_of_another_tokenizer_is_refused(folder, capsys):
    (folder / "other.jsonl").write_text(
        "\n".join(json.dumps({"text": (f"{i} zebras! " + LINE.format(i=i)) * 2}) for i in range(120)), encoding="utf-8"
    )
    assert exit_code_of(["data", "build", "other.jsonl", "--vocab", "340", "--holdout", "0.2", "--replace"]) == 0
    assert exit_code_of(["eval", "--data", "data/other", "--quiet"]) == 3
    assert "cut by tokenizer" in capsys.readouterr().err


def test_a_run_that_was_not_packed_says_so(folder, capsys):
    unpacked = folder / "runs" / "later"
    unpacked.mkdir()
    (unpacked / "recipe.toml").write_text("")
    try:
        assert exit_code_of(["eval", str(unpacked)]) == 3
        assert "golfctl pack" in capsys.readouterr().err
    finally:
        (unpacked / "recipe.toml").unlink()
        unpacked.rmdir()
