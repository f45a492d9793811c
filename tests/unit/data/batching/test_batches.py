"""Loaders: the order they promise, the same global batch for any number of ranks, resumable at any step."""

from itertools import pairwise

import numpy as np
import pytest

from golfctl.data.batching.batches import open_loader
from golfctl.data.config import DataConfig
from golfctl.data.shards import write_shard
from golfctl.errors import CheckpointError, ConfigError, DataError

LOADERS = ["sequential", "shuffled", "coprime", "packed"]
LENGTH, SEQUENCES = 8, 12


@pytest.fixture
def shards(tmp_path):
    """Three uneven shards holding 0, 1, 2, … so that a token is its own position."""
    bounds = [0, 350, 357, 1003]
    return [
        tmp_path / write_shard(tmp_path / f"t_train_{i:06d}.bin", np.arange(a, b)).file
        for i, (a, b) in enumerate(pairwise(bounds))
    ]


def opened(shards, loader, **options):
    shape = {"batch_sequences": SEQUENCES, "sequence_length": LENGTH, "seed": 3} | options
    slices = shape.pop("slices", 1)
    return open_loader(DataConfig(loader=loader, slices=slices), shards, **shape)


@pytest.mark.parametrize("loader", LOADERS)
def test_targets_are_the_inputs_one_later(shards, loader):
    deal = opened(shards, loader)
    for _ in range(30):
        batch = deal.next()
        assert batch.x_BT.shape == batch.y_BT.shape == (SEQUENCES, LENGTH)
        assert np.array_equal((batch.x_BT + 1) % 1003, batch.y_BT)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("world", [2, 3, 5, 8, 16])
def test_ranks_share_out_one_global_batch(shards, loader, world):
    whole = opened(shards, loader)
    ranks = [opened(shards, loader, rank=rank, world=world) for rank in range(world)]
    for _ in range(12):
        assert np.array_equal(whole.next().x_BT, np.concatenate([rank.next().x_BT for rank in ranks]))


@pytest.mark.parametrize("loader", LOADERS)
def test_resumes_at_every_step_with_another_number_of_ranks(shards, loader):
    deal = opened(shards, loader)
    for _ in range(25):
        state = deal.state()
        expected = deal.next().x_BT
        again = opened(shards, loader, rank=1, world=2)
        again.restore(state)
        assert np.array_equal(again.next().x_BT, expected[SEQUENCES // 2 :])


@pytest.mark.parametrize("loader", LOADERS)
def test_refuses_the_state_of_other_data_or_seed(shards, loader):
    state = opened(shards, loader).state()
    with pytest.raises(CheckpointError, match="seed was 3"):
        opened(shards, loader, seed=4).restore(state)
    with pytest.raises(CheckpointError, match="tokens was 1003"):
        opened(shards[:1], loader).restore(state)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("value", [None, "x", [], {}])
def test_refuses_a_damaged_state(shards, loader, value):
    """A key gone, or of another kind."""
    whole = opened(shards, loader).state()
    for key in whole.keys() - {"loader", "seed", "tokens"}:
        for state in ({name: held for name, held in whole.items() if name != key}, whole | {key: value}):
            with pytest.raises(CheckpointError, match="cannot resume the data order"):
                opened(shards, loader).restore(state)


@pytest.mark.parametrize("loader", ["shuffled", "coprime"])
def test_the_seed_matters(shards, loader):
    first, second = (opened(shards, loader, seed=seed).next().x_BT for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_every_window_of_an_epoch_is_dealt_once(shards):
    deal = opened(shards, "shuffled", batch_sequences=1)
    per_epoch = (1003 - LENGTH) // LENGTH
    for _ in range(3):
        starts = sorted(int(deal.next().x_BT[0, 0]) for _ in range(per_epoch))
        assert set(np.diff(starts)) == {LENGTH}


def test_sequential_is_the_community_order_whatever_the_ranks(shards):
    """8 slices a step, each of local + 1 consecutive tokens: what `accum = 8 // W` micro-steps of W ranks read."""
    deal = opened(shards, "sequential", batch_sequences=16, slices=8)
    local = 16 * LENGTH // 8
    stream = np.concatenate([np.arange(1003)] * 3)
    for step in range(8):
        taken = stream[step * 8 * (local + 1) :][: 8 * (local + 1)].reshape(8, local + 1)
        assert np.array_equal(deal.next().x_BT, taken[:, :-1].reshape(16, LENGTH))


def test_too_little_text_and_ids_outside_the_vocabulary_are_data_errors(shards, tmp_path):
    short = write_shard(tmp_path / "s_train_000000.bin", [1, 2, 3])
    with pytest.raises(DataError, match="3 training tokens are too few for sequences of 8"):
        opened([tmp_path / short.file], "sequential")
    with pytest.raises(DataError, match="no training tokens"):
        opened([], "sequential")
    with pytest.raises(DataError, match=r"id 200, not below the vocabulary's 200"):
        deal = opened(shards, "sequential", vocab_size=200)
        for _ in range(3):
            deal.next()
    with pytest.raises(ConfigError, match="does not divide"):
        opened(shards, "sequential", slices=5)
