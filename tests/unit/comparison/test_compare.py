"""What may be averaged, with receipts in a real journal."""

import json
import math

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from golfctl.cli.main import exit_code_of
from golfctl.cli.schema_table import schema_of
from golfctl.comparison.compare import compare
from golfctl.comparison.receipt import read_receipt
from golfctl.core.journal import Journal
from golfctl.errors import InputError, VerdictError

ENVIRONMENT = {"python": "3.11", "packages": {"torch": "2.10"}, "cpus": 2, "devices": []}


def report(loss, name, **changes):
    values = {
        "val_loss": loss, "val_bpb": loss / 1.6, "tokens": 1000, "artifact_sha256": name, "data_sha256": "d",
        "text": "t", "config": {"stride": 64, "ttt": None}, "code_sha256": "c", "environment": ENVIRONMENT,
        "honest": True, "reasons": [],
    }  # fmt: skip
    return values | changes


def run_folder(root, name, loss, seed=0, recipe=None, **changes):
    folder = root / name
    journal = Journal(folder / "journal.jsonl")
    tables = {"train": {"seed": seed, "steps": 100}, "model": {"dim": 64}} | (recipe or {})
    journal.append("train.start", {"recipe": tables, "data": {"digest": "d"}})
    body = report(loss, name, **changes)
    record = journal.append("eval", {**body, "data": "elsewhere"})
    (folder / "eval.json").write_text(json.dumps({**body, "journal_head": record.hash}))
    return folder


@pytest.fixture
def runs(tmp_path):
    base = [run_folder(tmp_path, f"b{i}", 1.9 + 0.0004 * i, i) for i in range(3)]
    new = [run_folder(tmp_path, f"n{i}", 1.88 + 0.0003 * i, i, {"model": {"dim": 96}}) for i in range(3)]
    return base, new


def receipts(folders):
    return [read_receipt(folder) for folder in folders]


def test_a_clear_gain_is_shown_with_its_seeds(runs):
    base, new = runs
    result = compare(receipts(base), receipts([f / "eval.json" for f in new]), 0.005, 0.01)
    assert result["better"] and result["gain"] == pytest.approx(0.0201) and result["receipts_found"]
    assert result["base"]["seeds"] == [0, 1, 2]
    assert not compare(receipts(base), receipts(new), 0.02, 0.01)["better"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"config": {"stride": 32, "ttt": None}}, "config.stride: 64, 32"),
        ({"code_sha256": "other"}, "code: c, other"),
        ({"data_sha256": "e"}, "data.data_sha256: d, e"),
        ({"environment": {**ENVIRONMENT, "packages": {"torch": "2.9"}}}, "environment.packages.torch: 2.10, 2.9"),
        ({"recipe": {"train": {"seed": 9, "steps": 99}}}, "training.recipe.train.steps: 100, 99"),
    ],
    ids=["config", "code", "data", "environment", "training"],
)
def test_what_differs_must_not_be_averaged(runs, tmp_path, changes, says):
    base, new = runs
    other = run_folder(tmp_path, "odd", 1.9, 7, changes.pop("recipe", None), **changes)
    with pytest.raises(VerdictError, match="must not be averaged") as caught:
        compare(receipts([*base, other]), receipts(new), 0.005, 0.01)
    assert says in str(caught.value)


def test_what_sets_the_sides_apart_is_said(runs, capsys):
    base, new = runs
    assert compare(receipts(base), receipts(new), 0.005, 0.01)["differs"] == ["training.recipe.model.dim: 64, 96"]
    assert exit_code_of(["compare", *map(str, base), "--", *map(str, new)]) == 0
    assert "base and new differ in training.recipe.model.dim: 64, 96" in capsys.readouterr().out


def test_code_may_be_ignored_on_purpose_and_it_is_said(runs, tmp_path):
    base, new = runs
    other = run_folder(tmp_path, "odd", 1.9, 7, code_sha256="other")
    with pytest.raises(VerdictError, match="--ignore code does it all the same"):
        compare(receipts([*base, other]), receipts(new), 0.005, 0.01)
    assert compare(receipts([*base, other]), receipts(new), 0.005, 0.01, ignore=["code"])["ignored"] == ["code"]


def test_the_same_artifact_is_no_second_run(runs):
    base, new = runs
    with pytest.raises(VerdictError, match="same artifact"):
        compare(receipts([base[0], base[0]]), receipts(new), 0.005, 0.01)


