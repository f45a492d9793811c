import numpy as np
import pytest
import torch

from golfctl.errors import ConfigError
from golfctl.scoring.config import EvalConfig, TttConfig
from golfctl.scoring.neural.lora import LoraScorer
from golfctl.scoring.neural.sliding import NeuralScorer, WindowForward
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.windows import blocks, group_documents, sliding_windows

CPU = torch.device("cpu")
VOCAB = 48
STARTS = (0, 70, 83, 200, 300)
CONFIG = TttConfig(form="lora", lr=0.02, rank=3)


def made(tokens_N, documents):
    return blocks(tokens_N, group_documents(sliding_windows(400, 32, 8, STARTS), documents))


def rows_of(scorer, tokens_N, documents=3):
    return torch.cat([scorer.predict(block) for block in made(tokens_N, documents)])


def forward_of(model):
    return WindowForward(model, 32, 4, CPU, Ranks())


def test_rate_zero_equals_plain_isolated_windows(tiny_model, tokens_N):
    plain = rows_of(NeuralScorer(forward_of(tiny_model), VOCAB), tokens_N)
    config = TttConfig(form="lora", lr=0.0)
    assert (rows_of(LoraScorer(forward_of(tiny_model), VOCAB, config), tokens_N) - plain).abs().max() < 1e-5


def test_rows_depend_on_their_own_document_alone(tiny_model, tokens_N):
    scorer = LoraScorer(forward_of(tiny_model), VOCAB, CONFIG)
    together, alone = rows_of(scorer, tokens_N, 5), rows_of(scorer, tokens_N, 1)
    assert (together - alone).abs().max() < 1e-4
    plain = rows_of(NeuralScorer(forward_of(tiny_model), VOCAB), tokens_N)
    moved = (together - plain).abs().amax(dim=1)
    assert moved[:32].max() < 1e-5 and moved[32:70].min() > 0 and moved[70:83].max() < 1e-5


def test_later_tokens_do_not_move_rows(tiny_model, tokens_N):
    scorer = LoraScorer(forward_of(tiny_model), VOCAB, CONFIG)
    (block,) = made(tokens_N, 9)
    rows_RV = scorer.predict(block)
    for cut in (20, 65, 150, 321):
        other = block.ids_N.copy()
        other[cut + 1 :] = (other[cut + 1 :] + 5) % VOCAB
        changed = scorer.predict(type(block)(block.origin, other, block.windows, block.first, block.stop))
        assert torch.equal(rows_RV[: cut + 1], changed[: cut + 1])


def test_one_lane_equals_a_loop_written_out(tiny_model, tokens_N):
    scorer = LoraScorer(forward_of(tiny_model), VOCAB, CONFIG)
    rows_RV = rows_of(scorer, tokens_N, 1)
    ids = torch.from_numpy(tokens_N.astype(np.int64))
    from golfctl.scoring.neural.lora import Adapters

    adapters, optimizer = Adapters(1, CONFIG, CPU), None
    for window in sliding_windows(400, 32, 8, STARTS):
        if window.start >= 70:
            break
        tiny_model.taps.append(adapters.tap)
        padded = torch.nn.functional.pad(ids[window.start : window.stop], (0, 32 - window.stop + window.start))
        logits = tiny_model.forward(padded[None])[0, window.first - window.start : window.stop - window.start]
        tiny_model.taps.clear()
        assert (torch.log_softmax(logits, -1) - rows_RV[window.first : window.stop]).abs().max() < 1e-4
        optimizer = optimizer or torch.optim.AdamW(adapters.parameters(), lr=0.02, weight_decay=0.0)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, ids[window.first + 1 : window.stop + 1]).backward()
        optimizer.step()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"ttt": {"form": "lora"}}, "context"),
        ({"context": "documents", "ttt": {"form": "lora"}, "strict": True}, "no strict mode"),
        ({"ttt": {"form": "lora", "epochs": 5}, "context": "documents"}, "epochs has no effect"),
        ({"ttt": {"rank": 4}}, "rank has no effect on ttt form 'sgd'"),
    ],
)
def test_options_that_contradict_or_do_nothing_are_refused(table, message):
    with pytest.raises(ConfigError, match=message):
        EvalConfig.from_dict(table)
