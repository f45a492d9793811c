"""The rolling cache: its plain formula, documents, going on after an interruption, what it refuses."""

import numpy as np
import pytest
import torch

from golfctl.errors import ConfigError
from golfctl.evaluation.runner import BlockPlan, run
from golfctl.model.weights.names import named_tensors
from golfctl.scoring.compose import Setting, compose
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.neural.rolling import RollingScorer
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.windows import blocks, group_windows, sliding_windows
from tests.oracles import gpt
from tests.tiny_stream import VOCAB
from tests.unit.evaluation.test_runner import stream_of

CPU = torch.device("cpu")
SEQ_LEN, STRIDE = 32, 8


def scorer_of(model, stride=STRIDE):
    config = EvalConfig.from_dict({"seq_len": SEQ_LEN, "stride": stride, "rolling": True})
    return compose(config, Setting(model, VOCAB, SEQ_LEN, 400, CPU, Ranks()))


def nats_of(model, tokens_N, per_block=5, starts=None, stride=STRIDE):
    plan = BlockPlan(len(tokens_N) - 1, SEQ_LEN, stride, per_block, starts)
    return run(scorer_of(model, stride), stream_of(tokens_N, starts or (0,)), plan, probe=False).ledger.nll_R


def plain_nats(model, tokens_N):
    """The whole text in one forward whose rows see the latest SEQ_LEN positions."""
    spec = model.spec.to_dict()
    spec["attention"]["reach"] = SEQ_LEN
    ids_N = torch.from_numpy(tokens_N.astype(np.int64))
    with torch.no_grad():
        logp_RV = gpt.logits(ids_N[None, :-1], spec, named_tensors(model))[0].log_softmax(-1)
    return -logp_RV.gather(1, ids_N[1:, None])[:, 0].numpy()


@pytest.mark.parametrize("stride", [STRIDE, SEQ_LEN])
@pytest.mark.parametrize("per_block", [1, 5, 70])
def test_rows_are_those_of_one_forward_with_a_band(tiny_model, tokens_N, per_block, stride):
    found = nats_of(tiny_model, tokens_N[:150], per_block, stride=stride)
    assert found == pytest.approx(plain_nats(tiny_model, tokens_N[:150]), abs=5e-5)


def test_documents_begin_with_an_empty_cache(tiny_model, tokens_N):
    found = nats_of(tiny_model, tokens_N[:131], starts=(0, 60, 67))
    parts = [plain_nats(tiny_model, tokens_N[a : b + 1]) for a, b in ((0, 60), (60, 67), (67, 130))]
    assert found == pytest.approx(np.concatenate(parts), abs=5e-5)


def test_it_is_another_score_than_a_sliding_window(tiny_model, tokens_N):
    sliding = compose(
        EvalConfig.from_dict({"seq_len": SEQ_LEN, "stride": STRIDE}),
        Setting(tiny_model, VOCAB, SEQ_LEN, 400, CPU, Ranks()),
    )
    plan = BlockPlan(120, SEQ_LEN, STRIDE, 5)
    apart_R = np.abs(
        run(sliding, stream_of(tokens_N[:121]), plan, probe=False).ledger.nll_R - nats_of(tiny_model, tokens_N[:121])
    )
    assert apart_R[:SEQ_LEN].max() < 2e-5 < 1e-3 < apart_R[SEQ_LEN:].max()


def test_earlier_rows_never_move_when_later_tokens_do(tiny_model, tokens_N):
    before = nats_of(tiny_model, tokens_N)
    for cut in (1, 31, 77, 200, 399):
        changed_N = tokens_N.copy()
        changed_N[cut + 1 :] = (changed_N[cut + 1 :] + 7) % VOCAB
        after = nats_of(tiny_model, changed_N)
        assert np.array_equal(after[:cut], before[:cut])


def test_a_saved_cache_goes_on_bit_for_bit(tiny_model, tokens_N):
    groups = list(group_windows(sliding_windows(400, SEQ_LEN, STRIDE), 4, None))
    todo = list(blocks(tokens_N, iter(groups)))
    one = scorer_of(tiny_model)
    one.reset(tokens_N[:1].astype(np.int64))
    for block in todo[:-1]:
        one.predict(block)
        one.observe(block, tokens_N[block.first + 1 : block.stop + 1].astype(np.int64))
    two = scorer_of(tiny_model)
    two.load(one.save(), tokens_N[: todo[-1].first + 1].astype(np.int64))
    assert two.state_id() == one.state_id()
    assert torch.equal(one.predict(todo[-1]), two.predict(todo[-1]))
    with pytest.raises(ValueError, match="goes on at row"):
        two.predict(todo[0])


@pytest.mark.parametrize("table", [{"ttt": {}}, {"slot": {}}, {"tail": "reference", "allow_leaks": True}])
def test_what_needs_windows_is_refused(table):
    with pytest.raises((ConfigError, ValueError), match="takes no ttt, slot or leaking form"):
        EvalConfig.from_dict({"rolling": True, **table}, "eval")


def test_a_model_without_a_rolling_cache_is_named(tiny_model):
    assert isinstance(scorer_of(tiny_model), RollingScorer)
    config = EvalConfig.from_dict({"rolling": True})
    with pytest.raises(Exception, match="the rolling cache needs start_rolling_cache"):
        compose(config, Setting(torch.nn.Linear(2, 2), VOCAB, SEQ_LEN, 400, CPU, Ranks()))
