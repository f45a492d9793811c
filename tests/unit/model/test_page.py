"""The model page: its costs are recomputed, its worked example is run."""

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from golfctl.core.packaged import packaged_recipe
from golfctl.core.table import Table
from golfctl.model import table
from golfctl.model.census import census
from golfctl.model.spec import ModelSpec
from tests.contracts import test_components as contract
from tests.unit.model.cases import SMALL

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| [^|]+ \| `([^`]+)` \| (-?[\d,]+) \| (-?[\d,]+) \|$", PAGE, re.M)


def spec_with(options: dict) -> ModelSpec:
    base = packaged_recipe("pr549").tables["model"] | {"parts": {}}
    merged = {key: base.get(key, {}) | value for key, value in options.items() if key != "recurrence"}
    return ModelSpec.from_dict(base | {k: v for k, v in options.items() if k == "recurrence"} | merged)


def test_the_base_of_the_table():
    counted = census(spec_with({}))
    assert f"{counted.parameters:,} parameters, {counted.flops_per_token(2048):,} FLOPs" in PAGE


@pytest.mark.parametrize(("options", "parameters", "flops"), ROWS, ids=[row[0] for row in ROWS])
def test_costs_are_those_of_the_census(options, parameters, flops):
    with_it, without = census(spec_with(tomllib.loads(options))), census(spec_with({}))
    assert with_it.parameters - without.parameters == int(parameters.replace(",", ""))
    assert with_it.flops_per_token(2048) - without.flops_per_token(2048) == int(flops.replace(",", ""))


def test_the_table_is_read():
    assert len(ROWS) == 19


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The page's component in the table, as if its file and row had been added."""
    code = re.search(r"```python\n(# golfctl/model/parts/value_shift\.py\n.*?)```", PAGE, re.S)
    row = re.search(r'"value_shift": "(golfctl\.model\.parts\.value_shift:ValueShift)",', PAGE)
    assert code and row
    path = tmp_path / "value_shift.py"
    path.write_text(code[1], encoding="utf-8")
    spec = importlib.util.spec_from_file_location("golfctl.model.parts.value_shift", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "golfctl.model.parts.value_shift", module)
    spec.loader.exec_module(module)
    rows = {name: f"{table.PARTS[name].__module__}:{table.PARTS[name].__qualname__}" for name in table.PARTS} | {
        "value_shift": row[1]
    }
    monkeypatch.setattr("golfctl.model.spec.PARTS", Table("model part", rows))
    return ModelSpec.from_dict(
        SMALL | {"parts": {"value_shift": {}, "xsa": {}}, "recurrence": {"first": 1, "last": 2, "extra": 1}}
    )


def test_the_worked_example_keeps_what_parts_must_keep(example, one_thread):
    assert census(example).by_component["value_shift"] == 4
    contract.test_every_parameter_is_declared_once_with_a_role(example)
    contract.test_config_round_trips_and_builds_the_same_model(example)
    contract.test_every_parameter_learns(example)
    contract.test_no_row_depends_on_later_tokens(example, None)
    contract.test_incremental_forward_agrees(example)
    contract.test_chosen_rows_are_those_of_the_whole(example)
    contract.test_names_load_into_an_empty_model(example)


def test_the_worked_example_has_a_schema_and_changes_the_function(example):
    assert "start" in str(ModelSpec.model_json_schema()["properties"]["parts"]["properties"]["value_shift"])
    model, plain = contract.shaken(example), contract.shaken(ModelSpec.from_dict(example.to_dict() | {"parts": {}}))
    ids = contract.tokens(example, 1, 8)
    assert not torch.equal(model(ids), plain(ids))
