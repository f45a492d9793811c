from golfctl.cli.main import exit_code_of
from golfctl.core.journal import Journal


def test_the_latest_run_is_drawn_into_its_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert exit_code_of(["plot"]) == 3
    run = tmp_path / "runs" / "a"
    run.mkdir(parents=True)
    (run / "recipe.toml").write_text("")
    figures = {"seconds": 1.0, "tokens": 9, "tokens_per_second": 9.0, "lr_scale": 1.0, "loss": 2.0}
    Journal(run / "journal.jsonl").append("train.log", {"step": 1, **figures})
    assert exit_code_of(["plot"]) == 0
    assert capsys.readouterr().out.strip() == "runs/a/curves.svg"
    assert (run / "curves.svg").stat().st_size > 1000
