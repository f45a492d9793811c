import numpy as np
import pytest
import torch

from golfctl.scoring.config import SlotConfig
from golfctl.scoring.neural.sliding import NeuralScorer, WindowForward
from golfctl.scoring.neural.slot import SlotScorer, step_rate
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.windows import blocks, group_windows, sliding_windows

CPU = torch.device("cpu")
VOCAB = 48
CONFIG = SlotConfig(steps=3, lr=0.05, span=12)


def forward_of(model, batch=4):
    return WindowForward(model, 32, batch, CPU, Ranks())


def head(model, h, bias):
    cap = model.spec.head.softcap
    return cap * torch.tanh((h @ model.core.embedding.own("tok_emb.weight").T + bias) / cap)


def made(tokens_N, per_block=4):
    return blocks(tokens_N, group_windows(sliding_windows(len(tokens_N) - 1, 32, 8), per_block, None))


def run_scorer(scorer, tokens_N, per_block=4):
    return torch.cat([scorer.predict(block) for block in made(tokens_N, per_block)])


def test_no_steps_and_rate_zero_equal_plain_sliding(tiny_model, tokens_N):
    plain = run_scorer(NeuralScorer(forward_of(tiny_model), VOCAB), tokens_N)
    for config in (SlotConfig(steps=0), SlotConfig(lr=0.0), SlotConfig(lr=0.0, bias=True)):
        assert (run_scorer(SlotScorer(forward_of(tiny_model), VOCAB, config), tokens_N) - plain).abs().max() < 1e-6


@pytest.mark.parametrize("bias", [False, True])
def test_rows_equal_a_fit_per_window_written_out(tiny_model, tokens_N, bias):
    config = SlotConfig(steps=3, lr=0.05, final_lr=0.01, span=12, bias=bias)
    rows_RV = run_scorer(SlotScorer(forward_of(tiny_model), VOCAB, config), tokens_N)
    ids = torch.from_numpy(tokens_N.astype(np.int64))
    for window in list(sliding_windows(400, 32, 8))[1::9]:
        h_TD = tiny_model.hidden(
            torch.nn.functional.pad(ids[window.start : window.stop], (0, 32 - window.stop + window.start))[None]
        )[0]
        first = window.first - window.start
        delta = torch.zeros(1, h_TD.shape[-1], requires_grad=True)
        extra = torch.zeros(1, VOCAB, requires_grad=True)
        fitted = [delta, extra] if bias else [delta]
        optimizer = torch.optim.AdamW(fitted, betas=config.betas, eps=config.eps, weight_decay=config.weight_decay)
        for step in range(3):
            optimizer.param_groups[0]["lr"] = step_rate(config, step)
            logits = head(tiny_model, h_TD[first - 12 : first] + delta, extra)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, ids[window.first - 11 : window.first + 1]).backward()
            optimizer.step()
        with torch.no_grad():
            logits = head(tiny_model, h_TD[first : window.stop - window.start] + delta, extra)
        expected = torch.log_softmax(logits, -1)
        assert (rows_RV[window.first : window.stop] - expected).abs().max() < 1e-4


def test_rows_depend_neither_on_the_batch_nor_on_window_order(tiny_model, tokens_N):
    one = run_scorer(SlotScorer(forward_of(tiny_model, 1), VOCAB, CONFIG), tokens_N, 1)
    many = run_scorer(SlotScorer(forward_of(tiny_model, 50), VOCAB, CONFIG), tokens_N, 50)
    assert (one - many).abs().max() < 1e-4
    scorer = SlotScorer(forward_of(tiny_model, 1), VOCAB, CONFIG)
    backwards = {block.first: scorer.predict(block) for block in reversed(list(made(tokens_N, 1)))}
    assert torch.equal(torch.cat([backwards[first] for first in sorted(backwards)]), one)


def test_later_tokens_do_not_move_rows(tiny_model, tokens_N):
    scorer, rng = SlotScorer(forward_of(tiny_model), VOCAB, CONFIG), np.random.default_rng(0)
    for block in list(made(tokens_N))[::2]:
        rows_RV = scorer.predict(block)
        cut = int(rng.integers(0, block.rows - 1))
        other = block.ids_N.copy()
        other[block.first + cut + 1 - block.origin :] = 3
        changed = scorer.predict(type(block)(block.origin, other, block.windows, block.first, block.stop))
        assert torch.equal(rows_RV[: cut + 1], changed[: cut + 1])
