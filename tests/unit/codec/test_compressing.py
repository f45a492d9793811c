"""Any bytes through a file and back, with every kind of tokenizer."""

import hashlib

import numpy as np
import pytest

from golfctl.codec.compressing import Options, by_model, compress
from golfctl.codec.decompressing import decompress
from golfctl.codec.text_format.text_file import read_text_file
from golfctl.core.progress import SILENT
from golfctl.scoring.config import EvalConfig
from tests.unit.codec.cheap_model import WORDS, CheapModel, tokenizer_of

KINDS = ("reversible", "bytes", "lossy", "no bos")
PROSE = " ".join(np.random.default_rng(1).choice(WORDS, 500)) + ".\n\n  Two  spaces;\ttabs. "
ADVERSARIAL = {
    "empty": b"",
    "one byte": b"a",
    "nul": b"\0",
    "space": b" ",
    "spaces": b"   \n ",
    "newline at the end": b"fox\n",
    "invalid": b"\xff",
    "only unknown characters": "漢字仮名交じり文".encode() * 40,
    "invalid inside": b"the quick \xff\xfe brown\xe6\xbc fox" * 20,
    "invalid at both ends": b"\xed\xa0\x80" + PROSE.encode() + b"\xf0\x9f",
    "nfkc": "ﬁne ①②③ ＦＵＬＬ ｗｉｄｔｈ … ½ e\u0301".encode() * 9,
    "the mark of a space": "the\u2581quick\u2581\u2581fox \u2581".encode() * 5,
    "control symbols": b"<s>the fox</s><unk><pad><0x41>" * 6,
    "byte order mark": "\ufeffthe fox".encode(),
    "carriage returns": PROSE.replace("\n", "\r\n").encode(),
    "noncharacters": "\ufffe\uffff\U0010ffff\ufffd".encode() * 4,
    "prose": PROSE.encode(),
    "binary": hashlib.shake_256(b"x").digest(4000),
    "a binary tail": PROSE.encode() + hashlib.shake_256(b"y").digest(100),
}


def round_trip(text, model, **options):
    """The file that is smaller, and, where there are tokens, the one of coded rows."""
    settings = Options(verify=False, **options)
    data, _ = compress(text, model, EvalConfig(), settings)
    assert decompress(read_text_file(data), model) == text
    rows = by_model(text, model, model.settled(EvalConfig()), settings, 1 << 40, SILENT)
    if rows is not None:
        assert decompress(read_text_file(rows.to_bytes()), model) == text
    return data


@pytest.mark.parametrize("name", ["empty", "only unknown characters", "invalid at both ends", "binary"])
def test_a_text_that_no_tokenizer_keeps_comes_back(name):
    round_trip(ADVERSARIAL[name], CheapModel(tokenizer_of("lossy")), lanes=2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_adversarial_texts_come_back(kind):
    model = CheapModel(tokenizer_of(kind))
    for name, text in ADVERSARIAL.items():
        for lanes in (1, 3):
            data = round_trip(text, model, lanes=lanes)
            assert len(data) <= len(text) + 100, name


def test_a_text_of_the_model_is_coded_by_it_and_others_are_stored():
    model = CheapModel(tokenizer_of())
    prose = read_text_file(round_trip(PROSE.encode(), model)).header
    binary = read_text_file(round_trip(ADVERSARIAL["binary"], model)).header
    assert prose.rows and prose.stored is None and prose.rows.patches is None
    assert binary.stored == "raw/1" and binary.rows is None


def test_overhead_of_a_small_text():
    """Everything beside the coded rows: 64 bytes of preamble and a header of a few dozen."""
    model = CheapModel(tokenizer_of())
    file = read_text_file(round_trip(PROSE.encode(), model))
    assert len(file.to_bytes()) - len(file.payload) < 110


def test_an_embedded_artifact_is_kept_whole():
    model = CheapModel(tokenizer_of(), b"artifact" * 100)
    file = read_text_file(round_trip(PROSE.encode(), model, embed=True))
    assert bytes(file.embedded) == b"artifact" * 100


def random_text(rng):
    """Words, single characters of all planes and raw bytes, in proportions drawn anew."""
    shares = rng.dirichlet([2, 1, 0.5])
    out = []
    for _ in range(int(rng.integers(1, 120))):
        kind = rng.choice(3, p=shares)
        if kind == 0:
            out.append((rng.choice([" ", "", "\n", "  "]) + rng.choice(WORDS)).encode())
        elif kind == 1:
            out.append(chr(int(rng.integers(*((0, 32), (32, 0xD7FF), (0x10000, 0x110000))[rng.integers(3)]))).encode())
        else:
            out.append(rng.bytes(int(rng.integers(1, 4))))
    return b"".join(out)


def walk_random(count, first):
    models = [CheapModel(tokenizer_of(kind)) for kind in KINDS]
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        round_trip(random_text(rng), models[seed % len(models)], lanes=int(rng.integers(1, 5)))


def test_random_texts():
    walk_random(24, 0)


@pytest.mark.slow
def test_many_random_texts():
    walk_random(2000, 1000)


@pytest.mark.slow
def test_a_million_equal_bytes():
    data = round_trip(b"a" * 1_000_000, CheapModel(tokenizer_of()))
    assert len(data) < 2000
