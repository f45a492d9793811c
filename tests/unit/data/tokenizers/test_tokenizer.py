"""Tokenizers: a reversible one gives every text back, a lossy one says what it is."""

import os
import signal
import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

from golfctl.data.tokenizers import training as tokenizer_training
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.data.tokenizers.training import train_tokenizer
from golfctl.errors import DataError, InputError
from tests.patience import HANG_SECONDS

ODD = " \t\n\r\x00\u2581\u00a0\u3000\u200b\ufeff\u2028\ufb01é😀<0xE2>▁"
UNICODE = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(ODD)), max_size=60)


@settings(max_examples=400, deadline=None)
@given(text=UNICODE)
@example("")
@example(" ")
@example("  leading, double  and trailing  ")
@example("\u2581literal \u2581\u2581 mark\u2581")
@example("<s></s><unk><pad><0x0A><0xE2><0x96><0x81>")
@example("a\n\n\tb\r\n    c\x00d")
def test_decoding_gives_every_text_back(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode_bytes([tokenizer.bos, *ids]) == text.encode()


def test_a_signal_is_heard_while_the_library_trains(monkeypatch):
    released = threading.Event()

    def busy(**_):
        os.kill(os.getpid(), signal.SIGINT)
        released.wait(HANG_SECONDS)

    monkeypatch.setattr(tokenizer_training.SentencePieceTrainer, "train", busy)
    with pytest.raises(KeyboardInterrupt):
        train_tokenizer(["some text"], 300)
    released.set()


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("the quick fox. \n\té😀\u00a0\ufb01ab1"), max_size=40))
def test_decoding_agrees_with_the_library(tokenizer, lossy, text):
    for each in (tokenizer, lossy):
        library = SentencePieceProcessor(model_proto=each.proto)
        ids = library.encode(text)
        assert each.encode(text) == ids
        assert each.decode(ids) == library.decode(ids)


def test_random_ids_decode_to_valid_text(tokenizer):
    everything = list(range(tokenizer.vocab_size))
    assert isinstance(tokenizer.decode(everything), str)  # broken UTF-8 becomes U+FFFD


def test_special_ids_are_those_of_the_community(tokenizer):
    assert (tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk) == (0, 1, 2, 3)
    kinds = [piece.kind for piece in tokenizer.pieces()]
    assert kinds[:4] == ["control", "control", "control", "unknown"] and kinds.count("byte") == 256
    assert tokenizer.vocab_size == len(kinds) == 340


def test_training_is_deterministic_and_the_bytes_are_the_tokenizer(texts, tokenizer, tmp_path):
    again = train_tokenizer(texts, 340)
    assert again.proto == tokenizer.proto and again.digest == tokenizer.digest
    (tmp_path / "t.model").write_bytes(tokenizer.proto)
    assert Tokenizer.load(tmp_path / "t.model").encode(texts[0]) == tokenizer.encode(texts[0])
    assert tokenizer.encode_many(texts[:5]) == [tokenizer.encode(text) for text in texts[:5]]


def test_reversible_and_lossy_tokenizers_say_so(tokenizer, lossy):
    assert tokenizer.reversible and tokenizer.normalizer == "identity"
    assert not lossy.reversible and lossy.normalizer == "nmt_nfkc"
    assert lossy.decode(lossy.encode(" two  spaces\nand a line ")) == "two spaces and a line"


def test_a_dummy_prefix_or_missing_byte_pieces_is_not_reversible(texts):
    import io

    from sentencepiece import SentencePieceTrainer

    for change in ({"add_dummy_prefix": True}, {"byte_fallback": False}, {"remove_extra_whitespaces": True}):
        model, options = io.BytesIO(), {"add_dummy_prefix": False, "remove_extra_whitespaces": False}
        SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=model, model_type="bpe", vocab_size=340, minloglevel=2,
            normalization_rule_name="identity", hard_vocab_limit=False, **({"byte_fallback": True} | options | change),
        )  # fmt: skip
        other = Tokenizer(model.getvalue())
        assert not other.reversible
        if "byte_fallback" not in change:
            assert other.decode(other.encode("two words")) == "two words"  # the prefix is the tokenizer's own


def test_bad_models_and_texts_are_data_errors(tokenizer, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Tokenizer.load(tmp_path / "missing.model")
    for data in (b"", b"not a model", tokenizer.proto[:1000], b"\xff" * 64):
        with pytest.raises(DataError, match="not a SentencePiece model"):
            Tokenizer(data)
    with pytest.raises(DataError, match="lone surrogate at character 1"):
        tokenizer.encode("a\ud800")
    with pytest.raises(DataError, match="token id 340 is not below the vocabulary's 340"):
        tokenizer.decode([5, 340])


def test_training_needs_text_and_a_sensible_vocabulary(texts):
    with pytest.raises(DataError, match="no text to train a tokenizer on"):
        train_tokenizer(["", " \n"], 340)
    with pytest.raises(
        DataError,
        match=r"5,000 pieces: this text supports at most \d+; give .* smaller --vocab",
    ):
        train_tokenizer(texts, 5000)
    with pytest.raises(ValueError, match="300 to 65536"):
        train_tokenizer(texts, 10)


def test_a_vocabulary_too_small_for_the_characters_says_how_many_they_are():
    letters = "".join(map(chr, range(0x3B1, 0x3B1 + 150)))
    with pytest.raises(
        DataError, match=r"300 pieces: the characters of this text alone take \d+; give a larger --vocab"
    ):
        train_tokenizer([letters] * 20, 300)
