"""The journal's schema and its reader judge one shared list of records alike."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from golfctl.core.canonical import canonical_json, sha256_json
from golfctl.core.journal import Journal, read_journal
from golfctl.core.schema import journal_schema
from golfctl.errors import CheckpointError

DOCUMENTS = json.loads((Path(__file__).parents[2] / "fixtures" / "documents" / "journal-1.json").read_text())
SCHEMA = Draft202012Validator(journal_schema())


def record_of(case):
    """The base changed as the case says, with a right hash."""
    record = {**DOCUMENTS["base"], **case.get("set", {})}
    for key in case.get("remove", []):
        del record[key]
    return {**record, "hash": sha256_json(record)}


def read(record, folder):
    path = folder / "journal.jsonl"
    path.write_bytes(canonical_json(record) + b"\n")
    return read_journal(path)


@pytest.mark.parametrize("case", DOCUMENTS["good"], ids=lambda c: c["why"])
def test_good_ones_pass_both(case, tmp_path):
    record = record_of(case)
    SCHEMA.validate(record)
    assert read(record, tmp_path).records[0].body == record["body"]


@pytest.mark.parametrize("case", DOCUMENTS["bad"], ids=lambda c: c["why"])
def test_bad_ones_fail_both(case, tmp_path):
    record = record_of(case)
    assert not SCHEMA.is_valid(record)
    with pytest.raises(CheckpointError):
        read(record, tmp_path)


def test_what_a_journal_writes_fits(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("train.start", {"seed": 1})
    journal.append("pack", {})
    for line in journal.path.read_bytes().splitlines():
        SCHEMA.validate(json.loads(line))
