"""The divisor of a stream, whole and in part, and what its property says, over a lossy tokenizer."""

import numpy as np
import pytest
import torch

from golfctl.data.build import build_dataset, split_explicit
from golfctl.data.dataset import Dataset
from golfctl.data.text.sources import Document
from golfctl.evaluation.figures.bpb import score
from golfctl.evaluation.figures.divisor import bytes_property, text_notes
from golfctl.evaluation.stream import Stream
from golfctl.training.run.held_out import held_out_loss
from tests.oracles.carried_bytes import carried_bytes
from tests.random_tokenizer import make

TEXTS = ["  ab  ba яя a", "bab ж abba", "aaa bbb ab"]


def built(folder, texts=TEXTS, **options):
    tokenizer = make([*"ab", "\u2581", "ab"], **{"byte_fallback": False, "remove_extra": True, **options})
    held = [Document(str(i), text) for i, text in enumerate(texts)]
    train = [Document("t", "ab " * 50)]
    return build_dataset(folder, split_explicit(train, held), tokenizer, source="", split="")


@pytest.fixture
def dataset(tmp_path):
    return built(tmp_path / "d")


def expected(dataset, text):
    return carried_bytes(text, dataset.tokenizer.decode(dataset.tokenizer.encode(text)))


def test_bits_are_divided_by_carried_bytes_and_each_document_by_its_own(dataset):
    stream = Stream.of(dataset)
    assert stream.carried_bytes_D.tolist() == [expected(dataset, text) for text in TEXTS]
    assert stream.raw_bytes_D.tolist() == [len(text.encode()) for text in TEXTS]
    found = score(stream, np.full(stream.rows, np.log(2)))
    assert found.val_bpb == stream.rows / stream.carried_bytes > found.val_bpb_raw == stream.rows / stream.raw_bytes
    assert (found.carried_bytes, found.raw_bytes) == (stream.carried_bytes, stream.raw_bytes)


def test_a_part_of_the_text_has_the_bytes_of_its_own_tokens(dataset):
    stream = Stream.of(dataset)
    head = stream.head(2)
    assert head.carried_bytes_D.tolist() == stream.carried_bytes_D[:2].tolist() and head.losses.raw == head.raw_bytes
    for tokens in range(4, len(stream.tokens_N)):
        part = stream.cut(tokens)
        assert part.carried_bytes == stream.account.carried_N[:tokens].sum() and part.rows == tokens - 1


def test_a_lossy_text_may_be_honest_and_says_what_is_not_carried(dataset):
    stream = Stream.of(dataset)
    lost = 1 - stream.carried_bytes / stream.raw_bytes
    found = bytes_property(stream)
    assert found["verdict"] is True and f"{lost:.2%} are not" in found["how"]
    unknown, normaliser = text_notes(stream)
    assert "2 of" in unknown and "<unk>, which swallows 6 of" in unknown and "made normaliser is lossy" in normaliser


def test_text_of_which_most_is_lost_has_no_score(tmp_path):
    stream = Stream.of(built(tmp_path / "d", ["яяяя a", "жжжж b"]))
    assert bytes_property(stream)["verdict"] is False


def test_without_the_text_the_property_is_unknown_but_for_a_known_digest(dataset):
    for name in ("dataset.json", "validation.jsonl.zst"):
        (dataset.path / name).unlink()
    stream = Stream.of(Dataset.open(dataset.path))
    assert bytes_property(stream)["verdict"] is None and stream.losses is None
    assert bytes_property(stream, "the text")["verdict"] is True


class Even:
    """A model whose loss is 2 nats everywhere."""

    def loss(self, x_BT, y_BT):
        return torch.tensor(2.0)


def test_training_goes_on_where_no_byte_is_billed(tmp_path):
    """A space after a special piece is billed nothing, and here all others are unknown."""
    dataset = built(tmp_path / "d", ["ж я ж я ж я ж я"], remove_extra=False)
    found = held_out_loss(Even(), dataset, 4, 100, torch.device("cpu"))
    assert found.bpb_billed is None and found.loss == 2.0
