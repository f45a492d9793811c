"""The reader beyond single rules: missing files, tighter limits, order of checks, no plug-ins."""

import subprocess
import sys
from dataclasses import replace

import pytest

from golfctl.artifact import (
    Budget,
    Limits,
    RuleError,
    encode_artifact,
    ledger_of,
    open_artifact,
    overhead_bytes,
    read_artifact,
)
from golfctl.artifact.constants import LIMIT_REASONS, MANIFEST_CODERS, PREAMBLE_BYTES, PREAMBLE_FIELDS
from golfctl.errors import ArtifactError, InputError
from golfctl.inspection.report import build_report
from tests.samples import SOURCE, sample_draft


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        open_artifact(tmp_path / "none.golf")
    with pytest.raises(InputError, match="cannot read"):
        open_artifact(tmp_path)


def test_a_large_file_of_another_kind_is_not_read(tmp_path):
    path = tmp_path / "big.bin"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse
    with pytest.raises(RuleError, match="rule magic broken"):
        open_artifact(path)


def test_every_manifest_coder_gives_the_same_artifact():
    manifests = [read_artifact(encode_artifact(sample_draft(), coder)).manifest.to_json() for coder in MANIFEST_CODERS]
    assert manifests[0] == manifests[1] == manifests[2]


@pytest.mark.parametrize(
    "limits",
    [
        Limits(raw_bytes=100), Limits(weights=100), Limits(tensors=2), Limits(sections=2), Limits(streams=2),
        Limits(manifest_bytes=64), Limits(manifest_raw_bytes=64), Limits(file_bytes=100), Limits(manifest_depth=2),
        Limits(parts_per_tensor=1), Limits(dimensions=1), Limits(files_per_section=0), Limits(external_files=0),
    ],
)  # fmt: skip
def test_tighter_limits_are_kept(limits):
    data = encode_artifact(sample_draft())
    with pytest.raises(RuleError):
        read_artifact(data, limits)


def test_every_limit_has_a_reason():
    assert set(LIMIT_REASONS) == set(Limits._fields)
    assert PREAMBLE_BYTES == 64 and sum(f.name == "seal" for f in PREAMBLE_FIELDS) == 1


def test_unknown_coders_and_schemes_are_readable_to_the_byte():
    draft = sample_draft()
    tensors = tuple(replace(tensor, scheme="e8-lattice/3") for tensor in draft.tensors)
    sections = tuple(replace(section, coder="warp-drive/9") for section in draft.sections)
    artifact = read_artifact(encode_artifact(replace(draft, tensors=tensors, sections=sections)))
    report = build_report(artifact, ledger_of(artifact), Budget(16_000_000))
    assert sum(row["bytes"] for row in report["ledger"] if row["where"] == "file") == artifact.file_bytes
    assert sum(tensor["bytes"] for tensor in report["tensors"]) + overhead_bytes(artifact) == artifact.file_bytes
    assert {tensor["scheme"] for tensor in report["tensors"]} == {"e8-lattice/3"}


def test_section_lookup_names_what_there_is():
    artifact = read_artifact(encode_artifact(sample_draft(blob_coder="raw/1")))
    assert bytes(artifact.payload(artifact.section("code"))) == SOURCE
    with pytest.raises(ArtifactError, match="no section 'weights'; it has: matrices, small, tokenizer, code, notes"):
        artifact.section("weights")


def test_reading_imports_neither_numpy_nor_torch():
    program = "import sys, golfctl.artifact; print(*(m for m in ('numpy', 'torch', 'pydantic') if m in sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
