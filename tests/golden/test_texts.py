"""Compressed texts that were written once: this version reads them, and writes the same bytes."""

import pytest

from golfctl.codec.compressing import Options, compress
from golfctl.codec.decompressing import decompress
from golfctl.codec.text_format.text_file import read_text_file
from golfctl.scoring.config import EvalConfig
from tests.golden.make_texts import FOLDER, STACKS, TEXTS, golden_model


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_was_written_once_is_read(name):
    file = read_text_file((FOLDER / f"{name}.glt").read_bytes())
    assert (file.header.rows is not None) == (name in STACKS)
    assert decompress(file, golden_model() if name in STACKS else None) == TEXTS[name]


@pytest.mark.parametrize("name", STACKS)
def test_and_written_again_with_the_same_bytes(name):
    config = EvalConfig.from_dict(STACKS[name])
    data, _ = compress(TEXTS[name], golden_model(), config, Options(lanes=2, store=False, verify=False))
    assert data == (FOLDER / f"{name}.glt").read_bytes()
