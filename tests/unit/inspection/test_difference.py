"""Differences of reports: every leaf that differs, no leaf that does not."""

from golfctl.artifact import encode_artifact, ledger_of, read_artifact
from golfctl.inspection.difference import diff_reports
from golfctl.inspection.report import build_report
from tests.samples import sample_draft


def report(**changes):
    artifact = read_artifact(encode_artifact(sample_draft(**changes)))
    return build_report(artifact, ledger_of(artifact), None)


def changes(old, new):
    return {c["path"]: (c["old"], c["new"]) for c in diff_reports(old, new)["changes"]}


def test_equal_artifacts_have_no_differences():
    difference = diff_reports(report(), report())
    assert difference["identical"] and difference["bytes"] == 0
    assert not any(difference[key] for key in ("ledger", "groups", "tensors", "sections", "changes"))


def test_a_tree_that_one_side_lacks_is_listed_by_its_leaves():
    found = changes(report(provenance=None), report())
    assert found["provenance.run"] == (None, "sample") and found["provenance.seed"] == (None, 7)
    assert changes(report(), report(provenance=None))["provenance.run"] == ("sample", None)


def test_a_value_that_becomes_another_type_is_one_change():
    found = changes(report(model={"a": [1], "b": {"c": 1}}), report(model={"a": [1, 2], "b": 3}))
    assert found["model.a"] == ([1], [1, 2]) and found["model.b"] == ({"c": 1}, 3)


def test_added_and_removed_tensors():
    rows = {row["name"]: row for row in diff_reports(report(layers=1), report(layers=2))["tensors"]}
    added = rows["blocks.1.attn.c_q.weight"]
    assert added["state"] == "added" and added["old"] is None and added["bytes"] == added["new"]["bytes"]
    rows = {row["name"]: row for row in diff_reports(report(layers=2), report(layers=1))["tensors"]}
    removed = rows["blocks.1.attn.c_q.weight"]
    assert removed["state"] == "removed" and removed["new"] is None and removed["bytes"] == -removed["old"]["bytes"]
