"""Schema files: made by their functions, valid themselves, and unchanged once released."""

import json
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from golfctl.artifact import write_artifact
from golfctl.cli.main import exit_code_of
from golfctl.cli.schema_table import SCHEMAS, file_name, schema_of
from golfctl.core.packaged import packaged_recipe, recipe_names
from golfctl.errors import UsageError
from tests.samples import sample_draft

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "schemas"
RELEASED = FOLDER / "released.txt"  # lines "sha256  file": appended at a release, never changed


def test_every_schema_has_its_file_and_every_file_its_schema():
    assert {path.name for path in FOLDER.glob("*.json")} == {file_name(key) for key in SCHEMAS}


@pytest.mark.parametrize("key", sorted(SCHEMAS))
def test_the_file_is_what_the_function_says(key):
    schema = schema_of(key)
    Draft202012Validator.check_schema(schema)
    assert json.loads((FOLDER / file_name(key)).read_text()) == schema, (
        f"run: golfctl schema {key} > schemas/{file_name(key)}"
    )
    assert schema["title"] and schema["$id"] == file_name(key)


def test_released_schemas_never_change():
    import hashlib

    for line in RELEASED.read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, (
            f"{name} was released: add a new version"
        )
    history = ["git", "-C", str(ROOT), "log", "--format=%H", "--", str(RELEASED)]
    for commit in subprocess.run(history, capture_output=True, text=True).stdout.split():
        shown = ["git", "-C", str(ROOT), "show", f"{commit}:schemas/released.txt"]
        old = subprocess.run(shown, capture_output=True, text=True).stdout
        assert RELEASED.read_text().startswith(old), "released.txt only grows"


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_fit_their_schema(name):
    Draft202012Validator(schema_of("recipe")).validate(packaged_recipe(name).tables)


def test_a_recipe_with_an_unknown_key_does_not_fit():
    assert not Draft202012Validator(schema_of("recipe")).is_valid({"train": {"stepz": 1}})
    assert not Draft202012Validator(schema_of("recipe")).is_valid({"trains": {}})


def test_a_name_without_version_is_the_newest():
    assert schema_of("manifest") == schema_of("manifest/1")
    with pytest.raises(UsageError, match="did you mean 'manifest/1'"):
        schema_of("manifesto/1")


def test_list_print_and_check(tmp_path, capsys):
    assert exit_code_of(["schema"]) == 0
    assert capsys.readouterr().out.split() == list(SCHEMAS)
    assert exit_code_of(["schema", "ledger"]) == 0
    assert json.loads(capsys.readouterr().out)["$id"] == "ledger-1.json"
    write_artifact(tmp_path / "m.golf", sample_draft())
    assert exit_code_of(["inspect", str(tmp_path / "m.golf"), "--json"]) == 0
    report = tmp_path / "report.json"
    report.write_text(capsys.readouterr().out)
    assert exit_code_of(["schema", "inspect", str(report)]) == 0
    report.write_text(report.read_text().replace('"file_bytes":', '"file_size":'))
    capsys.readouterr()
    assert exit_code_of(["schema", "inspect", str(report)]) == 3
    assert "not a document of schema inspect" in capsys.readouterr().err


def test_lines_and_bad_documents(tmp_path, capsys):
    lines = tmp_path / "x.jsonl"
    lines.write_text('[{"name":"a","bytes":1,"where":"file"}]\n[{"name":"a","bytes":-1,"where":"file"}]\n')
    assert exit_code_of(["schema", "ledger", str(lines), "--lines"]) == 3
    assert f"{lines} line 2: not a document of schema ledger: 0.bytes" in capsys.readouterr().err
    assert exit_code_of(["schema", "ledger", str(lines)]) == 3
    assert "not JSON" in capsys.readouterr().err
    assert exit_code_of(["schema", "ledger", "--lines"]) == 2
    assert exit_code_of(["schema", "ledger", str(tmp_path / "none.json")]) == 3
