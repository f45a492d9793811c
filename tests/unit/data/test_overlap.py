"""Overlap of training and held-out tokens, against a search in plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golfctl.data import overlap
from golfctl.data.overlap import find_overlap, split_stream, window_hashes

IDS = st.lists(st.integers(0, 3), max_size=60)


def covered_by_search(train, held, run):
    """Held-out positions inside a run of `run` tokens that occurs in the training stream."""
    stream = [token for part in train for token in part]
    runs = {tuple(stream[i : i + run]) for i in range(len(stream) - run + 1)}
    positions = set()
    for i in range(len(held) - run + 1):
        if tuple(held[i : i + run]) in runs:
            positions.update(range(i, i + run))
    return len(positions)


def documents_of(ids):
    found, current = [], []
    for token in [*ids, 1]:
        if token == 1:
            found += [tuple(current)] if current else []
            current = []
        else:
            current.append(token)
    return found


@settings(max_examples=300, deadline=None)
@given(train=st.lists(IDS, max_size=3), held=IDS, run=st.integers(2, 6), chunk=st.integers(1, 40))
def test_finds_what_a_plain_search_finds(train, held, run, chunk):
    parts = [np.array(part, np.uint16) for part in train]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "_CHUNK_TOKENS", chunk)
        found = find_overlap(parts, np.array(held, np.uint16), 1, run)
    assert found.tokens == covered_by_search(train, held, run)
    train_documents = documents_of([token for part in train for token in part])
    assert found.train_documents == len(train_documents)
    assert found.documents == sum(document in set(train_documents) for document in documents_of(held))


@given(ids=IDS, cuts=st.lists(st.integers(0, 60), max_size=4))
def test_documents_may_straddle_parts(ids, cuts):
    parts = np.split(np.array(ids, np.uint16), sorted(min(cut, len(ids)) for cut in cuts))
    assert [tuple(document.tolist()) for document in split_stream(parts, 1)] == documents_of(ids)


def test_equal_windows_have_equal_hashes_and_others_do_not():
    ids_N = np.random.default_rng(0).integers(0, 50, 20_000).astype(np.uint16)
    ids_N[15_000:15_040] = ids_N[100:140]
    hashes = window_hashes(ids_N, 32)
    assert hashes[100:109].tolist() == hashes[15_000:15_009].tolist()
    assert len(np.unique(hashes)) == len(hashes) - 9
