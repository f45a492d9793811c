"""The `text/1` file: every byte is guarded, every rule enforced, and a decoder that goes astray is found."""

import zlib

import numpy as np
import pytest

from golfctl.codec.compressing import Options, by_model, compress
from golfctl.codec.decompressing import decompress
from golfctl.codec.rows.drivers import KnownText, decode_texts, encode_texts
from golfctl.codec.rows.token_checks import CHECK_ROWS, Checks
from golfctl.codec.text_format.text_file import read_text_file
from golfctl.codec.text_format.text_header import PRESET, StoredPart, TextHeader, store_header
from golfctl.codec.text_format.text_layout import PREAMBLE, PREAMBLE_BYTES, TextLimits, sealed, short_digest
from golfctl.codec.text_format.text_rules import TEXT_RULES, TextRuleError
from golfctl.core.canonical import canonical_json
from golfctl.core.progress import SILENT
from golfctl.errors import InputError
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.steps.lanes import Text
from tests.unit.codec.cheap_model import WORDS, CheapModel, CountScorer, tokenizer_of

PROSE = (" ".join(np.random.default_rng(2).choice(WORDS, 300)) + " \u2581\x00 fox").encode()


@pytest.fixture(scope="module")
def model():
    return CheapModel(tokenizer_of())


@pytest.fixture(scope="module")
def rows_file(model):
    """A file of coded rows with patches, two lanes and an embedded artifact."""
    text = PROSE + b"\xff" + PROSE
    file = by_model(text, model, model.settled(EvalConfig()), Options(lanes=2, embed=True), 1 << 40, SILENT)
    return text, file


def broken(data, **limits):
    with pytest.raises(TextRuleError) as caught:
        read_text_file(data, limits=TextLimits(**limits))
    return caught.value.rule


def with_header(value, body=b"payload", artifact=b"a" * 16):
    """A sealed file whose header is `value`, JSON or text."""
    text = value if isinstance(value, bytes) else canonical_json(value)
    return sealed(text, 0, len(text), body, artifact, b"t" * 16)


ROWS = {"arithmetic": "portable/1", "given": 1, "lanes": 1, "stack": {"rolling": True, "seq_len": 64}, "tokens": 3}


def test_every_changed_byte_and_every_cut_is_found(model, rows_file):
    text, file = rows_file
    data = file.to_bytes()
    assert decompress(read_text_file(data), model) == text
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        broken(bytes(changed))
    for size in [*range(70), len(data) // 2, len(data) - 1]:
        broken(data[:size])
    assert broken(data + b"\0") == "file-length"


def test_rules_of_the_preamble(rows_file):
    data = rows_file[1].to_bytes()

    def field(place, value):
        fields = list(PREAMBLE.unpack(data[:PREAMBLE_BYTES]))
        fields[place] = value
        return PREAMBLE.pack(*fields) + data[PREAMBLE_BYTES:]

    assert broken(b"") == broken(data[:30]) == "preamble-length"
    assert broken(b"PK\3\4" + data[4:]) == broken(data.replace(b"\r\n", b"\n", 1)) == "magic"
    expected = {1: "version", 2: "header-coder", 3: "reserved", 4: "size", 5: "size", 6: "file-length", 7: "seal"}
    values = {1: 2, 2: 2, 3: 1, 4: 0, 5: 0, 6: len(data) + 1, 7: bytes(12)}
    assert {place: broken(field(place, values[place])) for place in expected} == expected
    assert broken(data, file_bytes=len(data) - 1) == "size"


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        (b"{", "header-json"),
        (b"[]", "header-json"),
        (b'{"text_bytes": 1}', "header-json"),
        (b'{"text_bytes":1,"text_bytes":1}', "header-json"),
        (b'{"text_bytes":1e999}', "header-json"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "header-json"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, "header-json"),
        (b'{"text_bytes":\xff}', "header-json"),
        ({"text_bytes": 1}, "header-fields"),
        ({"text_bytes": True, "stored": "raw/1"}, "header-fields"),
        ({"text_bytes": 1.0, "stored": "raw/1"}, "header-fields"),
        ({"text_bytes": -1, "stored": "raw/1"}, "header-fields"),
        ({"text_bytes": 1, "stored": "brotli/1"}, "header-fields"),
        ({"text_bytes": 1, "stored": "raw/1", "transform": "case/1"}, "header-fields"),
        ({"text_bytes": 1, "stored": "raw/1", "rows": ROWS}, "header-fields"),
        ({"text_bytes": 1 << 31, "rows": ROWS}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "lanes": 0}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "lanes": 1 << 20}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "tokens": 1 << 40}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "arithmetic": "portable"}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "arithmetic": "portable/1\n"}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "patches": None}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "documents": {"count": 3, "last_rows": 2}}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "stack": {"rolling": True}}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "stack": {"rolling": True, "seq_len": 1 << 30}}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "stack": {**ROWS["stack"], "batch": 32}}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "stack": {**ROWS["stack"], "ngram": {}}}}, "header-fields"),
        ({"text_bytes": 1, "rows": {**ROWS, "artifact_bytes": 100}}, "layout"),
        ({"text_bytes": 1, "rows": {**ROWS, "tokens": 1 << 20}}, "layout"),
        ({"text_bytes": 1, "rows": {**ROWS, "artifact_bytes": 3}}, "artifact"),
        ({"text_bytes": 1, "stored": "raw/1"}, "artifact"),
    ],
)
def test_rules_of_the_header(header, rule):
    assert broken(with_header(header)) == rule


def test_rows_need_an_artifact():
    assert broken(with_header({"text_bytes": 1, "rows": ROWS}, artifact=bytes(16))) == "artifact"


