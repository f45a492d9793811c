"""Too little memory, as a device would say so."""

import pytest
import torch

from golfctl.errors import InputError
from golfctl.optim.collectives import Alone
from golfctl.training.meters.memory import fit_memory, memory_errors
from golfctl.training.setup import prepare
from golfctl.training.trainer import Trainer

CPU = torch.device("cpu")


class Listener:
    def __init__(self):
        self.said = []

    def say(self, message):
        self.said.append(message)


@pytest.fixture
def trainer(tiny_recipe, dataset_path):
    made = Trainer(prepare(tiny_recipe(), dataset_path, CPU), Alone())  # 8 sequences a step
    yield made
    made.close()


def room_for(trainer, sequences):
    loss = trainer.loss_function

    def bounded(x, y, **options):
        if len(x) > sequences:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss(x, y, **options)

    trainer.loss_function = bounded


def test_micro_batches_shrink_until_they_fit(trainer):
    listener = Listener()
    room_for(trainer, 3)
    assert trainer.micro_sequences == 8
    fit_memory(trainer, listener)
    assert trainer.micro_sequences == 2 and listener.said[-1].endswith("going on with 2 sequences at a time")
    assert all(p.grad is None for p in trainer.parameters.values())


def test_not_even_one_sequence(trainer):
    room_for(trainer, 0)
    with pytest.raises(InputError, match=r"too little memory for 1 × 16 tokens.*sequence_length"):
        fit_memory(trainer, Listener())


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA"), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_a_refused_allocation_says_what_to_do(trainer, error):
    with pytest.raises(InputError, match="micro_batch_tokens below 128"), memory_errors(trainer):
        raise error


def test_other_errors_pass(trainer):
    with pytest.raises(RuntimeError, match="shapes"), memory_errors(trainer):
        raise RuntimeError("shapes differ")


@pytest.mark.parametrize(("rows", "expected"), [(0, 3), (2, 2), (3, 3), (4, 2), (7, 3), (8, 3), (9, 3)])
def test_micro_batches_are_of_one_size_where_possible(tiny_recipe, dataset_path, monkeypatch, rows, expected):
    setup = prepare(tiny_recipe(), dataset_path, CPU)
    monkeypatch.setattr("golfctl.training.setup._CPU_MICRO_TOKENS", 3 * 16)
    assert setup.micro_sequences(rows) == expected
