import numpy as np
import pytest

from golfctl.coding import candidates, decode, encode, parse_coder
from golfctl.errors import ConfigError, UsageError


@pytest.mark.parametrize(
    ("text", "coder_id", "options"),
    [
        ("lzma:9", "lzma/1", {"preset": 9}),
        ("lzma/1:6", "lzma/1", {"preset": 6}),
        ("zstd:22,layout=planes", "zstd/1", {"level": 22, "layout": "planes"}),
        ("lzma:9,extreme=true,lc=0", "lzma/1", {"preset": 9, "extreme": True, "lc": 0}),
        ("brotli", "brotli/1", {}),
        ("raw", "raw/1", {}),
        ("auto", "auto", {}),
        ("auto:brotli", "auto", {"brotli": True}),
    ],
)
def test_parse(text, coder_id, options):
    assert parse_coder(text) == (coder_id, options)


@pytest.mark.parametrize(
    "text", ["lzmo:9", "lzma:x", "raw:3", "auto:9", "auto,level=3", "lzma:9,preset=8", "zlib:9,", ""]
)
def test_malformed_coders_are_usage_errors(text):
    with pytest.raises(UsageError):
        parse_coder(text)


@pytest.mark.parametrize("text", ["lzma:10", "zstd:0", "lzma:9,lcc=0", "lzma:9,lc=4,lp=1", "zlib:9,layout=sideways"])
def test_bad_options_are_config_errors(text):
    with pytest.raises(ConfigError):
        parse_coder(text)


@pytest.mark.parametrize("shape", [(64, 80), (260, 256)])
def test_auto_is_the_smallest_candidate_and_decodes(shape):
    array = np.random.default_rng(0).normal(0, 3, shape).round().astype(np.int16)
    chosen = parse_coder("auto").encode(array)
    sizes = [len(encode(c.coder_id, array, **c.options)) for c in candidates(array.dtype, array.shape)]
    assert len(chosen.data) == min(sizes)
    assert (decode(chosen.coder_id, chosen.data, array.dtype, array.shape) == array).all()


def test_auto_finds_the_right_tool():
    random = np.random.default_rng(0)
    weights = random.normal(0, 3, (300, 300)).round().astype(np.int8)
    copies = np.tile(random.integers(-128, 128, (1, 600)).astype(np.int8), (200, 1))
    text = np.frombuffer(b"def scale(x):\n    return x * 0.5\n" * 40, np.uint8)
    assert parse_coder("auto").encode(weights).coder_id == "rans/1"
    assert parse_coder("auto").encode(copies).coder_id == "zstd/1"
    assert parse_coder("auto").encode(text).coder_id in ("lzma/1", "zlib/1", "zstd/1")
    assert parse_coder("auto").encode(np.frombuffer(random.bytes(50), np.uint8)).coder_id == "raw/1"


def test_brotli_is_tried_only_when_asked():
    names = {c.coder_id for c in candidates(np.uint8, (1000,))}
    assert "brotli/1" not in names
    assert {c.coder_id for c in candidates(np.uint8, (1000,), brotli=True)} == names | {"brotli/1"}


def test_a_tie_goes_to_the_first_listed():
    nothing = np.zeros((0,), np.int8)
    assert parse_coder("auto").encode(nothing).coder_id == "raw/1"


def test_str_can_be_parsed_again():
    choice = parse_coder("lzma:9,extreme=true,layout=planes")
    assert str(choice) == "lzma/1,extreme=true,layout=planes,preset=9"
    assert parse_coder(str(choice)) == choice
