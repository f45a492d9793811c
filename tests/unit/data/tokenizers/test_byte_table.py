"""Byte accounting against a reading of the rule one token at a time, and against what misled others."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from golfctl.data.tokenizers.byte_table import ByteTable
from golfctl.data.validation import decoded_bytes, document_starts
from tests.oracles.billed_bytes import billed_bytes

PARITY = Path(__file__).parents[3] / "fixtures" / "parity" / "eval_pr1128.safetensors"
TEXT = st.text(st.sampled_from("the quick fox. \n\té😀\u2581\u00a0ab"), max_size=40)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_decoded_bytes_are_the_utf8_bytes_of_each_document(tokenizer, texts):
    ids = [[tokenizer.bos, *tokenizer.encode(text)] for text in texts]
    tokens_N = np.array([i for document in ids for i in document], np.uint16)
    starts_D = document_starts(tokens_N, tokenizer.bos)
    found = decoded_bytes(tokens_N, starts_D, ByteTable.of(tokenizer))
    assert found.tolist() == [len(text.encode()) for text in texts]


@settings(max_examples=200, deadline=None)
@given(text=TEXT)
def test_billed_bytes_follow_the_rule_read_piece_by_piece(tokenizer, lossy, text):
    for each in (tokenizer, lossy):
        ids = np.array([each.bos, *each.encode(text)])
        assert ByteTable.of(each).billed_total(ids) == billed_bytes(each.pieces(), ids.tolist())


@settings(max_examples=200, deadline=None)
@given(text=TEXT)
def test_a_lossy_tokenizer_decodes_to_exactly_what_its_table_says(lossy, text):
    ids = np.array([lossy.bos, *lossy.encode(text)])
    table = ByteTable.of(lossy)
    assert int(table.decoded(ids[:-1], ids[1:]).sum()) == len(lossy.decode_bytes(ids.tolist()))


def test_a_space_is_counted_once_beside_the_piece(tokenizer):
    """The doubled space: counting `▁` inside the piece and again as a space inflates the bytes by about a sixth."""
    text = "the quick brown fox jumps over the lazy dog"
    ids = np.array([tokenizer.bos, *tokenizer.encode(text)])
    table = ByteTable.of(tokenizer)
    assert table.billed_total(ids) == len(text)
    doubled = ByteTable.from_arrays(table.base_bytes_V + table.leading_space_V, table.leading_space_V, table.boundary_V)
    assert doubled.billed_total(ids) == len(text) + text.count(" ")


def test_a_byte_piece_is_one_byte_and_never_the_length_of_its_name(tokenizer):
    table = ByteTable.of(tokenizer)
    ids = tokenizer.encode("😀")
    assert len(ids) == 4 and table.billed(np.array([tokenizer.bos, *ids[:-1]]), np.array(ids)).tolist() == [1] * 4
    literal = tokenizer.encode("<0xF0>")  # this text, by contrast, has six bytes
    assert table.billed_total(np.array([tokenizer.bos, *literal])) == 6


def test_inner_spaces_are_one_byte_each(tokenizer):
    text = "x        y"
    ids = np.array([tokenizer.bos, *tokenizer.encode(text)])
    assert any("▁▁" in tokenizer.pieces()[i].text for i in ids)
    assert ByteTable.of(tokenizer).billed_total(ids) == len(text)


def test_special_pieces_are_billed_nothing_and_the_space_after_them_is_not_billed(tokenizer):
    table = ByteTable.of(tokenizer)
    special = np.array([tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk])
    assert table.billed(np.full(4, 50), special).tolist() == [0, 0, 0, 0]
    ids = np.array([tokenizer.bos, *tokenizer.encode(" the")])
    assert table.billed_total(ids) == 3  # the community's rule: the first space is free
    assert int(table.decoded(ids[:-1], ids[1:]).sum()) == 4  # it is there all the same


def test_the_tables_of_a_reference_program_give_its_bits_per_byte():
    """Its loss and bits per byte are over the same tokens, the rescored tail included, so their ratio is bytes."""
    with safe_open(PARITY, "np") as file:
        arrays = [file.get_tensor(key) for key in ("base_bytes", "leading_space", "boundary")]
        tokens_N = file.get_tensor("val_tokens")
        case = json.loads(file.metadata()["case"])
    targets, length, stride = len(tokens_N) - 1, case["seq_len"], case["stride"]
    scored: list[int] = []
    for start in range(0, targets, stride):
        stop = min(start + length, targets)
        scored += range(max(stop - stride, start) if start else 0, stop)
    rows = np.array(scored)
    billed = int(ByteTable.from_arrays(*arrays).billed(tokens_N[rows], tokens_N[rows + 1]).sum())
    for expected in case["expected"].values():
        bits = expected["val_loss"] * len(rows) / np.log(2)
        assert bits / billed == pytest.approx(expected["val_bpb"], rel=1e-12)
