import pytest
import torch

from golfctl.model.census import census
from golfctl.optim.collectives import Alone
from golfctl.optim.schedule import RunPoint
from golfctl.training.meters import node
from golfctl.training.meters.utilisation import Peak, cuda_peak, device_peak, utilisation
from golfctl.training.run.run_folders import run_records
from golfctl.training.setup import prepare
from golfctl.training.train import train
from golfctl.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA H100 80GB HBM3", 989), ("NVIDIA H100 PCIe", 756), ("NVIDIA H100 NVL", 835), ("NVIDIA H200", 989),
        ("NVIDIA GH200 480GB", 989), ("NVIDIA A100-SXM4-80GB", 312), ("NVIDIA GeForce RTX 4090", 165),
    ],
)  # fmt: skip
def test_peaks_are_the_makers(name, tera):
    peak = cuda_peak(name, torch.bfloat16)
    assert peak.flops == tera * 1e12 and name in peak.basis


@pytest.mark.parametrize("name", ["NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 4090 D", "NVIDIA A1000"])
def test_a_device_that_is_not_in_the_table_has_none(name):
    assert cuda_peak(name, torch.bfloat16) == Peak(None, f"no peak is known for {name}")


def test_a_peak_is_of_the_runs_precision():
    node = {"fp32_tflops": 0.1, "bf16_tflops": 0.4}
    assert cuda_peak("NVIDIA H200", torch.float32).flops is None
    assert device_peak(CPU, torch.float32, node).flops == pytest.approx(1e11)
    assert device_peak(CPU, torch.bfloat16, node).flops == pytest.approx(4e11)
    assert "node benchmark measured" in device_peak(CPU, torch.float32, node).basis
    assert "float64" in device_peak(CPU, torch.float64, node).basis
    assert "node_benchmark_seconds" in device_peak(CPU, torch.float32, None).basis
    assert device_peak(torch.device("mps"), torch.float32, node).flops is None


def test_the_share_counts_all_ranks():
    assert utilisation(4e12, 2.0, 1, Peak(4e12, "x")).mfu == 0.5
    assert utilisation(4e12, 2.0, 8, Peak(4e12, "x")).mfu == 0.0625
    assert utilisation(0, 2.0, 1, Peak(4e12, "x")).mfu is None
    assert utilisation(1.0, 2.0, 1, Peak(None, "why")) == (None, "why")


def test_flops_follow_the_loops_in_use(tiny_recipe, dataset_path):
    recipe = tiny_recipe(recurrence_start=0.5)
    recipe.tables["model"] |= {"recurrence": {"first": 1, "last": 1, "extra": 1}}
    trainer = Trainer(prepare(recipe, dataset_path, CPU), Alone())
    for step in range(4):
        trainer.step(RunPoint(step, 0.0, 4, None))
    trainer.close()
    counted = census(trainer.setup.spec)
    assert trainer.flops == 2 * 128 * (counted.flops_per_token(16, 0) + counted.flops_per_token(16, 1))


def test_the_journal_and_the_result_have_it(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    monkeypatch.setattr(node, "_CPU_WORK", node._CPU_WORK._replace(side=256))
    result = train(tiny_recipe(node_benchmark_seconds=0.02), dataset_path, tmp_path / "run")
    records = [*run_records(tmp_path / "run", "train.log"), run_records(tmp_path / "run", "train.end")[-1]]
    assert len(records) == 4
    for record in records:
        assert record["mfu"] > 0 and record["mfu_basis"].endswith("as the node benchmark measured them")
        assert set(record["phase_seconds"]) == {"data", "gradient", "optimizer"}
    assert result.mfu == records[-1]["mfu"]
    again = train(tiny_recipe(node_benchmark_seconds=0.02), dataset_path, tmp_path / "run", resume=True)
    assert (again.mfu, again.mfu_basis) == (result.mfu, result.mfu_basis)  # finished: as the journal has it


def test_without_a_peak_the_reason_is_said(tmp_path, tiny_recipe, dataset_path):
    result = train(tiny_recipe(), dataset_path, tmp_path / "run")
    assert result.mfu is None and "node_benchmark_seconds" in result.mfu_basis
    assert run_records(tmp_path / "run", "train.end")[-1]["mfu"] is None
