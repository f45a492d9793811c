"""What the parts of benchmarks/gpu.sh judge by: yardsticks that a fault exceeds, specs, projections, outcomes."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
import torch

from benchmarks.gpu.options import read
from benchmarks.gpu.parts import ranks, sliding_beside, ttt_beside
from benchmarks.gpu.parts.cases import compare, from_files, from_recipes, numbers
from benchmarks.gpu.parts.gpu_tests import judge
from benchmarks.gpu.parts.kernels import DRY_SHAPE, attention, made, one, visible
from benchmarks.gpu.parts.paths import NotHere, Path, all_paths
from benchmarks.gpu.parts.references import read as read_file
from benchmarks.gpu.parts.references import spec_of
from benchmarks.gpu.report import Report
from benchmarks.gpu.table import PARTS
from golfctl.model.kernels.backends import BACKENDS
from tests.unit.model.cases import spec_of_reference


@pytest.fixture
def options(tmp_path):
    return read(["--dry", "--out", str(tmp_path)], tuple(part.name for part in PARTS))


@pytest.fixture
def report(tmp_path):
    return Report(tmp_path / "report.json")


def verdicts(report):
    return {check["verdict"] for check in report.checks}


def test_the_specs_are_those_of_the_model_tests(options):
    for name in ("model_pr549", "model_pr549_no_extras", "model_pr549_long", "model_pr761"):
        facts, tensors = read_file(options.parity / f"{name}.safetensors")
        weights = {k.removeprefix("weight/"): t for k, t in tensors.items() if k.startswith("weight/")}
        mine, theirs = spec_of(facts["config"], weights).to_dict(), spec_of_reference(facts["config"]).to_dict()
        for unread in ("init", "embedding", "bos"):
            mine.pop(unread), theirs.pop(unread)
        mine["attention"].pop("qk_gain"), theirs["attention"].pop("qk_gain")  # starts of weights that a file replaces
        for options_of in (mine["parts"], theirs["parts"]):
            layers = options_of.get("value_embedding", {}).get("layers")
            assert layers is None or isinstance(layers, list)
        assert mine == theirs, name


def scaled_values(case, dtype):
    name = "blocks.1.attn.c_v.weight"
    size = 0.001 if dtype == torch.float32 else 1.0
    return replace(case, weights=case.weights | {name: case.weights[name] * (1 + size)})


def documents_ignored(case, dtype):
    attention = case.spec.attention.model_copy(update={"documents": False})
    return replace(case, spec=case.spec.model_copy(update={"attention": attention}))


@pytest.mark.parametrize(
    ("cases", "fault", "dtype"),
    [
        (from_files, scaled_values, torch.float32),
        (from_files, scaled_values, torch.bfloat16),
        (from_recipes, documents_ignored, torch.float32),
        pytest.param(from_recipes, documents_ignored, torch.bfloat16, marks=pytest.mark.slow),
    ],
)
def test_a_right_model_passes_and_a_wrong_one_fails(options, report, cases, fault, dtype):
    *_, case = cases(options, report) if cases is from_files else cases(options)
    compare(report, "right", case, numbers(case, case.model("cpu", dtype, "auto"), "cpu"), dtype)
    assert verdicts(report) == {"passed"}
    wrong = fault(case, dtype)
    compare(report, "wrong", case, numbers(wrong, wrong.model("cpu", dtype, "auto"), "cpu"), dtype)
    failed = {check["name"] for check in report.checks if check["verdict"] == "failed"}
    assert "wrong: logits" in failed and any("gradient" in each for each in failed)


def test_a_wrong_kernel_fails(options, report, monkeypatch):
    inputs = made(DRY_SHAPE, torch.float32)
    truth = attention(inputs, torch.float64, "cpu", visible(DRY_SHAPE, True, "cpu"), "math")
    near = attention(inputs, torch.float32, "cpu", visible(DRY_SHAPE, True, "cpu"), "math")
    path = Path("sdpa", torch.float32)
    one(report, path, inputs, True, truth, near, "cpu")
    assert len(report.checks) == 4 and verdicts(report) == {"passed"}
    right = BACKENDS["sdpa"]
    monkeypatch.setitem(BACKENDS, "sdpa", lambda q, k, v, seen: right(q, k, v, seen._replace(documents_BS=None)))
    one(report, path, inputs, True, truth, near, "cpu")
    assert [check["verdict"] for check in report.checks[4:]] == ["failed"] * 4


def test_every_path_of_ours_on_a_gpu_is_tried():
    names = {path.backend for path in all_paths()}
    assert names - {"auto"} == set(BACKENDS) - {"saved", "folded", "sliced"}  # these three are for CPUs
    assert {path.dtype for path in all_paths() if path.backend == "auto"} == {torch.float32, torch.bfloat16}


def test_a_refusing_kernel_is_not_here_and_another_error_is_one():
    with pytest.raises(NotHere), Path("sdpa", torch.float32, "cudnn").chosen():
        raise RuntimeError("No available kernel. Aborting execution.")
    with pytest.raises(RuntimeError, match="illegal"), Path("sdpa", torch.float32, "flash").chosen():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    assert "flash_attn_interface" in Path("fa3", torch.bfloat16).absent("cuda", documents=False)


def test_projections_to_eight_gpus():
    sliding = {"rows": 2048, "ours_s": 0.1, "reference_s": 0.2}
    expected = 62_021_632 / 2048 / 8 * 0.1
    assert sliding_beside.projected(sliding)["ours_s"] == pytest.approx(expected, abs=0.1)
    whole, scoring = {"rows": 32768, "ours_s": 3.0}, {"ours_s": 2.0}
    found = ttt_beside.projected(whole, scoring, "ours")
    chunks = 62_021_632 / 32768
    assert found["training_shared_s"] == pytest.approx(chunks * 3.0 / 8, abs=0.1)
    assert found["training_on_each_s"] == pytest.approx(chunks * (2.0 / 8 + 1.0), abs=0.1)


@pytest.mark.parametrize(("gpus", "found"), [(2, [2]), (3, [2, 3]), (4, [2, 4]), (6, [2, 4, 6]), (8, [2, 4, 8])])
def test_numbers_of_ranks(options, monkeypatch, gpus, found):
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    assert ranks.worlds(replace(options, dry=False)) == found and ranks.worlds(options) == [2]


def test_outcomes_of_tests(report):
    for inside in ("", '<skipped message="fa3 needs"/>', '<failure message="off by one"/>', '<error message="no"/>'):
        judge(ElementTree.fromstring(f'<testcase classname="a.b" name="c">{inside}</testcase>'), report)
    assert [check["verdict"] for check in report.checks] == ["passed", "not here", "failed", "failed"]
    assert report.checks[2]["note"] == "off by one"
