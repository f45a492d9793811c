"""The design's three lines: train, pack, and an evaluation that adapts, weights and offset both."""

import json

import pytest

from golfctl.cli.main import exit_code_of
from tests.e2e.conftest import golfctl
from tests.unit.cli.commands.test_train import RECIPE, data

__all__ = ["data"]


def adapts(folder, run):
    """`run` the second and the third line and the plain evaluation; check what the third says it moved."""
    run("pack", "--bits", "6", "--lzma", "9")
    run("eval", "--report", "plain.json")
    out, err = run("eval", "--ttt", "--slot-steps", "5", "--report", "adapted.json")
    plain, adapted = (json.loads((folder / f"{name}.json").read_text()) for name in ("plain", "adapted"))
    ttt, slot = adapted["state"]["parts"]["ttt"], adapted["state"]["parts"]["slot"]
    assert ttt["acted"] and plain["state"]["weights_sha256"] == ttt["before_sha256"] != ttt["sha256"]
    assert slot["acted"] and "slot" not in plain["state"]["parts"]
    assert adapted["val_loss"] != plain["val_loss"] and adapted["honest"] is True
    assert adapted["notes"] == [] and "warning" not in err
    said = " ".join(out.split())
    assert "chunks trained on: weights moved" in said and slot["how"] in said
    return adapted


def test_the_third_line_adapts(tmp_path, data, monkeypatch, capsys):
    def run(*arguments):
        assert exit_code_of(list(arguments)) == 0
        return capsys.readouterr()

    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(RECIPE + "[eval]\nstride = 8\nbatch = 128\n")
    run("train", "tiny.toml", "--data", str(data))
    adapts(tmp_path, run)


@pytest.mark.slow
def test_the_three_lines_as_they_are_typed(tmp_path, shared_cache):
    def run(*arguments):
        done = golfctl(*arguments, cwd=tmp_path, env=shared_cache)
        return done.stdout, done.stderr

    run("train")
    adapted = adapts(tmp_path, run)
    assert "largest power of two" in adapted["origins"]["ttt.chunk"]["why"]
