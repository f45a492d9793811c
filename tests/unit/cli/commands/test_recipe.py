"""`golfctl recipe`, and recipes by name: which one a word finds, and what every packaged recipe says of itself."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from golfctl.cli.main import exit_code_of
from golfctl.cli.schema_table import schema_of
from golfctl.core.packaged import find_recipe, packaged_recipe, recipe_facts, recipe_names, recipe_text
from golfctl.core.progress import SILENT
from golfctl.errors import ConfigError, InputError
from golfctl.model.census import census
from golfctl.model.spec import ModelSpec
from golfctl.packing.config import PackConfig
from golfctl.packing.measures.size_forecast import forecast
from golfctl.scoring.config import EvalConfig
from golfctl.training.config import TrainConfig

ROOT = Path(__file__).parents[4]
NAMES = recipe_names()
TRAINING = [name for name in NAMES if recipe_facts(name).kind == "train"]
EVALUATING = [name for name in NAMES if recipe_facts(name).kind == "eval"]


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_recipe_is_one_file_and_examples_only_point_to_it():
    """A link in `examples/` for every packaged recipe, and no second text that could drift."""
    packaged = {path.relative_to(ROOT / "golfctl/recipes"): path for path in (ROOT / "golfctl/recipes").rglob("*.toml")}
    assert sorted(path.with_suffix("").as_posix() for path in packaged) == NAMES
    read = {path.relative_to(ROOT / "examples"): path for path in (ROOT / "examples").rglob("*.toml")}
    assert set(read) == set(packaged), "a recipe is a file in golfctl/recipes/ and a link to it in examples/"
    for name, path in read.items():
        assert path.is_symlink() and path.resolve() == packaged[name].resolve(), f"{path} is no link to the recipe"
        assert not path.readlink().is_absolute(), f"{path} leads out of a clone"
    others = [path for path in (ROOT / "golfctl").rglob("*.toml") if path not in packaged.values()]
    assert [path.relative_to(ROOT).as_posix() for path in others] == ["golfctl/auditing/rules/parameter-golf.toml"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_plain_and_a_description_one_short_line(name):
    assert re.fullmatch(r"(eval/)?[a-z0-9]+(-[a-z0-9]+)*", name)
    description = recipe_facts(name).description
    assert 10 < len(description) <= 90 and not description.endswith(".")
    assert recipe_text(name).startswith(b"# " + description.encode() + b"\n")


@pytest.mark.parametrize("name", TRAINING)
def test_the_sizes_a_recipe_states_are_its_models(name):
    facts, recipe = recipe_facts(name), packaged_recipe(name)
    spec, pack = recipe.read("model", ModelSpec), recipe.read("pack", PackConfig)
    recipe.read("train", TrainConfig)
    assert facts.parameters == census(spec).parameters
    foretold = forecast(spec, pack)
    assert facts.target_bytes and abs(facts.target_bytes - foretold.bytes) <= foretold.error_bytes


@pytest.mark.parametrize("name", EVALUATING)
def test_an_eval_recipe_has_no_model_to_state(name):
    facts = recipe_facts(name)
    assert name.startswith("eval/") and facts.parameters is None and facts.target_bytes is None
    assert packaged_recipe(name).read("eval", EvalConfig).leaks, "so far they all reproduce what leaked"
    assert "LEAKS" in facts.description


def test_list_tells_training_from_evaluation(capsys):
    assert exit_code_of(["recipe", "list"]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[2:]]
    assert sorted(name for name, _ in rows) == NAMES
    assert [kind for _, kind in rows] == ["train"] * len(TRAINING) + ["eval"] * len(EVALUATING)
    assert exit_code_of(["recipe", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_of("recipe-list")).validate(listed)
    (mini,) = [recipe for recipe in listed["recipes"] if recipe["name"] == "pr549-mini"]
    assert mini["kind"] == "train" and mini["parameters"] == 1_074_716


@pytest.mark.parametrize("name", NAMES)
def test_show_and_init_give_the_file_byte_for_byte(name, empty_folder, capfdbinary):
    expected = (ROOT / "golfctl" / "recipes" / f"{name}.toml").read_bytes()
    assert exit_code_of(["recipe", "show", name]) == 0
    assert capfdbinary.readouterr().out == expected
    assert exit_code_of(["recipe", "init", name]) == 0
    assert (empty_folder / f"{name}.toml").read_bytes() == expected


def test_init_writes_over_nothing_unless_told_to(empty_folder, capsys):
    assert exit_code_of(["recipe", "init", "pr549-mini", "-o", "deep/mine.toml"]) == 0
    Path("deep/mine.toml").write_text("mine")
    assert exit_code_of(["recipe", "init", "pr549-mini", "-o", "deep/mine.toml"]) == 2
    assert "deep/mine.toml exists already" in capsys.readouterr().err
    assert Path("deep/mine.toml").read_text() == "mine"
    assert exit_code_of(["recipe", "init", "pr549-mini", "-o", "deep/mine.toml", "--force"]) == 0
    assert Path("deep/mine.toml").read_bytes() == recipe_text("pr549-mini")
    assert exit_code_of(["recipe", "init", "pr549-mini", "-o", "deep", "--force"]) == 3
    assert [path.name for path in Path("deep").iterdir()] == ["mine.toml"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["recipe", "show", "pr548"], "golfctl brings no recipe 'pr548'; did you mean 'pr549'?"),
        (["recipe", "show", "../training/config"], "known: baseline, "),
        (["recipe", "init", "pr549-mimi"], "did you mean 'pr549-mini'?"),
        (["train", "pr549-mimi"], "pr549-mimi, and no packaged recipe of that name; did you mean 'pr549-mini'?"),
        (["train", "pr549.toml"], "no such file: pr549.toml; golfctl brings that recipe under the name pr549, "),
        (["train", "examples/eval/pr761.toml"], "under the name eval/pr761, and `golfctl recipe init eval/pr761` "),
        (["train", "eval/pr761"], "eval/pr761 only evaluates: score with it, `golfctl eval --recipe eval/pr761`"),
        (["import", "x.pt", "--model", "pr548"], "did you mean 'pr549'?"),
    ],
)  # fmt: skip
def test_a_word_that_finds_nothing_ends_with_3_and_a_hint(words, message, empty_folder, capsys):
    assert exit_code_of(words) == 3
    assert message in capsys.readouterr().err
    assert not list(empty_folder.iterdir())


class Said:
    """Collects what a progress reporter is told."""

    task = SILENT.task

    def __init__(self):
        self.lines = []

    def say(self, message):
        self.lines.append(message)


def test_a_file_comes_before_a_packaged_recipe_of_its_name(empty_folder):
    said = Said()
    Path("pr549-mini").mkdir()
    assert find_recipe(Path("pr549-mini"), said).tables == packaged_recipe("pr549-mini").tables
    Path("pr549-mini").rmdir()
    Path("pr549-mini").write_text("[train]\nsteps = 3\n")
    assert find_recipe(Path("pr549-mini"), said).tables == {"train": {"steps": 3}}
    assert said.lines == [
        "recipe: pr549-mini, which comes with golfctl",
        "recipe: the file pr549-mini; the packaged recipe of that name is not used",
    ]
    Path("mine.toml").write_text("[train]\nsteps = 4\n")
    assert find_recipe(Path("mine.toml"), said).tables == {"train": {"steps": 4}}
    assert said.lines[2:] == ["recipe: mine.toml"]


def test_a_file_that_is_no_recipe_is_named_without_a_hint(empty_folder):
    Path("pr549").write_text("[trian]\n")
    with pytest.raises(ConfigError, match="unknown table"):
        find_recipe(Path("pr549"), SILENT)
    Path("folder").mkdir()
    with pytest.raises(InputError, match="cannot read folder: Is a directory$"):
        find_recipe(Path("folder"), SILENT)
    with pytest.raises(InputError, match="cannot read x+: File name too long$"):
        find_recipe(Path("x" * 300), SILENT)
