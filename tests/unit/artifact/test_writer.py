"""A draft and its bytes: equal both ways, the same bytes in every process, misuse refused at the call."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golfctl.artifact import (
    BlobSection,
    Draft,
    Part,
    RuleError,
    Stream,
    Tensor,
    TensorSection,
    encode_artifact,
    open_artifact,
    read_artifact,
    write_artifact,
)
from golfctl.artifact.constants import DTYPES, MANIFEST_CODERS
from tests.samples import sample_draft

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
json_objects = st.dictionaries(st.text(max_size=12), json_values, max_size=4)
shapes = st.lists(st.integers(1, 5), max_size=3).map(tuple)


@st.composite
def drafts(draw):
    """Drafts with random tensors, parts spread over random streams and sections, and random JSON."""
    tensors, keys = [], []
    for i in range(draw(st.integers(0, 5))):
        names = draw(st.lists(st.sampled_from(["codes", "scales", "values"]), min_size=1, max_size=3, unique=True))
        parts = tuple(Part(name, draw(st.sampled_from(sorted(DTYPES))), draw(shapes)) for name in names)
        tensors.append(Tensor(f"t{i}.weight", draw(shapes), "any-scheme/1", parts))
        keys += [(tensors[-1].name, name) for name in names]
    places = [draw(st.integers(0, 3)) for _ in keys]
    bunches = [tuple(k for k, p in zip(keys, places, strict=True) if p == place) for place in sorted(set(places))]
    streams = [Stream(draw(st.binary(min_size=1, max_size=40)), bunch) for bunch in bunches]
    cut = draw(st.integers(0, len(streams)))
    sections = [
        TensorSection("first", "raw/1", tuple(streams[:cut])),
        TensorSection("second", "x-y/2", tuple(streams[cut:])),
    ]
    payload = draw(st.binary(max_size=20))
    sections.insert(draw(st.integers(0, 2)), BlobSection("notes", "extra", "raw/1", payload, len(payload)))
    return Draft(
        model=draw(json_objects), tensors=tuple(tensors), sections=tuple(sections), provenance=draw(json_objects)
    )


@given(drafts(), st.sampled_from(sorted(MANIFEST_CODERS)))
def test_what_is_written_is_read(draft, coder):
    artifact = read_artifact(encode_artifact(draft, coder))
    assert artifact.manifest.model == draft.model and artifact.manifest.provenance == draft.provenance
    assert [(t.name, t.shape, t.scheme) for t in artifact.manifest.tensors] == [
        (t.name, t.shape, t.scheme) for t in draft.tensors
    ]
    given_streams = [s for section in draft.sections if isinstance(section, TensorSection) for s in section.streams]
    read = list(artifact.streams())
    assert [bytes(artifact.stream_payload(s)) for s in read] == [s.payload for s in given_streams]
    assert [tuple((t.name, p.name) for t, p in s.holdings) for s in read] == [s.parts for s in given_streams]
    assert bytes(artifact.payload(artifact.section("notes"))) == next(
        s.payload for s in draft.sections if isinstance(s, BlobSection)
    )
    for stream in read:
        assert math.prod(stream.shape) * DTYPES[stream.dtype] == stream.raw_bytes
    assert encode_artifact(draft, coder) == encode_artifact(draft, coder)


@given(drafts(), st.data())
def test_any_changed_byte_is_found(draft, data):
    good = encode_artifact(draft)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RuleError):
        read_artifact(bytes(bad))


@given(drafts(), st.data())
def test_any_truncation_is_found(draft, data):
    good = encode_artifact(draft)
    with pytest.raises(RuleError):
        read_artifact(good[: data.draw(st.integers(0, len(good) - 1))])


def test_same_bytes_in_processes_with_other_hash_seeds():
    program = (
        "import hashlib; from tests.samples import sample_draft; from golfctl.artifact import encode_artifact; "
        "print(hashlib.sha256(encode_artifact(sample_draft())).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "TZ": zone, "HOME": "/nowhere"},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed, zone in (("0", "UTC"), ("1", "Asia/Tokyo"), ("4242", "America/Lima"))
    }  # fmt: skip
    assert len(digests) == 1


def test_order_of_keys_in_a_draft_does_not_matter():
    draft = sample_draft()
    turned = replace(
        draft, model=dict(reversed(draft.model.items())), provenance=dict(reversed(draft.provenance.items()))
    )
    assert encode_artifact(draft) == encode_artifact(turned)


def test_writing_is_atomic_and_read_back(tmp_path):
    path = tmp_path / "deep" / "m.golf"
    data = write_artifact(path, sample_draft())
    assert path.read_bytes() == data and [p.name for p in path.parent.iterdir()] == ["m.golf"]
    assert open_artifact(path).path == path


def test_misuse_of_a_draft_is_refused():
    draft = sample_draft()
    matrices, small, *rest = draft.sections
    swapped = replace(small, streams=(replace(small.streams[0], parts=small.streams[0].parts[::-1]),))
    with pytest.raises(ValueError, match="not in tensor-table order"):
        encode_artifact(replace(draft, sections=(matrices, swapped, *rest)))
    with pytest.raises(ValueError, match="is in no stream"):
        encode_artifact(replace(draft, sections=(matrices, *rest)))
    with pytest.raises(ValueError, match="is in two streams"):
        encode_artifact(replace(draft, sections=(matrices, matrices, small, *rest)))
    with pytest.raises(ValueError, match="parts of no tensor"):
        encode_artifact(replace(draft, tensors=draft.tensors[:-1]))


def test_a_draft_that_breaks_a_rule_is_refused_by_the_reader():
    with pytest.raises(RuleError, match="rule name broken"):
        encode_artifact(sample_draft(annotations={"nodot": 1}))
    with pytest.raises(RuleError, match="rule requires broken"):
        encode_artifact(sample_draft(requires=("time-travel/1",)))
