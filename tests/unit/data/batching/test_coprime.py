"""Coprime strides: every window of a shard once per round, several shards a batch, the folder's name without effect."""

import json
from itertools import pairwise

import numpy as np
import pytest

from golfctl.data.batching.batches import open_loader
from golfctl.data.config import DataConfig
from golfctl.data.shards import write_shard

LENGTH = 8


def make(folder, bounds):
    folder.mkdir(exist_ok=True)
    names = [
        write_shard(folder / f"t_train_{i}.bin", np.arange(a, b)).file for i, (a, b) in enumerate(pairwise(bounds))
    ]
    return [folder / name for name in names]


def opened(shards, sequences=6, seed=0):
    config = DataConfig(loader="coprime")
    return open_loader(config, shards, batch_sequences=sequences, sequence_length=LENGTH, seed=seed)


def test_each_round_visits_every_window_of_a_shard_once(tmp_path):
    deal = opened(make(tmp_path, [0, 331]), sequences=1)
    for _ in range(4):
        first = int(deal.next().x_BT[0, 0])
        count = (331 - 1 - first % LENGTH) // LENGTH  # windows that fit at this round's phase
        starts = [first, *(int(deal.next().x_BT[0, 0]) for _ in range(count - 1))]
        assert sorted(starts) == [first % LENGTH + LENGTH * i for i in range(count)]


def test_a_batch_mixes_shards_in_proportion_to_what_they_hold(tmp_path):
    bounds = [0, 4000, 8000, 8100]
    deal = opened(make(tmp_path, bounds), sequences=12)
    origin = np.concatenate([np.searchsorted(bounds, deal.next().x_BT[:, 0], side="right") - 1 for _ in range(40)])
    share = np.bincount(origin, minlength=3) / len(origin)
    assert share[0] == pytest.approx(share[1], abs=0.1) and 0 < share[2] < 0.2


def test_windows_never_cross_shards(tmp_path):
    bounds = [0, 100, 105, 300]
    deal = opened(make(tmp_path, bounds))
    for _ in range(60):
        batch = deal.next()
        inside = np.searchsorted(bounds, batch.x_BT[:, 0], "right") == np.searchsorted(
            bounds, batch.y_BT[:, -1], "right"
        )
        assert inside.all()


def test_the_folder_has_no_part_in_the_order(tmp_path):
    first, second = (opened(make(tmp_path / name, [0, 500, 900])) for name in ("one", "another"))
    for _ in range(5):
        assert np.array_equal(first.next().x_BT, second.next().x_BT)


def test_state_is_json(tmp_path):
    shards = make(tmp_path, [0, 500, 900])
    deal = opened(shards)
    for _ in range(7):
        deal.next()
    state, expected = json.loads(json.dumps(deal.state())), deal.next()
    again = opened(shards)
    again.restore(state)
    assert np.array_equal(again.next().x_BT, expected.x_BT)


def test_only_short_shards_are_read_as_one(tmp_path):
    batch = opened(make(tmp_path, [0, 6, 12, 40])[:2], sequences=2).next()
    assert batch.x_BT.shape == (2, LENGTH)
