"""`golfctl inspect` as people and CI jobs run it: output, exit codes, messages, no torch."""

import html
import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from golfctl.artifact import write_artifact
from golfctl.cli.main import exit_code_of
from golfctl.cli.schema_table import schema_of
from tests.cli.ci_bench import git
from tests.hostile.build import FILES
from tests.samples import MODEL, SOURCE, sample_draft


@pytest.fixture
def golf(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_artifact(tmp_path / "m.golf", sample_draft())
    return tmp_path / "m.golf"


def run(capsys, *arguments):
    code = exit_code_of(["inspect", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def report(capsys, *arguments):
    code, out, err = run(capsys, *arguments, "--json", "--quiet")
    assert code == 0, err
    value = json.loads(out)
    Draft202012Validator(schema_of("inspect/1")).validate(value)
    return value


def test_json_holds_the_stable_names_and_sums(golf, capsys):
    value = report(capsys, golf, "--budget", "parameter-golf")
    size = golf.stat().st_size
    assert value["file_bytes"] == size and value["counted_bytes"] == size + 12
    assert sum(row["bytes"] for row in value["ledger"] if row["where"] == "file") == size
    assert sum(row["bytes"] for row in value["ledger"]) == value["counted_bytes"]
    assert value["budget"] == {
        "limit_bytes": 16_000_000, "headroom_bytes": 16_000_000 - size - 12, "ok": True, "profile": "parameter-golf",
    }  # fmt: skip
    assert sum(tensor["bytes"] for tensor in value["tensors"]) + value["overhead_bytes"] == size
    assert sum(group["bytes"] for group in value["groups"]) == sum(tensor["bytes"] for tensor in value["tensors"])
    first = value["tensors"][0]
    assert (first["name"], first["shape"], first["scheme"]) == ("tok_emb.weight", [32, 16], "int6-row/1")
    assert first["bits_per_weight"] == 8 * first["bytes"] / 512
    assert value["parameters"] == sum(tensor["parameters"] for tensor in value["tensors"])


def test_text_names_every_tensor_section_and_figure(golf, capsys):
    code, out, _ = run(capsys, golf, "--budget", "parameter-golf", "--verify", "--entropy")
    assert code == 0
    for word in ("tok_emb.weight", "attn.c_q.weight", "blocks.1", "int6-row/1", "matrices", "manifest", "preamble"):
        assert word in out
    assert f"{golf.stat().st_size:,} bytes" in out and "every payload verified" in out
    assert "within budget (parameter-golf)" in out and "order-0 entropy" in out


def test_over_budget_is_5_with_figures_and_the_report_still_there(golf, capsys):
    code, out, err = run(capsys, golf, "--budget", "100", "--json")
    assert code == 5 and json.loads(out)["budget"]["ok"] is False
    assert "over budget by" in err and "limit 100" in err


def test_units_are_refused(golf, capsys):
    code, _, err = run(capsys, golf, "--budget", "16MB")
    assert code == 2 and "in bytes, without a unit" in err


def test_verify_decodes_everything(golf, capsys):
    value = report(capsys, golf, "--verify")
    assert value["verified"]["payloads"] is True
    assert value["verified"]["decoded_bytes"] == sum(section["raw_bytes"] for section in value["sections"])


def test_damage_is_4_in_one_line(golf, capsys):
    data = bytearray(golf.read_bytes())
    data[-1] ^= 1
    golf.write_bytes(data)
    code, out, err = run(capsys, golf)
    assert code == 4 and out == "" and err.count("\n") == 1
    assert err.startswith(f"golfctl: {golf}: rule section-digest broken in section 'notes' at offset ")


@pytest.mark.parametrize("path", sorted(FILES.glob("*.golf")), ids=lambda p: p.stem)
def test_every_hostile_file_is_4(path, capsys):
    code, out, err = run(capsys, path)
    assert code == 4 and out == "" and f"rule {path.stem.split('--')[0]} broken" in err and err.count("\n") == 1


def test_missing_file_is_3(tmp_path, capsys):
    code, _, err = run(capsys, tmp_path / "none.golf")
    assert code == 3 and "no such file" in err


def test_the_default_is_the_latest_run(golf, capsys):
    assert run(capsys)[0] == 3
    for name in ("a", "b"):
        folder = golf.parent / "runs" / name
        folder.mkdir(parents=True)
        (folder / "recipe.toml").write_text("")
        (folder / "journal.jsonl").write_text("")
    code, _, err = run(capsys)
    assert code == 3 and "no run under runs/ has a trained step" in err
    for name in ("a", "b"):
        (golf.parent / "runs" / name / "model.golf").write_bytes(golf.read_bytes())
    code, out, err = run(capsys)
    assert code == 0 and "inspecting runs/b/model.golf, the artifact of the latest run" in err
    assert "runs/b/model.golf: " in out
    assert "identical" in run(capsys, "runs/a", "--diff", "runs/b")[1]
    code, out, err = run(capsys, "runs/a")
    assert code == 0 and err == "inspecting runs/a/model.golf\n" and "runs/a/model.golf: " in out


def test_diff_names_bytes_schemes_configuration_and_provenance(golf, capsys):
    other = golf.parent / "n.golf"
    draft = sample_draft(coder="zlib/1", model=MODEL | {"dim": 17}, provenance={"run": "sample", "seed": 8})
    tensors = tuple(replace(t, scheme="int7-row/1") if t.name.startswith("tok") else t for t in draft.tensors)
    write_artifact(other, replace(draft, tensors=tensors))
    code, out, _ = run(capsys, other, "--diff", golf, "--json")
    value = json.loads(out)
    Draft202012Validator(schema_of("inspect-diff/1")).validate(value)
    assert code == 0 and value["bytes"] == other.stat().st_size - golf.stat().st_size and not value["identical"]
    changes = {change["path"]: (change["old"], change["new"]) for change in value["changes"]}
    assert changes["model.dim"] == (16, 17) and changes["provenance.seed"] == (7, 8)
    row = next(row for row in value["tensors"] if row["name"] == "tok_emb.weight")
    assert row["old"]["scheme"] == "int6-row/1" and row["new"]["scheme"] == "int7-row/1"
    code, out, _ = run(capsys, "--diff", golf, other)
    assert code == 0 and "scheme int6-row/1 → int7-row/1" in out and "model.dim" in out
    assert "identical" in run(capsys, golf, "--diff", golf)[1]


def test_source_prints_the_code_and_nothing_else(golf, capfdbinary):
    assert exit_code_of(["inspect", str(golf), "--source"]) == 0
    assert capfdbinary.readouterr().out == SOURCE
    assert exit_code_of(["inspect", str(golf), "--source-file", "train_gpt.py"]) == 0
    assert capfdbinary.readouterr().out == SOURCE
    assert exit_code_of(["inspect", str(golf), "--source-file", "train.py"]) == 2
    assert b"did you mean 'train_gpt.py'?" in capfdbinary.readouterr().err


def test_contradictions_are_refused(golf, capsys):
    for words in (
        [golf, "--json", "--format", "text"], [golf, golf, "--diff", golf], [golf, "--diff", golf, "--since", "HEAD"],
        [golf, "--since", "HEAD", "--budget", "1"], [golf, golf, "--source"], [golf, "--source", "--format", "short"],
        [golf, "--report", golf], [golf, "--summary", "s", "--report", "s"], [golf, "--format", "xml"],
    ):  # fmt: skip
        assert run(capsys, *words)[0] == 2, words
    assert run(capsys, golf, "--json", "--format", "json")[0] == 0
    assert run(capsys, golf, "--source", "--json")[0] == 2
    assert run(capsys, golf, "--source-file", "train_gpt.py", "--verify")[0] == 2
    assert run(capsys, golf, "--diff", golf, "--budget", "1")[0] == 2


def test_files_beside_the_artifact_are_counted(golf, capsys):
    code = golf.parent / "train.py"
    code.write_bytes(b"x" * 100)
    value = report(capsys, golf, "--count", code)
    assert value["ledger"][-1] == {"name": "train.py", "bytes": 100, "where": "external"}
    declared = golf.parent / "run.sh"
    declared.write_bytes(b"x" * 12)
    assert report(capsys, golf, "--count", declared)["counted_bytes"] == golf.stat().st_size + 12
    declared.write_bytes(b"y" * 12)
    exit_code, _, err = run(capsys, golf, "--count", declared)
    assert exit_code == 3 and "declares 12 bytes" in err


def test_inspecting_imports_no_torch(golf):
    program = (
        "import sys; from golfctl.cli.main import exit_code_of; "
        f"code = exit_code_of(['inspect', {str(golf)!r}, '--verify', '--entropy', '--quiet']); "
        "sys.exit(code or (7 if 'torch' in sys.modules else 0))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0
    plain = (
        program.replace(", '--verify', '--entropy'", "")
        .replace("'torch' in", "{'numpy', 'torch'} &")
        .replace("sys.modules", "set(sys.modules)")
    )
    assert subprocess.run([sys.executable, "-c", plain], capture_output=True).returncode == 0


def test_every_form_of_a_passing_log_has_the_size(golf, capsys):
    counted = golf.stat().st_size + 12
    line = f"{counted:,} bytes counted, budget 16,000,000 (parameter-golf), {16_000_000 - counted:,} left"
    for form in ("short", "json", "markdown", "github"):
        code, out, err = run(capsys, golf, "--budget", "parameter-golf", "--format", form)
        assert code == 0 and (out if form in ("short", "github") else err).count(line) == 1
        assert (out + err).count(line) == 1
    out = run(capsys, golf, "--budget", "parameter-golf")[1]
    assert f"{counted:,} of 16,000,000 bytes, headroom {16_000_000 - counted:,}" in out


def test_a_failure_is_a_json_document_too(golf, capsys):
    golf.write_bytes(golf.read_bytes()[:-1])
    for words, expected in (([golf], 4), (["none.golf"], 3), ([golf.parent], 3)):
        code, out, err = run(capsys, *words, "--json")
        document = json.loads(out)
        Draft202012Validator(schema_of("error")).validate(document)
        assert code == document["exit_code"] == expected and document["message"] in err


def test_several_artifacts_are_all_looked_at(golf, capsys):
    bad, large = golf.parent / "bad one.golf", golf.parent / "large.golf"
    bad.write_bytes(golf.read_bytes()[:-1])
    write_artifact(large, sample_draft(coder="raw/1"))
    limit = golf.stat().st_size + 12
    code, out, err = run(capsys, bad, golf, large, "--budget", limit, "--json")
    document = json.loads(out)
    Draft202012Validator(schema_of("inspect-set")).validate(document)
    assert code == document["exit_code"] == 5
    assert [one["schema"] for one in document["artifacts"]] == ["error/1", "inspect/1", "inspect/1"]
    assert [one["budget"]["ok"] for one in document["artifacts"][1:]] == [True, False]
    assert err.count("\n") == 3
    code, out, err = run(capsys, golf, bad)
    assert code == 4 and "tok_emb.weight" in out and err.count("\n") == 1


def test_report_and_summary_are_written_beside_the_output(golf, capsys):
    report_file, summary = golf.parent / "r.json", golf.parent / "s.md"
    summary.write_text("before\n")
    assert run(capsys, golf, "--report", report_file, "--summary", summary, "--format", "short")[0] == 0
    Draft202012Validator(schema_of("inspect")).validate(json.loads(report_file.read_text()))
    assert summary.read_text().startswith(f"before\n### `{golf}`\n")
    assert run(capsys, "none.golf", "--report", report_file, "--summary", summary)[0] == 3
    assert (
        json.loads(report_file.read_text())["schema"] == "error/1" and "**Failed:** no such file" in summary.read_text()
    )


def test_since_a_commit(golf, capsys, monkeypatch):
    folder = golf.parent
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "nothing")
    git(folder, "add", "m.golf")
    git(folder, "commit", "--quiet", "-m", "artifact")
    size = golf.stat().st_size
    write_artifact(golf, sample_draft(coder="raw/1"))
    code, out, _ = run(capsys, golf, "--since", "HEAD", "--json")
    value = json.loads(out)
    Draft202012Validator(schema_of("inspect-diff")).validate(value)
    assert code == 0 and value["bytes"] == golf.stat().st_size - size and value["old"]["file_bytes"] == size
    code, out, _ = run(capsys, golf, "--since", "HEAD~1", "--json")
    value = json.loads(out)
    Draft202012Validator(schema_of("inspect-diff")).validate(value)
    assert code == 0 and value["old"] is None and value["bytes"] == golf.stat().st_size
    assert all(row["state"] == "added" for row in value["tensors"])
    for form, words in {"text": "old  none", "markdown": "is new", "short": "new − old", "github": "::notice"}.items():
        code, out, _ = run(capsys, golf, "--since", "HEAD~1", "--format", form)
        assert code == 0 and words in out
    code, _, err = run(capsys, golf, "--since", "no-such")
    assert code == 3 and "no commit 'no-such'" in err and "git fetch origin no-such" in err
    assert run(capsys, golf, "--since", "--help")[0] == 3
    monkeypatch.setenv("PATH", "")
    code, _, err = run(capsys, golf, "--since", "HEAD")
    assert code == 3 and "needs git" in err


def test_a_filter_of_git_brings_the_object(golf, capsys):
    folder, pointer = golf.parent, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    git(folder, "init", "--quiet")
    (folder / "object").write_bytes(golf.read_bytes())
    good = golf.read_bytes()
    golf.write_bytes(pointer)
    git(folder, "add", "m.golf")
    git(folder, "commit", "--quiet", "-m", "pointer")
    golf.write_bytes(good)
    code, _, err = run(capsys, golf, "--since", "HEAD")
    assert code == 3 and "a git-LFS pointer for an object of 9 bytes: run `git lfs fetch origin HEAD`" in err
    (folder / ".gitattributes").write_text("*.golf filter=stand-in\n")
    git(folder, "config", "filter.stand-in.smudge", f"cat '{folder / 'object'}'")
    assert "identical" in run(capsys, golf, "--since", "HEAD")[1]


def test_hostile_strings_of_an_artifact_stay_text(golf, capsys):
    evil = "x\n::error::y\x1b[2J ##[group] </details><script>|`"
    other = golf.parent / "n.golf"
    write_artifact(other, sample_draft(provenance={"run": evil, "seed": 7, evil: 1}))
    for form in ("text", "markdown"):
        code, out, _ = run(capsys, other, "--diff", golf, "--format", form)
        assert code == 0 and r"x\n::error::y\x1b[2J" in html.unescape(out)
        assert "\x1b" not in out and "##[" not in out and "\n::" not in out
    outside_of_code = re.sub(r"`[^`\n]*`|<code>.*?</code>", "", out)
    assert "script" not in outside_of_code and outside_of_code.count("</details>") == out.count("<details>")
