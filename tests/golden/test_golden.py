"""Golden artifacts: the same bytes for ever, decoded bit for bit by golfctl and by the reader written from the page."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from golfctl.artifact import read_artifact
from golfctl.coding import CODERS
from golfctl.coding.rans.distributions import SHAPES
from golfctl.coding.rans.word_stream import read_header
from golfctl.inspection.verify import verify_payloads
from golfctl.quant import SCHEMES
from tests.golden.make import DIGESTS, FILES, HERE, MAKERS, libraries_of, tensor_digests
from tests.oracles import golf_reader
from tests.oracles.golf_further import FURTHER_CODERS, FURTHER_SCHEMES

ROOT = Path(__file__).parents[2]
ENTRIES = json.loads(DIGESTS.read_text())
PATHS = {key: HERE / f"{key}.golf" for key in ENTRIES}


def test_files_and_digests_and_makers_are_the_same_set():
    assert {f"v1/{path.stem}" for path in FILES.glob("*.golf")} == set(ENTRIES)
    assert set(ENTRIES) == {f"v1/{name}" for name in MAKERS}


@pytest.mark.parametrize("key", sorted(ENTRIES))
def test_golfctl_decodes_it(key):
    data = PATHS[key].read_bytes()
    assert hashlib.sha256(data).hexdigest() == ENTRIES[key]["sha256"], "a golden file is never changed"
    verify_payloads(read_artifact(data))
    assert tensor_digests(data) == ENTRIES[key]["tensors"]


@pytest.mark.parametrize("key", sorted(ENTRIES))
def test_the_reader_written_from_the_page_decodes_it(key):
    tensors = golf_reader.read(PATHS[key].read_bytes(), FURTHER_CODERS, FURTHER_SCHEMES)
    assert {name: hashlib.sha256(raw).hexdigest() for name, (_, raw) in tensors.items()} == ENTRIES[key]["tensors"]


def test_every_coder_and_scheme_has_a_golden_artifact():
    manifests = [read_artifact(path.read_bytes()).manifest for path in PATHS.values()]
    assert {section.coder for m in manifests for section in m.sections} == set(CODERS)
    assert {tensor.scheme for m in manifests for tensor in m.tensors} == set(SCHEMES)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_encoders_still_write_the_golden_bytes(name):
    """Container bytes depend on codes, configuration and coder versions alone (design, determinism a)."""
    golden = PATHS[f"v1/{name}"].read_bytes()
    if libraries_of(golden) != ENTRIES[f"v1/{name}"]["made_with"]:
        pytest.skip("written with another version of a compression library: only decoding has to agree")
    assert MAKERS[name]() == golden


def test_digests_are_append_only():
    """Nothing that was ever committed has changed."""
    shown = subprocess.run(
        ["git", "-C", str(ROOT), "log", "--format=%H", "--", str(DIGESTS)], capture_output=True, text=True
    )
    for commit in shown.stdout.split():
        old = subprocess.run(
            ["git", "-C", str(ROOT), "show", f"{commit}:{DIGESTS.relative_to(ROOT)}"], capture_output=True, text=True
        )
        for key, entry in json.loads(old.stdout).items():
            assert ENTRIES.get(key) == entry, f"{key} changed since {commit[:8]}"


def code_lines(path):
    lines = [line.strip() for line in path.read_text().splitlines()]
    return sum(bool(line) and not line.startswith(("#", '"""')) for line in lines)


def test_the_reader_is_as_small_as_promised():
    oracles = ROOT / "tests" / "oracles"
    assert (oracles / "golf_reader.py").read_text().count("\n") < 300
    assert code_lines(oracles / "golf_rans.py") <= 90 and code_lines(oracles / "golf_grid.py") <= 60
    assert code_lines(oracles / "golf_ternary.py") <= 60
    for name in ("golf_reader.py", "golf_rans.py", "golf_grid.py", "golf_ternary.py", "golf_further.py"):
        text = (oracles / name).read_text()
        assert "import numpy" not in text and "from golfctl" not in text and "import golfctl" not in text


def test_rans_goldens_exercise_both_forms_of_every_side_and_more_than_one_shape():
    found = []
    for path in PATHS.values():
        artifact = read_artifact(path.read_bytes())
        for stream in artifact.streams():
            if stream.section.coder == "rans/1":
                header, _ = read_header(artifact.stream_payload(stream), path.stem)
                found.append((SHAPES[header.shape], header.rows, header.columns))
    assert {m for m, _, _ in found} >= {2, 4, 1024}
    for side in (1, 2):
        assert {one[side].present for one in found} == {True, False}
        assert {one[side].delta for one in found if one[side].present} == {True, False}
