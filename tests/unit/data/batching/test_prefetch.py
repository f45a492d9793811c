"""A prefetcher deals what its loader deals, and its state is that of the last batch dealt."""

import numpy as np
import pytest

from golfctl.data.batching.batches import open_loader
from golfctl.data.batching.prefetch import Prefetcher, prefetching
from golfctl.data.config import DataConfig
from golfctl.data.shards import write_shard
from golfctl.errors import CheckpointError, DataError


def loader(folder, vocab_size=None, ids=range(900)):
    path = folder / write_shard(folder / "t_train_0.bin", ids).file
    shape = {"batch_sequences": 3, "sequence_length": 8, "seed": 1, "vocab_size": vocab_size}
    return open_loader(DataConfig(loader="coprime"), [path], **shape)


@pytest.mark.parametrize("depth", [1, 3])
def test_deals_and_resumes_like_the_loader_itself(tmp_path, depth):
    plain = loader(tmp_path)
    with Prefetcher(loader(tmp_path), depth) as ahead:
        for _ in range(20):
            state, expected = plain.state(), plain.next()
            assert ahead.state() == state
            assert np.array_equal(ahead.next().x_BT, expected.x_BT)
        ahead.restore(state)
        assert np.array_equal(ahead.next().y_BT, expected.y_BT)


def test_the_loaders_error_reaches_the_one_who_asked_and_stays(tmp_path):
    ids = np.r_[np.arange(400), 5000, np.arange(400)]
    with Prefetcher(loader(tmp_path, vocab_size=1000, ids=ids)) as ahead:
        for _ in range(2):
            with pytest.raises(DataError, match="id 5000"):
                for _ in range(60):
                    ahead.next()


def test_a_foreign_state_is_refused_and_closing_ends_the_thread(tmp_path):
    ahead = Prefetcher(loader(tmp_path))
    thread = ahead._thread
    with pytest.raises(CheckpointError):
        ahead.restore({"loader": "other"})
    ahead.close()
    assert not thread.is_alive()
    with pytest.raises(ValueError, match="closed"):
        ahead.next()


def test_depth_0_is_the_loader_itself(tmp_path):
    plain = loader(tmp_path)
    assert prefetching(plain, 0) is plain
    ahead = prefetching(loader(tmp_path), 2)
    for deal in (plain, ahead):
        deal.next()
    assert ahead.state() == plain.state()
    plain.close()
    ahead.close()
