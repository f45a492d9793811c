"""The manifest's JSON Schema and the reader judge one shared list of good and bad documents alike."""

import hashlib
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from golfctl.artifact import RuleError, read_artifact
from golfctl.artifact.manifest.schema import manifest_schema
from tests.hostile.craft import assemble, canonical, patched

DOCUMENTS = json.loads((Path(__file__).parents[2] / "fixtures" / "documents" / "manifest-1.json").read_text())
BODIES = (bytes(14), b"tok", b"ok")
SCHEMA = Draft202012Validator(manifest_schema())


def document_of(case):
    """The base with the case's values set; null removes, LONG stands for 256 letters."""
    document = json.loads(json.dumps(DOCUMENTS["base"]))
    for section, body in zip(document["sections"], BODIES, strict=True):
        section["sha256"] = hashlib.sha256(body).hexdigest()
    for path, value in case.get("set", {}).items():
        keys = [int(key) if key.isdigit() else key for key in path.split(".")]
        value = ... if value is None else "a" * 256 if value == "LONG" else value
        document = patched(document, keys, value)
    return document


def parse(document):
    return read_artifact(assemble(canonical(document), b"".join(BODIES)))


@pytest.mark.parametrize("case", DOCUMENTS["good"], ids=lambda c: c["why"])
def test_good_ones_pass_both(case):
    document = document_of(case)
    SCHEMA.validate(document)
    assert parse(document).manifest.to_json() == document


@pytest.mark.parametrize("case", DOCUMENTS["bad"], ids=lambda c: c["why"])
def test_bad_ones_fail_both(case):
    document = document_of(case)
    assert not SCHEMA.is_valid(document)
    with pytest.raises(RuleError) as caught:
        parse(document)
    assert caught.value.rule == case["rule"]


@pytest.mark.parametrize("case", DOCUMENTS["beyond_schema"], ids=lambda c: c["why"])
def test_what_a_schema_cannot_see_fails_the_reader(case):
    document = document_of(case)
    SCHEMA.validate(document)
    with pytest.raises(RuleError) as caught:
        parse(document)
    assert caught.value.rule == case["rule"]
