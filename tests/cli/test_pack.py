"""`golfctl pack` as people type it: defaults, flags, exit codes, output."""

import hashlib
import json
import os
import shutil

import jsonschema
import pytest

from golfctl.cli.main import exit_code_of
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import named_tensors
from golfctl.model.weights.new_model import build_model
from golfctl.packing.checkpoint import Checkpoint, write_checkpoint
from golfctl.packing.schema import pack_report_schema, pack_spread_schema
from golfctl.training.run.run_folders import held


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one run in `runs/`, without a tokenizer."""
    run = tmp_path / "runs" / "tiny"
    run.mkdir(parents=True)
    (run / "recipe.toml").write_text("[pack]\nbits = 5\n")
    spec = ModelSpec.from_dict({"vocab_size": 64, "layers": 2, "dim": 32, "attention": {"heads": 4, "kv_heads": 2}})
    write_checkpoint(run / "checkpoint-0000003.safetensors", Checkpoint(spec, named_tensors(build_model(spec, 0))))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def packed(capsys, *arguments):
    assert exit_code_of(["pack", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_latest_run_is_packed_beside_itself(folder, capsys):
    assert exit_code_of(["pack", "--bits", "6", "--lzma", "9"]) == 0
    out, err = capsys.readouterr()
    assert (folder / "runs/tiny/model.golf").stat().st_size > 0
    assert "runs/tiny/checkpoint-0000003.safetensors" in err
    assert "int6-row/1" in out and "counted" in out


def test_flags_go_over_set_and_set_over_the_recipe(folder, capsys):
    def schemes(*arguments):
        return packed(capsys, *arguments)["groups"][0]["schemes"]

    assert schemes() == "int5-row/1"
    assert schemes("--set", "pack.bits=4") == "int4-row/1"
    assert schemes("--set", "pack.bits=4", "--bits", "3") == "int3-row/1"


def test_the_report_follows_its_schema(folder, capsys):
    jsonschema.validate(packed(capsys), pack_report_schema())


def test_several_runs_are_packed_and_their_spread_told(folder, capsys):
    spec = ModelSpec.from_dict({"vocab_size": 64, "layers": 2, "dim": 32, "attention": {"heads": 4, "kv_heads": 2}})
    runs = []
    for seed in (1, 2, 3):
        path = folder / f"seed{seed}" / "checkpoint-0000001.safetensors"
        path.parent.mkdir()
        write_checkpoint(path, Checkpoint(spec, named_tensors(build_model(spec, seed))))
        runs.append(str(path))
    found = packed(capsys, *runs, "--coder", "rans")
    jsonschema.validate(found, pack_spread_schema())
    sizes = [report["counted_bytes"] for report in found["reports"]]
    assert found["spread"]["smallest_bytes"] == min(sizes) and found["spread"]["largest_bytes"] == max(sizes)
    assert all((folder / f"seed{seed}" / "model.golf").is_file() for seed in (1, 2, 3))
    assert exit_code_of(["pack", "--quiet", *runs, "--coder", "rans"]) == 0
    assert f"--margin {found['spread']['margin_bytes']}" in capsys.readouterr().out
    assert exit_code_of(["pack", "--quiet", *runs, "-o", "one.golf"]) == 2


def test_a_checkpoint_and_an_output_may_be_named(folder, capsys):
    found = packed(capsys, "runs/tiny/checkpoint-0000003.safetensors", "-o", "x.golf", "--coder", "zlib:9")
    assert found["path"] == "x.golf" and (folder / "x.golf").is_file()


def test_an_output_that_is_also_an_input_is_refused(folder, capsys):
    checkpoint = folder / "runs/tiny/checkpoint-0000003.safetensors"
    code = folder / "train.py"
    code.write_text("pass\n")
    for source, more in ((checkpoint, ()), (code, ("--code", "train.py"))):
        before = source.read_bytes()
        assert exit_code_of(["pack", str(checkpoint), "-o", str(source), *more]) == 2
        assert "is a file the artifact is made from: name another --out" in capsys.readouterr().err
        assert source.read_bytes() == before


def test_another_artifact_gives_way_and_is_named(folder, capsys):
    first = packed(capsys, "--bits", "8")
    assert first["replaced"] is None
    digest = hashlib.sha256((folder / "runs/tiny/model.golf").read_bytes()).hexdigest()
    assert exit_code_of(["pack", "--quiet", "--bits", "3", "--json"]) == 0
    out, err = capsys.readouterr()
    second = json.loads(out)
    jsonschema.validate(second, pack_report_schema())
    assert second["replaced"] == {"file_bytes": first["file_bytes"], "sha256": digest}
    assert second["file_bytes"] < first["file_bytes"]
    assert err == (
        f"note: runs/tiny/model.golf replaced: {first['file_bytes']:,} bytes (sha256 {digest[:16]}…) → "
        f"{second['file_bytes']:,} bytes (sha256 {second['artifact_sha256'][:16]}…)\n"
    )
    assert exit_code_of(["pack", "--bits", "3"]) == 0
    assert "was there already, with the same" in capsys.readouterr().err


@pytest.mark.parametrize("size", [1, 8, 5000])
def test_what_is_no_artifact_does_not_give_way(folder, capsys, size):
    (folder / "thesis.txt").write_bytes(b"x" * size)
    assert exit_code_of(["pack", "-o", "thesis.txt"]) == 2
    assert "thesis.txt is there and is no .golf artifact" in capsys.readouterr().err
    assert (folder / "thesis.txt").read_bytes() == b"x" * size


def test_an_empty_file_is_nothing_to_lose(folder, capsys):
    (folder / "new.golf").touch()
    assert packed(capsys, "-o", "new.golf")["replaced"] is None


def add_run(folder, name, step, seconds_later):
    run = folder / "runs" / name
    run.mkdir()
    for source in (folder / "runs/tiny").iterdir():
        shutil.copy(source, run / source.name.replace("0000003", f"{step:07d}"))
    later = (folder / "runs/tiny").stat().st_mtime + seconds_later
    os.utime(run, (later, later))


def test_the_latest_run_is_one_with_trained_steps(folder, capsys):
    add_run(folder, "begun", 0, 10)
    found = packed(capsys)
    assert found["path"] == "runs/tiny/model.golf" and not found["notes"]
    assert exit_code_of(["pack"]) == 0
    assert "the latest run: runs/tiny (newer, but without a trained step: runs/begun)" in capsys.readouterr().err


def test_an_untrained_run_is_packed_when_named_and_called_so(folder, capsys):
    add_run(folder, "begun", 0, 10)
    assert "untrained" in packed(capsys, "runs/begun")["notes"][0]
    assert exit_code_of(["pack", "runs/begun"]) == 0
    assert "note: runs/begun/checkpoint-0000000.safetensors is untrained" in capsys.readouterr().err
    shutil.rmtree("runs/tiny")
    assert exit_code_of(["pack"]) == 3
    assert "--resume --out runs/begun" in capsys.readouterr().err


def test_a_run_that_is_still_training_is_called_so(folder, capsys):
    with held(folder / "runs/tiny"):
        assert "runs/tiny is still training" in packed(capsys)["notes"][0]
    assert not packed(capsys)["notes"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--budget", "500"], 5, "over budget"),
        (["--budget", "16MB"], 2, "without a unit"),
        (["--lzma", "9", "--coder", "zlib"], 2, "one coder"),
        (["--coder", "lzmaa"], 2, "did you mean"),
        (["--bits", "9"], 2, "--bits on top of"),
        (["--set", "pack.bitz=4"], 3, "did you mean 'bits'"),
        (["--set", "train.steps=4"], 2, "pack"),
        (["--quantizer", "gptq", "--calibration", "none"], 2, "needs calibration"),
        (["--quantizer", "gptq"], 3, "--calibration self"),
        (["nowhere"], 3, "no such file"),
        (["runs"], 3, "no run folder"),
        (["--code", "absent.py"], 3, "no such file: absent.py"),
    ],
)
def test_mistakes_are_told_with_their_exit_code(folder, capsys, arguments, code, words):
    assert exit_code_of(["pack", "--quiet", *arguments]) == code
    assert words in capsys.readouterr().err
    assert not (folder / "runs/tiny/model.golf").exists()


def test_without_any_run_it_says_how_to_get_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert exit_code_of(["pack"]) == 3
    assert "golfctl train" in capsys.readouterr().err
