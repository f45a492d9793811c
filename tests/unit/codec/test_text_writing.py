from itertools import pairwise

import numpy as np
import pytest
import torch

from golfctl.codec.sampling import Drawing, Sampler
from golfctl.codec.text_writing import TextOfTokens, generate, prompt_ids
from golfctl.data.tokenizers.training import train_tokenizer
from golfctl.errors import DataError, UsageError

SEVEN = [3, 2, 2, 1, 1, 2, 1, 2, 2, 3, 1, 1]
ROW_V = torch.log(torch.tensor([0.1, 0.4, 0.2, 0.3]))


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["the quick brown fox jumps over the lazy dog", "seven wizards boil jam"], 300)


def drawn(drawing, count=4000, row_V=ROW_V, tokens=4, **how):
    sampler = Sampler(drawing, tokens)
    return np.bincount([sampler.draw(row_V, **how) for _ in range(count)], minlength=len(row_V)) / count


def test_tokens_come_as_often_as_the_row_says():
    assert np.abs(drawn(Drawing(1.0, 1.0)) - [0.1, 0.4, 0.2, 0.3]).max() < 0.03
    sharper = np.array([0.1, 0.4, 0.2, 0.3]) ** 2
    assert np.abs(drawn(Drawing(0.5, 1.0)) - sharper / sharper.sum()).max() < 0.03


def test_the_fewest_tokens_with_the_share_are_kept():
    assert np.flatnonzero(drawn(Drawing(1.0, 0.4), 300)).tolist() == [1]
    assert np.flatnonzero(drawn(Drawing(1.0, 0.41), 300)).tolist() == [1, 3]
    assert np.flatnonzero(drawn(Drawing(1.0, 0.89), 300)).tolist() == [1, 2, 3]
    assert np.flatnonzero(drawn(Drawing(1.0, 1e-9), 300)).tolist() == [1]


def test_temperature_zero_takes_the_likeliest_and_the_first_of_equals():
    assert np.flatnonzero(drawn(Drawing(0.0), 20)).tolist() == [1]
    even_V = torch.full((4,), float(np.log(0.25)))
    assert np.flatnonzero(drawn(Drawing(0.0), 20, even_V)).tolist() == [0]
    assert np.flatnonzero(drawn(Drawing(1e-300), 20)).tolist() == [1]


def test_columns_without_a_piece_and_the_token_left_out_are_never_drawn():
    assert np.flatnonzero(drawn(Drawing(1.0, 1.0), 500, tokens=3)).tolist() == [0, 1, 2]
    assert np.flatnonzero(drawn(Drawing(1.0, 1.0), 500, but=1)).tolist() == [0, 2, 3]
    assert np.flatnonzero(drawn(Drawing(0.0), 20, but=1)).tolist() == [3]


def test_a_seed_is_a_sequence():
    """The numbers stand here because another machine must draw them too."""
    sampler = Sampler(Drawing(1.0, 1.0, seed=7), 4)
    assert [sampler.draw(ROW_V) for _ in range(12)] == SEVEN
    assert [Sampler(Drawing(1.0, 1.0, seed=8), 4).draw(ROW_V) for _ in range(12)] != SEVEN


@pytest.mark.parametrize("values", [(-1.0, 1.0, 0), (float("nan"), 1.0, 0), (float("inf"), 1.0, 0), (1.0, 0.0, 0),
                                    (1.0, 1.1, 0), (1.0, float("nan"), 0), (1.0, 1.0, -1)])  # fmt: skip
def test_values_out_of_range_are_refused(values):
    with pytest.raises(UsageError):
        Drawing(*values)


class Repeats:
    """A scorer that expects each token to follow itself."""

    def __init__(self, vocab_size):
        self.vocab_size, self.steps = vocab_size, []

    def reset(self, prefix_N):
        self.steps = []

    def predict(self, step):
        row_V = torch.full((1, self.vocab_size), -20.0)
        row_V[0, step.token_K[0]] = 0.0
        return row_V

    def observe(self, step, targets_K):
        self.steps.append((int(step.token_K[0]), int(targets_K[0])))


def test_the_prompt_is_read_and_what_is_drawn_comes_back_as_a_token(tokenizer):
    prompt = tokenizer.encode("the fox")
    scorer = Repeats(tokenizer.vocab_size)
    found = list(generate(scorer, tokenizer, prompt, 5, Drawing(0.0)))
    assert [one.token for one in found] == [prompt[-1]] * 5 and all(one.bits == 0 for one in found)
    expected = [tokenizer.bos, *prompt, *[prompt[-1]] * 5]
    assert scorer.steps == list(pairwise(expected))


def test_a_document_has_a_token_before_it_ends(tokenizer):
    found = list(generate(Repeats(tokenizer.vocab_size), tokenizer, [], 3, Drawing(0.0)))
    assert tokenizer.bos not in [one.token for one in found]


def test_text_comes_character_by_character(tokenizer):
    ids = tokenizer.encode("the quick 日本 é\n fox")
    text = TextOfTokens(tokenizer, [])
    pieces = [text.add(token) for token in ids] + [text.end()]
    assert "".join(pieces) == tokenizer.decode(ids) and "\ufffd" not in "".join(pieces)


def test_text_goes_on_after_a_prompt_and_documents_are_set_apart(tokenizer):
    prompt, more = tokenizer.encode("the quick"), tokenizer.encode("the quick brown fox")
    text = TextOfTokens(tokenizer, prompt)
    assert "".join(text.add(token) for token in more[len(prompt) :]) + text.end() == " brown fox"
    ids = [*more, tokenizer.bos, *more]
    text = TextOfTokens(tokenizer, [])
    assert "".join(text.add(token) for token in ids) + text.end() == "the quick brown fox\n\nthe quick brown fox"


def test_half_a_character_becomes_a_mark(tokenizer):
    byte = tokenizer.byte_ids[0xE6]
    text = TextOfTokens(tokenizer, [])
    assert text.add(byte) == "" and text.end() == "\ufffd"


def test_a_prompt_that_cannot_be_read_is_refused(tokenizer):
    assert prompt_ids(tokenizer, "") == [] and prompt_ids(tokenizer, "the fox") == tokenizer.encode("the fox")

    class Lossy:
        unk = 0

        def encode(self, text):
            return [0 if letter in "é" else 5 for letter in text if letter != "_"]

    with pytest.raises(DataError, match="no piece for é"):
        prompt_ids(Lossy(), "caf\u00e9")
    with pytest.raises(DataError, match="drops"):
        prompt_ids(Lossy(), "__")
