"""Documents in training: what starts one in the data, and where compiled attention learns of them."""

import pytest
import torch

from golfctl.model.kernels.backends import BACKENDS, segments
from golfctl.model.kernels.visible import Visible, segment_bounds
from golfctl.optim.collectives import Alone
from golfctl.optim.schedule import RunPoint
from golfctl.training import trainer as trainers
from golfctl.training.setup import prepare
from golfctl.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def make(tiny_recipe, dataset_path, **values):
    recipe = tiny_recipe(micro_batch_tokens=64, **values)
    recipe.tables["model"]["attention"] = {"heads": 2, "kv_heads": 1, "documents": True}
    return Trainer(prepare(recipe, dataset_path, CPU), Alone())


@pytest.fixture
def by_segments(monkeypatch):
    """As on CUDA."""
    monkeypatch.setattr(trainers, "attends_by_segments", lambda setup: setup.spec.attention.documents)


def test_the_loader_is_told_what_starts_a_document(tiny_recipe, dataset_path, monkeypatch):
    told = {}
    open_loader = trainers.open_loader
    monkeypatch.setattr(trainers, "open_loader", lambda *a, **k: told.update(k) or open_loader(*a, **k))
    trainer = make(tiny_recipe, dataset_path)
    trainer.close()
    assert told["bos"] == trainer.setup.dataset.tokenizer.bos == 1
    monkeypatch.setattr(type(trainer.setup.dataset.tokenizer), "bos", None)
    Trainer(trainer.setup, Alone()).close()
    assert told["bos"] is None


def test_bounds_go_with_every_micro_batch(tiny_recipe, dataset_path, by_segments):
    trainer = make(tiny_recipe, dataset_path)
    batch = trainer.next_batch()
    trainer.close()
    assert len(batch.bounds) == 2
    for rows, bounds in zip((slice(0, 4), slice(4, 8)), batch.bounds, strict=True):
        assert torch.equal(bounds, segment_bounds(batch.x_BT[rows], 1))


def test_on_a_cpu_and_without_documents_there_are_none(tiny_recipe, dataset_path):
    trainer = make(tiny_recipe, dataset_path)
    assert trainer.next_batch().bounds == [None, None]
    trainer.close()


@pytest.mark.slow
def test_another_number_of_documents_is_no_other_graph(tiny_recipe, dataset_path, by_segments, monkeypatch):
    """A kernel that reads the bounds, as those of CUDA do; the graph is made once, whatever their number."""
    seen, graphs = set(), []

    @torch.library.custom_op("golfctl_test::by_segments", mutates_args=())
    def kernel(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bounds: torch.Tensor) -> torch.Tensor:
        seen.add(len(bounds))
        documents = torch.zeros(q.shape[:2], dtype=torch.int32)
        return segments(q, k, v, Visible(documents, bounds)).contiguous()

    kernel.register_fake(lambda q, k, v, bounds: torch.empty_like(q))
    kernel.register_autograd(
        lambda ctx, g: (g, None, None, None), setup_context=lambda ctx, inputs, output: None
    )  # any gradient will do
    monkeypatch.setitem(BACKENDS, "sdpa", lambda q, k, v, visible: kernel(q, k, v, visible.bounds))

    def backend(graph, inputs):
        graphs.append(graph)
        from torch._dynamo.backends.debugging import aot_eager

        return aot_eager(graph, inputs)

    trainer = make(tiny_recipe, dataset_path, compile=True)
    torch._dynamo.reset()
    trainer.loss_function = torch.compile(trainer.model.loss, fullgraph=True, dynamic=False, backend=backend)
    for step, multiple in enumerate((64, 16, 2)):
        monkeypatch.setattr(trainers, "segment_bounds", lambda ids, bos, m=multiple: segment_bounds(ids, bos, m))
        trainer.step(RunPoint(step, 0.0, 6, None))
    trainer.close()
    assert len(seen) > 1 and len(graphs) == 1