@pytest.mark.parametrize("honest", [False, None])
def test_leaking_or_unproven_scores_are_no_source(runs, tmp_path, honest):
    base, new = runs
    leak = run_folder(tmp_path, "leak", 1.2, 3, honest=honest, reasons=["slot form 'shared'"])
    with pytest.raises(VerdictError, match="shared"):
        compare(receipts(base), receipts([*new, leak]), 0.005, 0.01)


def test_a_report_that_was_edited_is_caught(runs):
    path = runs[1][0] / "eval.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"val_loss": values["val_loss"] - 0.002}))
    with pytest.raises(InputError, match="differs from its own receipt in val_loss"):
        read_receipt(path)
    path.write_text(json.dumps(values | {"journal_head": "0" * 64}))
    with pytest.raises(InputError, match="does not hold"):
        read_receipt(path)


def test_other_tokens_need_bpb(runs, tmp_path):
    base = [run_folder(tmp_path, f"v{i}", 2.4 + 0.001 * i, i, tokens=500) for i in range(2)]
    with pytest.raises(VerdictError, match="--unit bpb"):
        compare(receipts(base), receipts(runs[1]), 0.005, 0.01)
    assert compare(receipts(base), receipts(runs[1]), 0.003, 0.01, "bpb")["unit"] == "bpb"


def test_the_command_says_yes_with_0_and_no_with_6(runs, capsys):
    base, new = ([str(f / "eval.json") for f in folders] for folders in runs)
    assert exit_code_of(["compare", *base, "--", *new]) == 0
    shown = capsys.readouterr().out
    assert "gain +0.0201" in shown and "3 runs a side show a gain of" in shown
    assert exit_code_of(["compare", "--json", *new, "--", *base]) == 6
    assert json.loads(capsys.readouterr().out)["better"] is False
    assert exit_code_of(["compare", *base[:1], "--", *new]) == 6
    assert exit_code_of(["compare", *base]) == 2
    assert exit_code_of(["compare", *base, "--unit", "bpb", "--", *new]) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"val_loss": "1.9"}, {"val_loss": None}, {"val_loss": float("nan")}, {"val_loss": float("inf")},
        {"val_loss": True}, {"val_bpb": -1.0}, {"val_loss": 10**400}, {"tokens": "many"}, {"artifact_sha256": ["x"]},
        {"config": "x"}, {"environment": [1]}, {"honest": False, "reasons": 5},
    ],
    ids=repr,
)  # fmt: skip
def test_reports_of_another_form_are_named_in_one_line(tmp_path, capsys, changes):
    for name, more in (("a", {}), ("b", changes)):
        (tmp_path / name).write_text(json.dumps(report(1.9, name, **more)))
    assert exit_code_of(["compare", str(tmp_path / "a"), "--", str(tmp_path / "b")]) == 3
    err = capsys.readouterr().err
    assert f"{tmp_path / 'b'}: no report as golfctl writes it: {next(k for k in changes if k != 'honest')}" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "body", [{"recipe": "x"}, {"recipe": {"train": 5}}, {"recipe": {"train": {"seed": 1}}, "data": 7}], ids=repr
)
def test_a_journal_of_another_form_is_named(tmp_path, body):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("train.start", body)
    journal.append("eval", report(1.9, "x"))
    with pytest.raises(InputError, match="does not hold a recipe"):
        read_receipt(tmp_path)


