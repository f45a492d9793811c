import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from golfctl.scoring.config import NgramConfig
from golfctl.scoring.counts.context_counts import ContextCounts
from golfctl.scoring.counts.ngram import NgramScorer
from golfctl.scoring.windows import blocks, group_windows, sliding_windows
from tests.oracles.ngram import PlainNgram, plain_rows

CPU = torch.device("cpu")
VOCAB = 48


def blocks_of(tokens_N, per_block, seq_len=16, stride=4):
    return list(blocks(tokens_N, group_windows(sliding_windows(len(tokens_N) - 1, seq_len, stride), per_block, None)))


def run_scorer(scorer, tokens_N, per_block):
    scorer.reset(tokens_N[:1].astype(np.int64))
    rows = []
    for block in blocks_of(tokens_N, per_block):
        rows.append(scorer.predict(block))
        scorer.observe(block, tokens_N[block.first + 1 : block.stop + 1].astype(np.int64))
    return torch.cat(rows)


@pytest.mark.parametrize(
    ("order", "discount", "strength"), [(1, 0.5, 0.5), (3, 0.8, 0.0), (6, 0.0, 2.0), (8, 0.8, 0.5)]
)
def test_rows_equal_the_plain_chain(tokens_N, order, discount, strength):
    config = NgramConfig(order=order, discount=discount, strength=strength)
    rows_RV = run_scorer(NgramScorer(VOCAB, config, CPU), tokens_N, 5)
    expected = plain_rows(tokens_N, VOCAB, order, discount, strength)
    assert np.abs(rows_RV.exp().numpy() - expected).max() < 1e-7
    assert torch.logsumexp(rows_RV.double(), -1).abs().max() < 1e-6


def test_rows_do_not_depend_on_how_the_stream_is_cut(tokens_N):
    whole = [run_scorer(NgramScorer(VOCAB, NgramConfig(), CPU), tokens_N, n) for n in (1, 7, 200)]
    assert torch.equal(whole[0], whole[1]) and torch.equal(whole[0], whole[2])


def test_another_future_leaves_rows_and_later_state_alone(tokens_N):
    scorer, twin = (NgramScorer(VOCAB, NgramConfig(order=5), CPU) for _ in range(2))
    for s in (scorer, twin):
        s.reset(tokens_N[:1].astype(np.int64))
    rng = np.random.default_rng(0)
    for block in blocks_of(tokens_N, 6):
        rows_RV = scorer.predict(block)
        other = block.ids_N.copy()
        cut = block.rows // 2
        other[block.first + cut + 1 - block.origin :] = rng.integers(
            0, VOCAB, len(other[block.first + cut + 1 - block.origin :])
        )
        changed = scorer.predict(type(block)(block.origin, other, block.windows, block.first, block.stop))
        assert torch.equal(rows_RV[: cut + 1], changed[: cut + 1])
        targets_R = tokens_N[block.first + 1 : block.stop + 1].astype(np.int64)
        assert torch.equal(twin.predict(block), rows_RV)
        for s in (scorer, twin):
            s.observe(block, targets_R)
    assert scorer.state_id() == twin.state_id()


@settings(max_examples=40, deadline=None)
@given(
    text=st.lists(st.integers(0, 5), min_size=2, max_size=200),
    extra=st.lists(st.integers(0, 5), max_size=60),
    longest=st.integers(0, 5),
)
def test_counting_is_reversible(text, extra, longest):
    counts = ContextCounts(longest, 6, slots_log2=6)
    tokens_N = np.array(text, np.int64)
    counts.count(tokens_N, 1)
    both = np.array(text + extra, np.int64)
    counts.count(both, len(text))
    counts.uncount(both, len(text))
    oracle = PlainNgram(6, longest + 1, 0.5, 0.5)
    oracle.see(text[0], count=False)
    for token in text[1:]:
        oracle.see(token)
    for context, after in oracle.counts.items():
        assert counts.successors(list(context)) == dict(after)
    assert counts.successors([5, 5, 5, 5, 5, 5, 5]) == {}


def test_long_lists_stay_exact_while_tokens_come_and_go():
    """Hints of where a token stands go stale with every removal and every list that moves."""
    rng = np.random.default_rng(3)
    counts, oracle = ContextCounts(1, 400, slots_log2=10), PlainNgram(400, 2, 0.5, 0.5)
    tokens_N = (400 * rng.random(6_000) ** 2).astype(np.int64)
    oracle.see(int(tokens_N[0]), count=False)
    for begin in range(1, len(tokens_N), 500):
        part_N = np.concatenate([tokens_N[begin - 1 : begin + 250], rng.integers(0, 400, 300)])
        counts.count(part_N, 1)
        counts.uncount(part_N, 1)
        counts.count(tokens_N[begin - 1 : begin + 500], 1)
        for token in tokens_N[begin : begin + 500]:
            oracle.see(int(token))
        for context, after in oracle.counts.items():
            assert counts.successors(list(context)) == dict(after)


def test_a_growing_table_keeps_its_counts():
    rng = np.random.default_rng(1)
    tokens_N = rng.integers(0, 300, 30_000)
    small, large = ContextCounts(3, 300, slots_log2=4), ContextCounts(3, 300, slots_log2=18)
    small.count(tokens_N, 1)
    large.count(tokens_N, 1)
    assert len(small.nodes) > 1 << 15
    for i in range(5, 30_000, 997):
        for k in range(4):
            context = tokens_N[i - k : i]
            assert small.successors(context) == large.successors(context) != {}


def test_unseen_tokens_need_some_mass():
    with pytest.raises(ValueError, match="discount or a strength"):
        NgramScorer(VOCAB, NgramConfig(discount=0.0, strength=0.0), CPU)
