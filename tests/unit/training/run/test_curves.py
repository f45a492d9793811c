import pytest

from golfctl.core.journal import Journal
from golfctl.errors import CheckpointError, UsageError
from golfctl.training.run.curves import draw, read_curve, read_curves


def make_run(path, steps):
    path.mkdir()
    journal = Journal(path / "journal.jsonl")
    for step in steps:
        figures = {"seconds": step / 2, "tokens": 64 * step, "tokens_per_second": 128.0, "lr_scale": 1.0}
        journal.append("train.log", {"step": step, "loss": 5.0 / step, **figures})
    return path


def test_steps_taken_again_after_a_resume_count_once(tmp_path):
    curve = read_curve(make_run(tmp_path / "a", [1, 2, 3, 2, 3, 4]))
    assert curve.name == "a" and curve.column("step") == [1, 2, 3, 4]
    assert curve.column("loss") == [5.0, 2.5, 5.0 / 3, 1.25]


@pytest.mark.parametrize(("name", "magic"), [("c.png", b"\x89PNG"), ("c.svg", b"<?xml")])
def test_several_runs_in_one_picture_the_same_bytes_every_time(tmp_path, name, magic):
    curves = [read_curve(make_run(tmp_path / run, [1, 2, 3])) for run in ("a", "b")]
    pictures = []
    for _ in range(2):
        draw(curves, tmp_path / name, "tokens")
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0].startswith(magic) and pictures[0] == pictures[1]


def test_runs_of_one_name_are_told_apart(tmp_path):
    runs = [tmp_path / folder / "run" for folder in "ab"] + [tmp_path / "other"]
    for run in runs:
        run.mkdir(parents=True)
        Journal(run / "journal.jsonl").append("train.log", {"step": 1})
    assert [curve.name for curve in read_curves(runs)] == [str(runs[0]), str(runs[1]), "other"]


def test_no_records_and_unknown_kinds_of_file_are_named(tmp_path):
    curve = read_curve(make_run(tmp_path / "a", [1]))
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        draw([curve], tmp_path / "c.gif")
    Journal(tmp_path / "journal.jsonl").append("train.start", {})
    with pytest.raises(CheckpointError, match="no log records"):
        read_curve(tmp_path)
