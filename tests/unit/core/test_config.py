import pytest
from pydantic import model_validator

from golfctl.core.config import Config, apply_overrides, load_toml
from golfctl.core.recipe import Recipe
from golfctl.errors import ConfigError, InputError


class Inner(Config):
    width: int = 4
    slopes: tuple[float, ...] = (0.5,)


class Outer(Config):
    inner: Inner = Inner()
    maybe: Inner | None = None
    name: str = "x"

    @model_validator(mode="after")
    def _check(self) -> "Outer":
        if self.inner.width < 0:
            raise ValueError("inner.width must not be negative")
        return self


def test_round_trip():
    config = Outer.from_dict({"inner": {"width": 7, "slopes": [1, 2.5]}})
    assert config.inner.slopes == (1.0, 2.5)
    assert Outer.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"inner": {"widht": 3}}, r"r \[t\]: unknown key 'inner.widht'; did you mean 'width'\?"),
        ({"maybe": {"widht": 3}}, "did you mean 'width'"),
        ({"nam": "y"}, "did you mean 'name'"),
        ({"inner": {"width": "3"}}, "inner.width: .*integer"),
        ({"inner": {"width": 3.5}}, "inner.width"),
        ({"inner": {"width": -1}}, "inner.width must not be negative"),
        ({"inner": {"slopes": [float("inf")]}}, "slopes"),
    ],
)
def test_bad_values_say_where_and_what(values, message):
    with pytest.raises(ConfigError, match=message):
        Outer.from_dict(values, "r [t]")


def test_overrides_are_toml_or_bare_words():
    values = apply_overrides({"a": {"b": 1}}, ["a.b=2", "a.c=[1, 2]", "d.e=word", "d.f=true"])
    assert values == {"a": {"b": 2, "c": [1, 2]}, "d": {"e": "word", "f": True}}


@pytest.mark.parametrize("override", ["a", "=3", "a..b=3", "a.b.c=1"])
def test_bad_overrides(override):
    with pytest.raises(ConfigError, match="--set"):
        apply_overrides({"a": {"b": 1}}, [override])


def test_recipe_files(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('[train]\nname = "n"\n[train.inner]\nwidth = 2\n')
    recipe = Recipe.load(path, ["train.inner.width=5"])
    assert recipe.read("train", Outer).inner.width == 5
    recipe.replace(train=recipe.read("train", Outer).to_dict()).write(tmp_path / "out.toml")
    assert Recipe.load(tmp_path / "out.toml").read("train", Outer) == recipe.read("train", Outer)


def test_bad_recipe_files(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_toml(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("[train\n")
    with pytest.raises(ConfigError, match="not a TOML file.*line 1"):
        Recipe.load(tmp_path / "bad.toml")
    (tmp_path / "table.toml").write_text("[trian]\n")
    with pytest.raises(ConfigError, match=r"unknown table \[trian\]; did you mean 'train'"):
        Recipe.load(tmp_path / "table.toml")
    (tmp_path / "value.toml").write_text("train = 3\n")
    with pytest.raises(ConfigError, match="must be a table"):
        Recipe.load(tmp_path / "value.toml")


UNUSUAL = {
    "7" * 5000: "5000 digits",
    "0x" + "f" * 5000: "a number beyond 64 bits",
    str(2**63): "a number beyond 64 bits",
    "[" * 100_000 + "]" * 100_000: "more than 32 deep",
    "[" * 40 + "]" * 40: "more than 32 deep",
    "{b = " * 40 + "1" + "}" * 40: "more than 32 deep",
    "[1979-05-27]": "dates and times",
    "07:32:00": "dates and times",
}


@pytest.mark.parametrize("value", UNUSUAL, ids=lambda value: value[:12])
def test_values_of_toml_that_no_configuration_has(tmp_path, value):
    (tmp_path / "r.toml").write_text(f"[train]\nname = {value}\n")
    with pytest.raises(ConfigError, match=rf"r\.toml: .*{UNUSUAL[value]}"):
        load_toml(tmp_path / "r.toml")
    if len(value) < 3000 or value.startswith("0x"):
        with pytest.raises(ConfigError, match=rf"--set .*{UNUSUAL[value]}"):
            apply_overrides({}, [f"train.name={value}"])
    else:  # what TOML cannot read is text, as any bare word
        assert apply_overrides({}, [f"train.name={value}"]) == {"train": {"name": value}}


def test_a_path_of_keys_has_an_end():
    with pytest.raises(ConfigError, match="more than 32 deep"):
        apply_overrides({}, ["a" + ".b" * 5000 + "=1"])
