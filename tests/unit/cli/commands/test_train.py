import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from golfctl.cli.main import exit_code_of
from golfctl.data.build import build_dataset, split_explicit
from golfctl.data.text.sources import Document
from golfctl.data.tokenizers.training import train_tokenizer

RECIPE = """
[model]
layers = 2
dim = 16
[model.attention]
heads = 2
kv_heads = 1
[model.feed_forward]
hidden = 16
[train]
steps = 4
batch_tokens = 64
sequence_length = 16
threads = 1
node_benchmark_seconds = 0.0
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    texts = [f"{words[i % 12]} is followed by {words[i % 7]} and then by {words[i % 5]} again " * 3 for i in range(60)]
    documents = [Document(str(i), text) for i, text in enumerate(texts)]
    out = tmp_path_factory.mktemp("data") / "set"
    tokenizer = train_tokenizer(texts, 300)
    build_dataset(out, split_explicit(documents[:55], documents[55:]), tokenizer, source="test", split="explicit")
    return out


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path


def test_train_names_its_run_after_the_recipe_and_counts_up(empty_folder, data, capsys):
    for expected in ("runs/tiny", "runs/tiny-2"):
        assert exit_code_of(["train", "tiny.toml", "--data", str(data), "--json", "--quiet"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["run"] == expected and Path(result["checkpoint"]).is_file()
        assert result["step"] == 4 and result["tokens"] == 256


def test_resume_takes_the_latest_run_and_its_data(empty_folder, data, capsys):
    assert exit_code_of(["train", "tiny.toml", "--data", str(data)]) == 0
    assert exit_code_of(["train", "--resume"]) == 0
    assert "resuming the latest run: runs/tiny" in capsys.readouterr().err


def test_a_finished_run_is_not_resumed(empty_folder, data, capsys):
    assert exit_code_of(["train", "tiny.toml", "--data", str(data), "--json", "--quiet"]) == 0
    first = json.loads(capsys.readouterr().out)
    journal = Path("runs/tiny/journal.jsonl").read_bytes()
    assert exit_code_of(["train", "--resume", "--json"]) == 0
    printed = capsys.readouterr()
    assert "is finished, at step 4: nothing to resume" in printed.err
    again = json.loads(printed.out)
    assert again | {"seconds": 0, "warmup_seconds": 0} == first | {"seconds": 0, "warmup_seconds": 0}
    assert Path("runs/tiny/journal.jsonl").read_bytes() == journal


def test_a_budget_option_replaces_the_recipes(empty_folder, data, capsys):
    arguments = ["train", "tiny.toml", "--data", str(data), "--json", "--quiet"]
    assert exit_code_of([*arguments, "--seconds", "0.5", "--set", "train.seed=3"]) == 0
    recipe = tomllib.loads(Path("runs/tiny/recipe.toml").read_text())["train"]
    assert recipe["seconds"] == 0.5 and "steps" not in recipe and recipe["seed"] == 3


def test_dry_run_writes_nothing(empty_folder, data, capsys):
    assert exit_code_of(["train", "tiny.toml", "--data", str(data), "--dry-run", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["parameters"] == sum(figures["by_role"].values())
    assert figures["flops_per_step"] == 64 * figures["flops_per_token"]
    assert figures["seconds_per_step"] > 0 and figures["measured"].endswith("eager")
    assert figures["steps_in_budget"] == figures["steps"] == 4 and figures["cost"] is figures["price_per_hour"] is None
    assert not (empty_folder / "runs").exists()


def test_a_name_in_place_of_a_file_trains_the_packaged_recipe(empty_folder, data, capsys):
    shorter = ["--steps", "1", "--set", "train.batch_tokens=512", "--set", "train.held_out_tokens=512"]
    words = ["train", "pr549-mini", "--data", str(data), "--set", "model.vocab_size=300", *shorter, "--json"]
    assert exit_code_of(words) == 0
    printed = capsys.readouterr()
    assert "recipe: pr549-mini, which comes with golfctl" in printed.err
    assert json.loads(printed.out)["run"] == "runs/pr549-mini"
    resolved = tomllib.loads(Path("runs/pr549-mini/recipe.toml").read_text())
    assert resolved["model"]["dim"] == 128 and "value_embedding" in resolved["model"]["parts"]


def test_the_embedded_corpus_takes_the_recipes_vocabulary(empty_folder, monkeypatch, capsys, data):
    asked = []
    monkeypatch.setattr(
        "golfctl.data.text.embedded.embedded_dataset", lambda progress, size: asked.append(size) or data
    )
    for size in ("8192", "1024"):
        exit_code_of(["train", "tiny.toml", "--dry-run", "--set", f"model.vocab_size={size}"])
    assert asked == [8192, 1024]
    assert exit_code_of(["train", "tiny.toml", "--dry-run", "--set", "model.vocab_size=256"]) == 3
    assert "has at least 300 pieces: leave vocab_size out" in capsys.readouterr().err


def test_a_dry_run_with_a_price_tells_the_cost(empty_folder, data, capsys):
    arguments = ["train", "tiny.toml", "--data", str(data), "--dry-run", "--price-per-hour", "2.5", "--seconds", "7200"]
    assert exit_code_of([*arguments, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["price_per_hour"] == 2.5 and figures["cost"] == 5.0 and figures["expected_seconds"] == 7200.0
    assert figures["steps_in_budget"] == int(7200 / figures["seconds_per_step"])
    assert exit_code_of(arguments) == 0
    assert "5.00" in next(line for line in capsys.readouterr().out.splitlines() if "cost at 2.5 an hour" in line)


def test_seed_is_short_for_setting_it(empty_folder, data, capsys):
    for out, words in (("a", ["--seed", "7"]), ("b", ["--set", "train.seed=7"]), ("c", ["--seed", "8"])):
        assert exit_code_of(["train", "tiny.toml", "--data", str(data), "--out", out, *words]) == 0
    a, b, c = (Path(out, "checkpoint-0000004.safetensors").read_bytes() for out in "abc")
    assert a == b != c
    assert tomllib.loads(Path("a/recipe.toml").read_text())["train"]["seed"] == 7
    assert "seed 7" in capsys.readouterr().err


def test_a_run_is_resumed_with_its_own_seed(empty_folder, data, capsys):
    assert exit_code_of(["train", "tiny.toml", "--data", str(data), "--seed", "7"]) == 0
    assert exit_code_of(["train", "--resume", "--seed", "7"]) == 0
    assert exit_code_of(["train", "--resume", "--seed", "8"]) == 2
    assert "--seed 8: runs/tiny was begun with seed 7" in capsys.readouterr().err


def test_resume_passes_over_a_newer_run_without_a_trained_step(empty_folder, data, capsys):
    assert exit_code_of(["train", "tiny.toml", "--data", str(data)]) == 0
    shutil.copytree("runs/tiny", "runs/begun")
    for path in (*Path("runs/begun").glob("checkpoint-*4.*"), *Path("runs/begun").glob("state-*4.*")):
        path.unlink()
    later = Path("runs/tiny/journal.jsonl").stat().st_mtime + 10
    os.utime("runs/begun/journal.jsonl", (later, later))
    assert exit_code_of(["train", "--resume"]) == 0
    said = capsys.readouterr().err
    assert "the latest run: runs/tiny (newer, but without a trained step: runs/begun)" in said
    assert exit_code_of(["plot"]) == 0  # curves need logged steps, not saved ones
    assert "plotting the latest run: runs/begun" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["tiny.toml", "--data", "DATA"], [], ["--resume", "--out", "run"]])
def test_the_first_line_comes_before_torch(empty_folder, data, words):
    """In a process in which torch is installed, but fails as soon as it is imported."""
    Path("stub/torch").mkdir(parents=True)
    Path("stub/torch/__init__.py").write_text("raise ImportError('too early')")
    Path("run").mkdir()
    shutil.copy("tiny.toml", "run/recipe.toml")
    code = "import sys; sys.path.insert(0, 'stub'); from golfctl.cli.main import group; group(sys.argv[1:])"
    words = [str(data) if word == "DATA" else word for word in words]
    environment = {**os.environ, "GOLFCTL_CACHE": str(empty_folder / "cache"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.Popen(
        [sys.executable, "-c", code, "train", *words], stderr=subprocess.PIPE, text=True, env=environment
    )
    with done:
        first = done.stderr.readline()
        done.kill()
    assert first.startswith(("recipe: ", "resuming run"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.toml"], 3, "no such file: none.toml"),
        (["tiny.toml", "--data", "nowhere"], 3, "no such dataset folder"),
        (["tiny.toml", "--set", "train.step=3"], 3, "did you mean 'steps'"),
        (["tiny.toml", "--set", "trian.steps=3"], 3, "unknown table [trian]; did you mean 'train'"),
        (["tiny.toml", "--set", "train.seconds=3"], 0, ""),
        (["tiny.toml", "--set", "train.seconds=3", "--set", "train.steps=3"], 3, "exactly one of steps and seconds"),
        (["tiny.toml", "--seconds", "-3"], 2, "--seconds"),
        (["tiny.toml", "--steps", "0"], 2, "--steps"),
        (["tiny.toml", "--steps", "3", "--seconds", "3"], 2, "two budgets"),
        (["tiny.toml", "--steps", "3", "--set", "train.steps=5"], 2, "train.steps is given twice"),
        (["tiny.toml", "--set", "model.attention.heads=3"], 3, "3 heads must divide"),
        (["tiny.toml", "--device", "abacus"], 3, "unknown device 'abacus'"),
        (["tiny.toml", "--set", "model.vocab_size=1024"], 3, "has 300 pieces: leave vocab_size out"),
        (["tiny.toml", "--seed", "3", "--set", "train.seed=5"], 2, "train.seed is given twice"),
        (["tiny.toml", "--seed", "-1"], 2, "--seed"),
        (["tiny.toml", "--price-per-hour", "3"], 2, "--price-per-hour has no effect on a run: add --dry-run"),
        (["tiny.toml", "--price-per-hour", "nan", "--dry-run"], 2, "--price-per-hour"),
        (["tiny.toml", "--price-per-hour", "-1", "--dry-run"], 2, "--price-per-hour"),
        (["--resume"], 3, "no run under runs/"),
        (["--resume", "--out", "nowhere"], 3, "nowhere"),
        (["tiny.toml", "--resume"], 2, "cannot be given with RECIPE"),
    ],
)
def test_bad_input_ends_with_its_code_and_a_cause(empty_folder, data, capsys, arguments, code, message):
    if "--data" not in arguments and "--resume" not in arguments:
        arguments = [*arguments, "--data", str(data)]
    assert exit_code_of(["train", *arguments]) == code
    assert message in capsys.readouterr().err
    assert code == 0 or not list(empty_folder.glob("runs/*/checkpoint*"))


def test_a_shard_in_both_parts_is_refused(empty_folder, data, capsys):
    leaky = empty_folder / "leaky"
    shutil.copytree(data, leaky)
    facts = json.loads((leaky / "dataset.json").read_text())
    held_out = facts["validation"]["shards"][0]
    facts["train"]["shards"] = [held_out]
    (leaky / "dataset.json").write_text(json.dumps(facts))
    assert exit_code_of(["train", "tiny.toml", "--data", str(leaky)]) == 3
    assert "are the same text" in capsys.readouterr().err


def test_training_tokens_outside_the_vocabulary_are_named(empty_folder, data, capsys):
    bad = empty_folder / "bad"
    shutil.copytree(data, bad)
    shard = next(bad.glob("*_train_*.bin"))
    content = bytearray(shard.read_bytes())
    content[1024:] = b"\xff\x7f" * ((len(content) - 1024) // 2)
    shard.write_bytes(content)
    assert exit_code_of(["train", "tiny.toml", "--data", str(bad)]) == 3
    assert shard.name in (err := capsys.readouterr().err) and "32767" not in err  # changed: read no further
    facts = json.loads((bad / "dataset.json").read_text())
    facts["train"]["shards"][0]["sha256"] = hashlib.sha256(content).hexdigest()
    (bad / "dataset.json").write_text(json.dumps(facts))
    assert exit_code_of(["train", "tiny.toml", "--data", str(bad)]) == 3
    assert "32767" in capsys.readouterr().err
