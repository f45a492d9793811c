import copy

import numpy as np
import pytest
import torch

from golfctl.scoring.config import TttConfig
from golfctl.scoring.neural.sliding import NeuralScorer, WindowForward
from golfctl.scoring.neural.ttt import ChunkTrainer, TttScorer
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.windows import blocks, group_windows, sliding_windows

CPU = torch.device("cpu")
VOCAB = 48


def scorer_of(model, config, batch=4):
    leaf = NeuralScorer(WindowForward(model, 32, batch, CPU, Ranks()), VOCAB)
    return TttScorer(leaf, ChunkTrainer(model, config, 32, 400, Ranks()))


def run_scorer(scorer, tokens_N, per_block=4):
    scorer.reset(tokens_N[:1].astype(np.int64))
    rows = []
    groups = group_windows(sliding_windows(len(tokens_N) - 1, 32, 8), per_block, scorer.barrier_rows)
    for block in blocks(tokens_N, groups):
        rows.append(scorer.predict(block))
        scorer.observe(block, tokens_N[block.first + 1 : block.stop + 1].astype(np.int64))
    return torch.cat(rows)


def plain_rows(model, tokens_N):
    neural = NeuralScorer(WindowForward(model, 32, 4, CPU, Ranks()), VOCAB)
    groups = group_windows(sliding_windows(len(tokens_N) - 1, 32, 8), 4, 96)
    return torch.cat([neural.predict(block) for block in blocks(tokens_N, groups)])


SGD = TttConfig(chunk=96, lr=0.05, epochs=2, batch_sequences=2)


def test_rate_zero_and_no_epochs_equal_plain_sliding_bit_for_bit(tiny_model, tokens_N):
    plain = plain_rows(tiny_model, tokens_N)
    for changes in ({"lr": 0.0}, {"epochs": 0}, {"form": "adamw", "lr": 0.0}):
        config = TttConfig.from_dict({**SGD.to_dict(), **changes})
        assert torch.equal(run_scorer(scorer_of(tiny_model, config), tokens_N), plain)


def test_a_chunk_changes_later_rows_and_no_earlier_ones(tiny_model, tokens_N):
    plain = plain_rows(tiny_model, tokens_N)
    rows_RV = run_scorer(scorer_of(tiny_model, SGD), tokens_N)
    moved = (rows_RV - plain).abs().amax(dim=1)
    assert moved[:96].max() == 0 and moved[96:].min() > 0


def test_updates_equal_a_plain_training_loop(tiny_model, tokens_N):

    twin = copy.deepcopy(tiny_model).requires_grad_(True)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.0, momentum=0.9)
    for chunk in range(4):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * 0.5 * (1 + np.cos(np.pi * chunk / 4))
        ids = torch.from_numpy(tokens_N[chunk * 96 : (chunk + 1) * 96 + 1].astype(np.int64))
        x_BT, y_BT = ids[:-1].view(3, 32), ids[1:].view(3, 32)
        for _ in range(2):
            for part in (slice(0, 2), slice(2, 3)):
                optimizer.zero_grad()
                twin.loss(x_BT[part], y_BT[part]).backward()
                torch.nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
                optimizer.step()
    run_scorer(scorer_of(tiny_model, SGD), tokens_N)
    for mine, theirs in zip(tiny_model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


def test_reset_brings_back_the_weights_and_the_same_rows(tiny_model, tokens_N):
    scorer = scorer_of(tiny_model, SGD)
    first, state = run_scorer(scorer, tokens_N), scorer.state_id()
    assert torch.equal(run_scorer(scorer, tokens_N), first) and scorer.state_id() == state
    scorer.reset(tokens_N[:1])
    assert scorer.state_id() != state
    assert not any(p.requires_grad or p.grad is not None for p in tiny_model.parameters())


@pytest.mark.parametrize("form", ["sgd", "adamw"])
def test_frozen_blocks_do_not_move_by_one_bit(tiny_model, tokens_N, form):
    config = TttConfig.from_dict({**SGD.to_dict(), "form": form, "freeze_blocks": 2, "weight_decay": 0.1})
    before = {e.path: e.parameter.detach().clone() for e in tiny_model.layer_parameters()}
    run_scorer(scorer_of(tiny_model, config), tokens_N)
    banked = 0
    for entry in tiny_model.layer_parameters():
        for index, layer in enumerate(entry.layers):
            now, then = entry.parameter, before[entry.path]
            if entry.banked:
                now, then = now[index], then[index]
                banked += 1
            frozen = layer is not None and layer < 2
            assert torch.equal(now, then) == frozen or (not entry.banked and len(entry.layers) > 1), entry.path
    assert banked > 6


def test_batches_do_not_matter(tiny_model, tokens_N):
    twin = copy.deepcopy(tiny_model)
    one = run_scorer(scorer_of(twin, SGD, batch=1), tokens_N, per_block=1)
    many = run_scorer(scorer_of(tiny_model, SGD, batch=50), tokens_N, per_block=50)
    assert (one - many).abs().max() < 1e-4


def test_a_paused_scorer_keeps_the_weights_it_has(tiny_model, tokens_N):
    plain, scorer = plain_rows(tiny_model, tokens_N), scorer_of(tiny_model, SGD)
    scorer.reset(tokens_N[:1].astype(np.int64))
    scorer.pause()
    for block in blocks(tokens_N, group_windows(sliding_windows(400, 32, 8), 4, 96)):
        assert torch.equal(scorer.predict(block), plain[block.first : block.stop])
        scorer.observe(block, tokens_N[block.first + 1 : block.stop + 1].astype(np.int64))
    assert scorer.paused_at == 0