def test_a_stored_header_is_no_bomb():
    def deflated(text, tail=b""):
        stream = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, PRESET)
        return stream.compress(text) + stream.flush() + tail

    text = canonical_json({"text_bytes": 1, "stored": "raw/1"})
    cases = [(deflated(b"0" * 10_000_000)[:60000], 9), (deflated(text, b"x"), len(text)), (b"\xff\xff", 9)]
    for stored, raw in [*cases, (deflated(text)[:-1], len(text)), (deflated(text), len(text) + 1)]:
        assert broken(sealed(stored, 1, raw, b"", bytes(16), b"t" * 16)) == "header-decode"


def test_the_preset_dictionary_never_changes():
    """Files that were written decode with this one."""
    assert zlib.crc32(PRESET) == PRESET_CRC


PRESET_CRC = 2269193341


def test_stored_texts_that_lie(model):
    good = compress(b"a short text", model, EvalConfig(), Options())[1]
    assert decompress(good, None) == b"a short text"
    for text_bytes in (11, 13, 0):
        header = TextHeader(text_bytes=text_bytes, stored="raw/1")
        stored, coder, raw = store_header(header)
        data = sealed(stored, coder, raw, b"a short text", bytes(16), short_digest(b"a short text"))
        with pytest.raises(TextRuleError) as caught:
            decompress(read_text_file(data), None)
        assert caught.value.rule == "stored"
    stored, coder, raw = store_header(good.header)
    with pytest.raises(TextRuleError) as caught:
        decompress(read_text_file(sealed(stored, coder, raw, b"a Short text", bytes(16), good.text)), None)
    assert caught.value.rule == "text"


def test_a_wrong_artifact_and_a_foreign_arithmetic_are_named(model, rows_file):
    _, file = rows_file
    with pytest.raises(InputError, match="artifact"):
        decompress(file, CheapModel(tokenizer_of(), b"another"))
    with pytest.raises(InputError, match="artifact"):
        decompress(file, None)
    for name, words in (("same-machine/0123456789abcdef", "another machine"), ("portable/2", "portable/2")):
        rows = file.header.rows.model_copy(update={"arithmetic": name})
        strange = type(file)(**{**vars(file), "header": file.header.model_copy(update={"rows": rows})})
        with pytest.raises(InputError, match=words):
            decompress(strange, model)


def test_patches_that_lie(model, rows_file):
    file = rows_file[1]
    for payload in (b"\xff" * 9, b"\1\xff\x7f\1\0", b"\1\0\0\5abc", b"\0extra", b""):
        part = StoredPart(bytes=max(len(payload), 1), coder="raw/1", raw_bytes=max(len(payload), 1))
        rows = file.header.rows.model_copy(update={"patches": part})
        changed = {
            **vars(file),
            "header": file.header.model_copy(update={"rows": rows}),
            "patches": memoryview(payload),
        }
        with pytest.raises(TextRuleError) as caught:
            decompress(type(file)(**changed), model)
        assert caught.value.rule == "patches"


class Astray(CountScorer):
    """Differs from the encoder's rows from one row on."""

    def __init__(self, vocab_size, at):
        super().__init__(vocab_size)
        self.at = at

    def predict(self, step):
        rows_KV = super().predict(step)
        return rows_KV.roll(1, -1) if step.first >= self.at else rows_KV


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_decoder_that_goes_astray_is_found_soon_and_placed(lanes):
    rng = np.random.default_rng(4)
    texts = [KnownText(0, rng.integers(20, size=(2 * CHECK_ROWS + 99) // lanes)) for _ in range(lanes)]
    total = sum(len(text.targets_N) for text in texts)
    coded = encode_texts(CountScorer(20), texts, lanes, 20)
    walk = [Text(text.given, len(text.targets_N)) for text in texts]
    found = decode_texts(CountScorer(20), walk, lanes, coded, total)
    assert all((a.targets_N == b).all() for a, b in zip(texts, found, strict=True))
    with pytest.raises(TextRuleError, match=f"differ after row {CHECK_ROWS:,}") as caught:
        decode_texts(Astray(20, CHECK_ROWS + 900), walk, lanes, coded, total)
    assert caught.value.rule == "check"


def test_texts_that_end_with_a_token_need_no_length():
    rng = np.random.default_rng(6)
    texts = [KnownText(0, np.append(rng.integers(1, 20, size=n), 0)) for n in (0, 5, 17, 3, 60, 1)]
    coded = encode_texts(CountScorer(20), texts, 2, 20)
    total = sum(len(text.targets_N) for text in texts)
    found = decode_texts(CountScorer(20), [Text(0, None)] * len(texts), 2, coded, total, end=0)
    assert all((a.targets_N == b).all() for a, b in zip(texts, found, strict=True))
    for wrong in (total - 1, total + 1):
        with pytest.raises(TextRuleError):
            decode_texts(CountScorer(20), [Text(0, None)] * len(texts), 2, coded, wrong, end=0)


def test_checks_are_the_digest_of_all_tokens():
    import hashlib

    tokens_N = np.random.default_rng(0).integers(60000, size=2 * CHECK_ROWS + 5)
    checks = Checks()
    for at in range(0, len(tokens_N), 7):
        checks.add(tokens_N[at : at + 7])
    ends = [-(-CHECK_ROWS * i // 7) * 7 for i in (1, 2)]
    assert checks.taken == b"".join(hashlib.sha256(tokens_N[:end].astype("<u4").tobytes()).digest()[:2] for end in ends)


def test_every_rule_is_broken_somewhere_here():
    """A rule that no test breaks could be missing from the reader."""
    from pathlib import Path

    source = Path(__file__).read_text(encoding="utf-8") + Path(__file__).with_name("test_row_coder.py").read_text()
    assert not [rule for rule in TEXT_RULES if f'"{rule}"' not in source and rule != "payload"]
