"""Document packing: steps inside one shard, from a document's start on."""

import pytest

from golfctl.data.batching.batches import open_loader
from golfctl.data.config import DataConfig
from golfctl.data.shards import write_shard
from golfctl.errors import ConfigError, DataError

LENGTH = 5


def opened(shards, sequences=4, **options):
    config = DataConfig(loader="packed", **options)
    return open_loader(config, shards, batch_sequences=sequences, sequence_length=LENGTH, seed=0)


def shard(folder, index, ids):
    return folder / write_shard(folder / f"t_train_{index}.bin", ids).file


def test_steps_start_at_a_document_and_drop_the_tail_of_a_shard(tmp_path):
    first = [7, 8, 1, *range(100, 150)]  # 2 tokens of an unknown document, then 51: two steps of 21 and a tail of 9
    second = [1, *range(200, 225)]  # one step and a tail of 5
    deal = opened([shard(tmp_path, 0, first), shard(tmp_path, 1, second)])
    flat = [deal.next().x_BT.reshape(-1).tolist() for _ in range(4)]
    assert flat[0] == first[2:22] and flat[1] == first[23:43] and flat[2] == second[:20]
    assert flat[3] == flat[0]


def test_another_bos_starts_documents(tmp_path):
    path = shard(tmp_path, 0, [7, 2, *range(100, 150)])
    deal = open_loader(DataConfig(loader="packed"), [path], batch_sequences=4, sequence_length=LENGTH, seed=0, bos=2)
    assert deal.next().x_BT[0].tolist() == [2, 100, 101, 102, 103]


def test_shards_without_room_and_bad_slices_are_errors(tmp_path):
    with pytest.raises(DataError, match="no training shard holds the 21 tokens"):
        opened([shard(tmp_path, 0, [5] * 60)])
    with pytest.raises(ConfigError, match="data.slices = 3 does not divide"):
        opened([shard(tmp_path, 0, [1] * 60)], slices=3)


def test_without_a_bos_there_are_no_documents_to_pack(tmp_path):
    path = shard(tmp_path, 0, [1, *range(100, 150)])
    with pytest.raises(ConfigError, match="no BOS"):
        open_loader(DataConfig(loader="packed"), [path], batch_sequences=4, sequence_length=LENGTH, seed=0, bos=None)
    open_loader(DataConfig(loader="sequential"), [path], batch_sequences=4, sequence_length=LENGTH, seed=0, bos=None)
