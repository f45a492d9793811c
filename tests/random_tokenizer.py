"""SentencePiece models made piece by piece: vocabularies, fallbacks and normalisers that no trainer would give.

The file is a protocol buffer; field numbers are facts of the format (`sentencepiece_model.proto`).
"""

import io
import struct
from functools import cache

from hypothesis import strategies as st
from sentencepiece import SentencePieceTrainer

from golfctl.data.tokenizers.model_proto import read_normalization
from golfctl.data.tokenizers.tokenizer import SPACE, Tokenizer

LETTERS = "abcdeé日"
NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6
RULES = {  # what a normaliser makes of single letters
    "identity": {},
    "merges": {"b": "a", "é": "e"},
    "drops": {"d": ""},
    "inflates": {"c": "cccccc", "日": "日ab"},
}


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


@cache
def character_rules(name, folder):
    """The compiled rules of a normaliser, as the library's own trainer compiles them."""
    table = folder / f"{name}.tsv"
    lines = [
        " ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in form)
        for source, form in RULES[name].items()
    ]
    table.write_text("\n".join(lines) + "\n")
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(["aa bb cc dd ee"] * 9), model_writer=model, vocab_size=14, model_type="bpe",
        normalization_rule_tsv=str(table), hard_vocab_limit=False, minloglevel=2, num_threads=1,
    )  # fmt: skip
    found = read_normalization(model.getvalue())
    assert found.rewrites
    return _charsmap(model.getvalue())


def _charsmap(proto):
    from golfctl.data.tokenizers import model_proto

    normalizer = next(value for number, value in model_proto._fields(proto) if number == 3)
    return dict(model_proto._fields(normalizer))[2]


def make(pieces, symbols=(), byte_fallback=True, rules=b"", dummy_prefix=False, remove_extra=False):
    """A BPE tokenizer with these normal pieces (longer ones first), with pad 0, bos 1, eos 2, unk 3."""
    special = [("<pad>", CONTROL), ("<s>", CONTROL), ("</s>", CONTROL), ("<unk>", UNKNOWN)]
    spelt = [(f"<0x{value:02X}>", BYTE) for value in range(256)] if byte_fallback else []
    rest = sorted(dict.fromkeys(pieces), key=lambda piece: (-len(piece), piece))
    rows = special + spelt + [(s, USER) for s in symbols] + [(p, NORMAL) for p in rest if p not in symbols]
    proto = b"".join(
        field(1, field(1, text) + field(2, -float(place)) + field(3, kind)) for place, (text, kind) in enumerate(rows)
    )
    trainer = field(3, 2) + field(35, int(byte_fallback)) + field(40, 3) + field(41, 1) + field(42, 2) + field(43, 0)
    normalizer = field(1, "made") + (field(2, rules) if rules else b"")
    normalizer += field(3, int(dummy_prefix)) + field(4, int(remove_extra)) + field(5, 1)
    return Tokenizer(proto + field(2, trainer) + field(3, normalizer))


@st.composite
def tokenizers(draw, folder):
    """(tokenizer, letters that its normaliser turns into something else)."""
    name = draw(st.sampled_from(list(RULES)))
    known = ["a", "e", *draw(st.lists(st.sampled_from(LETTERS[1:]), unique=True))]
    spaced = draw(st.booleans())
    stuff = st.text(st.sampled_from([*known, SPACE]), min_size=2, max_size=5)
    pieces = known + draw(st.lists(stuff, max_size=8)) + ([SPACE] if spaced else [])
    symbols = draw(st.lists(st.sampled_from(["<x>", "ae", "[ea]"]), max_size=2, unique=True))
    rules = character_rules(name, folder) if RULES[name] else b""
    made = make(pieces, symbols, draw(st.booleans()), rules, draw(st.booleans()), draw(st.booleans()))
    return made, "".join(RULES[name])