def test_a_report_that_hides_its_receipt_is_vouched_for_by_nothing(runs, capsys):
    base, new = runs
    edited = json.loads((new[0] / "eval.json").read_text()) | {"val_loss": 1.0}
    (new[0] / "eval.json").write_text(json.dumps({k: v for k, v in edited.items() if k != "journal_head"}))
    exit_code_of(["compare", *map(str, base), "--", *(str(folder / "eval.json") for folder in new)])
    assert "nothing vouches for those figures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a", "--", "b", "--margin", "1"], "--margin stands behind the second list"),
        (["--margin", "nan", "a", "--", "b"], "--margin nan is no number"),
        (["--margin", "inf", "a", "--", "b"], "--margin inf is no number"),
        (["--p", "nan", "a", "--", "b"], "--p nan is no number"),
        (["a", "b"], "compare needs two lists"),
    ],
)
def test_flags_that_make_no_sense(capsys, arguments, says):
    assert exit_code_of(["compare", *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1


LN_2 = math.log(2.0)


def bare(folder, name, loss, divisor=2000, **changes):
    """A report without a journal, whose figures agree."""
    folder.mkdir(exist_ok=True)
    body = report(loss, name, val_bpb=loss * 1000 / (LN_2 * divisor), raw_bytes=divisor, **changes)
    (folder / f"{name}.json").write_text(json.dumps(body))
    return folder / f"{name}.json"


def test_bare_reports_differ_in_nothing_that_they_say_and_training_is_unknown(tmp_path, capsys):
    base, new = (
        [bare(tmp_path, f"{side}{i}", loss + i / 1000) for i in range(2)] for side, loss in (("b", 2), ("n", 1))
    )
    result = compare(receipts(base), receipts(new), 0.005, 0.01)
    everyone = [str(path) for path in (*base, *new)]
    assert result["differs"] == [] and result["training_unknown"] == result["unvouched"] == everyone
    assert exit_code_of(["compare", *everyone[:2], "--", *everyone[2:]]) == 0
    shown = capsys.readouterr().out
    assert "differ in nothing that the reports say" in shown and "differ in nothing\n" not in shown
    assert f"how they were trained is unknown, no journal is beside them: {everyone[0]}; " in shown
    assert f"nothing vouches for those figures: {everyone[0]}; " in shown


def test_a_bare_report_is_not_averaged_with_one_whose_training_is_known(runs, tmp_path):
    odd = bare(tmp_path / "odd", "odd", 1.9)
    known = run_folder(tmp_path, "known", 1.9, val_bpb=1.9 * 1000 / (LN_2 * 2000), raw_bytes=2000)
    with pytest.raises(VerdictError, match=f"training: unknown for {odd}, known for the other"):
        compare(receipts([known, odd]), receipts(runs[1]), 0.005, 0.01)


def test_whole_journals_are_no_proof_either(runs, capsys):
    base, new = runs
    exit_code_of(["compare", *map(str, base), "--", *map(str, new)])
    assert "accidents and order, not forgery" in capsys.readouterr().out


def test_what_ignore_let_pass_is_listed(runs, tmp_path, capsys):
    base, new = runs
    other = run_folder(tmp_path, "odd", 1.9, 7, code_sha256="other")
    result = compare(receipts([*base, other]), receipts(new), 0.005, 0.01, ignore=["code"])
    assert result["passed_over"] == [f"{base[0]} and {other}: code: c, other"] and result["differs"]
    exit_code_of(["compare", "--ignore", "code", *map(str, [*base, other]), "--", *map(str, new)])
    assert "averaged all the same, as --ignore asks" in capsys.readouterr().out


def test_one_text_divided_by_different_bytes_is_never_averaged_nor_compared_in_bpb(tmp_path):
    whole = [bare(tmp_path, f"w{i}", 2 + i / 1000) for i in range(2)]
    carried = [bare(tmp_path, f"c{i}", 1.9 + i / 1000, 1500) for i in range(2)]
    with pytest.raises(VerdictError, match="must not be averaged; they differ in data.bytes: 2000, 1500"):
        compare(receipts([whole[0], carried[0]]), receipts(whole[1:]), 0.005, 0.01, ignore=["code", "environment"])
    with pytest.raises(VerdictError, match="one text by different bytes, 2000 and 1500"):
        compare(receipts(whole), receipts(carried), 0.005, 0.01, "bpb")
    assert compare(receipts(whole), receipts(carried), 0.005, 0.01)["differs"] == ["data.bytes: 2000, 1500"]


@pytest.mark.parametrize("changes", [{"val_bpb": 1.0}, {"raw_bytes": 2001}, {"carried_bytes": 1999}, {"tokens": 999}])
def test_a_figure_that_does_not_follow_from_the_others_is_refused(tmp_path, changes):
    path = bare(tmp_path, "x", 2.0)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(InputError, match="not of one evaluation"):
        read_receipt(path)


def test_carried_bytes_are_the_divisor_where_a_report_has_them(tmp_path):
    path = bare(tmp_path, "x", 2.0, 1500, carried_bytes=1500)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"raw_bytes": 2000}))
    assert read_receipt(path).divided_by == 1500


