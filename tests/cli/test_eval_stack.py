"""What `golfctl eval` says of its stack: every value with its origin, the chosen chunk, and what each part did."""

import json
from pathlib import Path

import pytest
import torch
from jsonschema import Draft202012Validator

from golfctl.cli.main import exit_code_of
from golfctl.cli.schema_table import schema_of

SMALL = ("--stride", "16", "--batch", "4", "--quiet")
TECHNIQUES = ("--ttt", "--slot-steps", "2", "--ngram", "4", "--calibrate")


def evaluated(capsys, *arguments):
    """The report, the summary's text with single spaces, and what stood on stderr."""
    capsys.readouterr()
    assert exit_code_of(["eval", *SMALL, *arguments, "--report", "last.json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(Path("last.json").read_text())
    Draft202012Validator(schema_of("eval-report")).validate(report)
    return report, " ".join(out.split()), err


def test_ttt_and_slot_move_weights_and_offsets_and_both_are_named(folder, capsys):
    plain, _, _ = evaluated(capsys)
    report, out, err = evaluated(capsys, "--ttt", "--slot-steps", "5")
    ttt, slot = report["state"]["parts"]["ttt"], report["state"]["parts"]["slot"]
    assert plain["state"]["parts"] == {} and report["notes"] == [] and "warning" not in err
    assert ttt["acted"] and ttt["before_sha256"] == plain["state"]["weights_sha256"] != ttt["sha256"]
    assert report["state"]["weights_sha256"] == ttt["sha256"]
    assert slot["acted"] and slot["how"] in out and ttt["how"] in out
    assert report["val_bpb"] != plain["val_bpb"]


def test_the_default_chunk_gives_eight_chunks_and_says_why(folder, capsys):
    report, out, _ = evaluated(capsys, "--ttt")
    chunk, said = report["config"]["ttt"]["chunk"], report["origins"]["ttt.chunk"]
    assert -(-report["tokens"] // chunk) >= 8 > -(-report["tokens"] // (2 * chunk))
    assert said["from"] == "default" and "largest power of two that gives at least 8 chunks" in said["why"]
    assert f"chunk {chunk:,} ({said['why']})" in out


@pytest.mark.parametrize("chunk", [32768, 100])
def test_a_chunk_that_is_given_stays(folder, capsys, tmp_path, chunk):
    (tmp_path / "r.toml").write_text(f"[eval.ttt]\nchunk = {chunk}\n")
    for arguments, origin in (
        (("--recipe", str(tmp_path / "r.toml")), "recipe"),
        (("--ttt", "--set", f"eval.ttt.chunk={chunk}"), "flag"),
    ):
        report, _, _ = evaluated(capsys, *arguments)
        assert report["config"]["ttt"]["chunk"] == chunk and report["origins"]["ttt.chunk"] == {"from": origin}


def test_every_value_that_acts_is_printed_with_where_it_came_from(folder, capsys):
    report, out, _ = evaluated(capsys, *TECHNIQUES, "--set", "eval.ctw.depth=3", "--set", "eval.mix.lr=0.05")
    assert "windows sliding; flag: stride 16, batch 4; artifact: seq_len 64 (the training length)" in out
    for part in ("ttt", "slot", "ngram", "ctw", "mix", "calibrate"):
        assert f"{part} on by flag" in out and report["state"]["parts"][part]["how"] in out
        for key, value in report["config"][part].items():
            shown = f"{part}.{key}" in report["origins"] and value not in (None, False)
            assert not shown or key in out.partition(f" {part} on by ")[2]
    origins = {path: said["from"] for path, said in report["origins"].items()}
    assert (origins["slot.steps"], origins["ngram.order"], origins["mix.lr"], origins["mix.every"]) == (
        "flag", "flag", "flag", "default",
    )  # fmt: skip
    assert "mix.weight" not in origins and "ttt.rank" not in origins  # without effect in these forms


def test_a_mixture_that_nobody_configured_is_named_too(folder, capsys):
    report, out, _ = evaluated(capsys, "--ngram", "3")
    assert report["config"]["mix"]["rule"] == "geometric" and report["origins"]["mix"] == {"from": "default"}
    assert "mix on by default; default: rule geometric" in out


def test_the_runs_recipe_is_an_origin(folder, capsys):
    capsys.readouterr()
    assert exit_code_of(["eval", "--quiet"]) == 0
    assert "recipe: batch 8" in " ".join(capsys.readouterr().out.split())


NEVER = {
    ("--ttt", "--set", "eval.max_tokens=60"): "ttt never trained: 59 targets make one chunk of 64",
    ("--ttt", "--set", "eval.ttt.chunk=32"): "ttt never trained: a chunk of 32 tokens holds no sequence of 64",
    ("--ttt", "--set", "eval.ttt.chunk=9999"): "one chunk of 9999, which is scored, not trained on; lower ttt.chunk",
    ("--ttt", "--set", "eval.ttt.epochs=0"): "ttt never trained: epochs is 0",
    ("--ttt", "--deadline", "0"): "ttt never trained: adaptation was switched off",
    ("--slot-steps", "2", "--set", "eval.max_tokens=60"): "slot never fitted: no window has positions before",
    ("--slot-steps", "0"): "slot never fitted: steps is 0",
    ("--ngram", "3", "--set", "eval.ngram.min_count=3"): "ngram.min_count has no effect in the chosen form",
    ("--calibrate", "--set", "eval.max_tokens=20"): "calibrate never adapted: the text has no 32 targets",
}  # fmt: skip


@pytest.mark.parametrize("arguments", NEVER, ids=" ".join)
def test_what_could_not_act_is_a_warning_and_a_note(folder, capsys, arguments):
    report, out, err = evaluated(capsys, *arguments)
    (note,) = (note for note in report["notes"] if "worse than guessing" not in note)  # as a random model is
    assert NEVER[arguments] in note and f"warning: {note}" in err and " ".join(note.split()) in out


def test_the_state_is_the_same_each_time_and_for_any_batch(folder, capsys, one_thread):
    states = [evaluated(capsys, *TECHNIQUES)[0]["state"] for _ in range(2)]
    assert states[0] == states[1]
    other = evaluated(capsys, "--slot-steps", "2", "--batch", "7")[0]["state"]["parts"]["slot"]
    assert other["how"].split(",")[0] == states[0]["parts"]["slot"]["how"].split(",")[0]  # as many offsets


def test_a_ladder_and_a_replay_account_for_their_parts(folder, capsys):
    alone, _, _ = evaluated(capsys, "--ttt")
    ladder, _, _ = evaluated(capsys, "--ttt", "--slot-steps", "2", "--ngram", "3", "--ladder")
    assert set(ladder["state"]["parts"]) == {"ttt", "slot", "ngram", "mix"}
    assert ladder["state"]["parts"]["ttt"]["sha256"] == alone["state"]["parts"]["ttt"]["sha256"]
    leak = ("--slot-steps", "2", "--set", "eval.slot.form=shared", "--allow-leaks", "--ttt")
    replay, out, _ = evaluated(capsys, *leak)
    assert replay["config"]["ttt"]["chunk"] == alone["config"]["ttt"]["chunk"]
    assert all(part["acted"] for part in replay["state"]["parts"].values()) and "slot on by flag" in out


def test_adapters_have_no_chunk_and_are_projected_too(folder, capsys):
    lora = ("--set", "eval.context=documents", "--set", "eval.ttt.form=lora")
    report, out, _ = evaluated(capsys, *lora)
    assert report["config"]["ttt"]["chunk"] is None and "ttt.chunk" not in report["origins"]
    assert report["state"]["parts"]["ttt"]["acted"] and "adapters trained in" in out
    assert exit_code_of(["eval", *SMALL, *lora, "--estimate"]) == 0


@pytest.mark.slow
def test_an_audit_takes_the_very_chunk_of_the_evaluation(folder, capsys, tmp_path):
    report, _, _ = evaluated(capsys, "--ttt", "--documents", "9")
    path = tmp_path / "audit.json"
    nine = ("--set", "eval.documents=9", "--stride", "16", "--batch", "4", "--quiet")
    assert exit_code_of(["audit", *nine, "--ttt", "--only", "T8", "--report", str(path)]) == 0
    subject = json.loads(path.read_text())["subject"]
    assert subject["config"] == report["config"] and subject["origins"] == report["origins"]
    assert f"chunk {report['config']['ttt']['chunk']} (the largest power" in " ".join(capsys.readouterr().out.split())


def test_weights_are_as_they_were_after_a_plain_run(folder, capsys):
    from golfctl.evaluation.scored_model import load_source
    from golfctl.scoring.outcome import tensors_sha256

    model = load_source(folder / "runs/tiny/model.golf", torch.device("cpu")).model
    assert evaluated(capsys)[0]["state"]["weights_sha256"] == tensors_sha256(model.named_parameters())
