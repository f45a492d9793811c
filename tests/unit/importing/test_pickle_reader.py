"""The pickle machine: plain values decode as Python would, and no program costs more than it may."""

import pickle
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golfctl.errors import CheckpointError
from golfctl.importing import limits
from golfctl.importing.pickle_reader import Machine
from golfctl.importing.tensors import calls, each_tensor, may_be_held

KEYS = st.one_of(st.text(), st.integers(-(1 << 59), 1 << 59), st.booleans(), st.none())
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-(1 << 900), 1 << 900), st.floats(allow_nan=False), st.text())
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)


def machine(program):
    return Machine(program, "x.pt", calls(), may_be_held)


def load(program):
    """The value, walked through as the importer does."""
    return each_tensor(machine(program).load(), lambda tensor, path: None, "x.pt")


@settings(max_examples=150, deadline=None)
@given(value=VALUES, protocol=st.integers(2, 5))
def test_plain_values_decode_as_python_decodes_them(value, protocol):
    assert load(pickle.dumps(value, protocol)) == value


@settings(max_examples=100, deadline=None)
@given(value=st.binary(max_size=300), protocol=st.integers(3, 5))
def test_bytes_decode(value, protocol):
    assert load(pickle.dumps([value, value], protocol)) == [value, value]


@settings(max_examples=200, deadline=None)
@given(value=VALUES, protocol=st.integers(2, 5), data=st.data())
def test_damage_never_escapes_the_error_tree(value, protocol, data):
    program = bytearray(pickle.dumps(value, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(program) - 1))
        program[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        if not program:
            return
    try:
        load(bytes(program))
    except CheckpointError as error:
        assert str(error).isprintable() and len(str(error)) < 500


def test_several_pickles_share_one_count():
    two = machine(
        (b"\x80\x02" + b"N" * 150_000 + b"(" + b"N" * 10 + b"t.")[:2]
        + b"]"
        + b"Na" * 60_000
        + b"."
        + b"]"
        + b"Na" * 60_000
        + b"."
    )
    assert len(two.load()) == 60_000
    with pytest.raises(CheckpointError, match="instructions"):
        two.load()


DEEP = 190_000
NEST = {
    "tuples": b"N" + b"\x85" * DEEP,
    "marked tuples": b"(" * (DEEP // 2) + b"t" * (DEEP // 2),
    "references": b"N" + b"Q" * DEEP,
    "lists": b"]" + b"]" * 60_000 + b"a" * 60_000,
    "dicts": b"}" + b"N}" * 40_000 + b"s" * 40_000,
    "parameters": b"".join(b"ctorch._utils\n_rebuild_parameter\n(" for _ in range(10_000)) + b"N" + b"tR" * 10_000,
}


@pytest.mark.parametrize("nest", NEST)
@pytest.mark.parametrize("place", ["value", "key", "only key of two", "argument", "attribute", "called"])
def test_nesting_ends_in_a_sentence(nest, place):
    inside = NEST[nest]
    program = {
        "value": inside + b".",
        "key": b"}" + inside + b"Ns.",
        "only key of two": b"}(NN" + inside + b"Nu.",
        "argument": b"ctorch\nSize\n" + inside + b"\x85R.",
        "attribute": b"}" + inside + b"b" + inside + b"b.",
        "called": inside + b")R.",
    }[place]
    try:
        load(b"\x80\x02" + program)
    except CheckpointError as error:
        assert str(error).isprintable() and len(str(error)) < 500
    else:
        assert nest == "parameters"  # a parameter is its tensor: nothing nests


@pytest.mark.parametrize("rounds", [40, 20_000])
@pytest.mark.parametrize(
    "step",
    [
        b"h\x00h\x00\x86q\x00",
        b"](h\x00h\x00eq\x00",
        b"}(K\x00h\x00K\x01h\x00uq\x00",
        b"(h\x00h\x00h\x00h\x00tr\x00\x00\x00\x00",
    ],
    ids=["pairs", "lists", "dicts", "long memo"],
)
@pytest.mark.parametrize("place", ["value", "key", "argument", "called", "reference"])
def test_repeating_what_was_made_before_costs_no_more_than_its_instructions(rounds, step, place):
    value = b"\x80\x02Nq\x00" + step * rounds
    program = {
        "value": value + b".",
        "key": b"\x80\x02}Nq\x00" + step * min(rounds, 40) + b"Ns.",
        "argument": b"\x80\x02ccollections\nOrderedDict\nNq\x00" + step * min(rounds, 40) + b"\x85R.",
        "called": value + b")R.",
        "reference": value + b"Q.",
    }[place]
    for _ in range(3):  # a machine that pauses can make one attempt seem slow, not all
        started = time.process_time()
        with pytest.raises(CheckpointError) as caught:
            load(program)
        assert str(caught.value).isprintable()
        if (seconds := time.process_time() - started) < 30:
            break
    assert seconds < 30


@pytest.mark.parametrize(
    "loop", [b"]q\x00h\x00a.", b"}q\x00K\x00h\x00s.", b"]q\x00h\x00\x85a.", b"]q\x00]q\x01h\x00ah\x01\x86a."]
)
def test_values_that_hold_themselves(loop):
    with pytest.raises(CheckpointError, match="nested or repeated|malformed|appended"):
        load(b"\x80\x02" + loop)


def test_attributes_that_loop_are_dropped():
    assert load(b"\x80\x02}q\x00h\x00b.") == {}


def int_key(value):
    raw = value.to_bytes(12, "little", signed=True)
    return b"\x8a\x0c" + raw


@pytest.mark.parametrize(
    "key",
    [b")", b"N\x85", b"]", b"}", int_key(1 << 60), int_key(-(1 << 61) + 1), b"G" + struct.pack(">d", 1.0),
     b"ctorch\nint8\n", b"C\x01a", b"NQ"],
    ids=["empty tuple", "tuple", "list", "dict", "large", "large negative", "float", "name", "bytes", "reference"],
)  # fmt: skip
def test_keys_are_text_or_small_numbers(key):
    """Integers of one hash, or tuples of one, would make a dict as slow as its square."""
    for program in (b"}" + key + b"Ns.", b"}(NN" + key + b"Nu."):
        with pytest.raises(CheckpointError, match="key of type"):
            load(b"\x80\x02" + program)


SIZES = {
    "BINUNICODE": b"X\xff\xff\xff\x7f",
    "BINUNICODE8": b"\x8d" + b"\xff" * 8,
    "BINBYTES": b"B\xff\xff\xff\xff",
    "BINBYTES8": b"\x8e" + b"\xff" * 7 + b"\x7f",
    "BYTEARRAY8": b"\x96" + b"\xff" * 7 + b"\x7f",
    "BINSTRING": b"T\xff\xff\xff\xff",
    "LONG1": b"\x8a\xff",
    "LONG4": b"\x8b\xff\xff\xff\x7f",
    "FRAME": b"\x95" + b"\xff" * 8,
    "LONG_BINGET": b"j\xff\xff\xff\xff",
    "BINGET": b"h\xff",
    "EXT4": b"\x84\xff\xff\xff\xff",
    "GLOBAL": b"c" + b"a" * 5000,
    "STACK_GLOBAL": b"X\x04\x00\x00\x00" + b"a" * 4 + b"]\x93",
    "PROTO": b"\x80\xff",
}


@pytest.mark.parametrize("lie", SIZES)
def test_lengths_that_lie(lie):
    for repeat in (1, 3):
        with pytest.raises(CheckpointError):
            load(b"\x80\x04" + SIZES[lie] * repeat + b"abc.")


def test_a_memo_of_far_places_takes_no_more_than_its_entries():
    assert load(b"\x80\x02]r\xff\xff\xff\xff" + b"Nr\xfe\xff\xff\xffa" + b"j\xfe\xff\xff\xffa.") == [None, None]


@pytest.mark.parametrize(
    "unit", [b"N", b"}", b"]", b"(", b"}K\x00Ns", b"N\x94", b"X\x02\x00\x00\x00ab", b"ctorch\nSize\n"]
)
def test_too_many_instructions(unit):
    with pytest.raises(CheckpointError, match="instructions"):
        load(b"\x80\x02" + unit * (limits.PICKLE_INSTRUCTIONS + 1) + b".")


def test_too_much_text():
    half = b"X" + struct.pack("<I", limits.PICKLE_BYTES // 2) + b"a" * (limits.PICKLE_BYTES // 2)
    with pytest.raises(CheckpointError, match="longer than"):
        load(b"\x80\x02]" + (half + b"a") * 2 + b".")


@pytest.mark.parametrize("name", ["\x1b[31m.x", "a\u202eb.x", "x" * 200 + ".y", "é.é"])
def test_names_are_shown_escaped(name):
    module, _, function = name.partition(".")
    with pytest.raises(CheckpointError, match="nothing was run") as caught:
        load(b"\x80\x02c" + module.encode() + b"\n" + function.encode() + b"\n.")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "program", [b"(\x85.", b"(q\x00.", b"](a.", b"}(Ns.", b"(.", b"(R.", b"(Q.", b"N(\x93.", b"}(b."]
)
def test_a_mark_is_no_value(program):
    with pytest.raises(CheckpointError):
        load(b"\x80\x02" + program)