def test_the_json_says_what_can_be_recomputed_and_fits_its_schema(runs, capsys):
    base, new = runs
    exit_code_of(["compare", "--json", *map(str, base), "--", *map(str, new)])
    result = json.loads(capsys.readouterr().out)
    assert "golfctl eval" in result["recomputed"]["val_loss"] and set(result["recomputed"]) > {"val_bpb"}
    Draft202012Validator(schema_of("comparison")).validate(result)


def with_documents(loss, name, bits, held, **changes):
    """A report whose documents add up."""
    total = loss * 1000 / math.log(2)
    bits = [round(b * total / sum(bits), 3) for b in bits]
    return report(
        loss, name, val_bpb=total / sum(held), carried_bytes=sum(held),
        by_document={"bits": bits, "carried_bytes": held, "raw_bytes": held}, **changes
    )  # fmt: skip


def written(tmp_path, name, body):
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(body))
    return read_receipt(path)


def sets(tmp_path, base_shares, new_shares, held):
    base = [written(tmp_path, f"b{i}", with_documents(1.9 + 0.001 * i, f"b{i}", base_shares, held)) for i in range(3)]
    new = [written(tmp_path, f"n{i}", with_documents(1.8 + 0.001 * i, f"n{i}", new_shares, held)) for i in range(3)]
    return base, new


def test_documents_are_paired(tmp_path):
    held = [100, 200, 300, 400]
    base, new = sets(tmp_path, held, held, held)  # every document gains the same bits a byte
    found = compare(base, new, 0.005, 0.01)["paired_documents"]
    gain = 0.1 * 1000 / math.log(2) / 1000
    assert found["documents"] == found["documents_better"] == 4 and found["gain_bpb"] == pytest.approx(gain, abs=1e-5)
    assert found["interval_95_bpb"] == pytest.approx([gain, gain], abs=1e-4)


def test_a_gain_on_one_document_alone_is_seen_as_such(tmp_path, capsys):
    held = [250] * 4
    base, new = sets(tmp_path, [1, 1, 1, 1.4], [1, 1, 1, 1.0], held)
    found = compare(base, new, 0.005, 0.01)["paired_documents"]
    assert found["documents_better"] == 1 and found["interval_95_bpb"][0] < 0 < found["interval_95_bpb"][1]
    paths = [[receipt.source for receipt in side] for side in (base, new)]
    assert exit_code_of(["compare", *paths[0], "--", *paths[1]]) == 0
    said = capsys.readouterr().out
    assert "better on 1" in said and "other documents might not show it" in said


def test_the_interval_is_that_of_the_ratio_of_sums(tmp_path):
    """Against a plain loop with the same draws."""
    rng = np.random.default_rng(3)
    held = rng.integers(50, 500, 30).tolist()
    base, new = sets(tmp_path, rng.uniform(1, 2, 30).tolist(), rng.uniform(1, 2, 30).tolist(), held)
    found = compare(base, new, 0.005, 0.01)["paired_documents"]
    saved = [np.mean([r.documents[1][d] for r in base]) - np.mean([r.documents[1][d] for r in new]) for d in range(30)]
    draws = np.random.default_rng(0)
    gains = []
    for _ in range(10):
        for drawn in draws.integers(0, 30, (1000, 30)):
            gains.append(sum(saved[d] for d in drawn) / sum(held[d] for d in drawn))
    assert found["interval_95_bpb"] == pytest.approx(np.quantile(gains, [0.025, 0.975]).tolist(), rel=1e-9)


def test_no_documents_no_pairs(tmp_path, runs):
    base, new = runs
    assert compare(receipts(base), receipts(new), 0.005, 0.01)["paired_documents"] is None
    one, other = sets(tmp_path, [1], [1], [1000])
    assert compare(one, other, 0.005, 0.01)["paired_documents"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"by_document": {"bits": [1.0], "carried_bytes": [100, 200]}},
        {"by_document": {"bits": [1.0, "x"], "carried_bytes": [100, 200]}},
        {"by_document": {"bits": [1.0, 2.0], "carried_bytes": [100, 200]}},
        {"by_document": 7},
        {"by_document": {"bits": None, "carried_bytes": None}},
    ],
)
def test_documents_that_do_not_add_up_are_refused(tmp_path, change):
    body = with_documents(1.9, "a", [1, 2], [100, 200]) | change
    with pytest.raises(InputError, match="document"):
        written(tmp_path, "odd", body)
