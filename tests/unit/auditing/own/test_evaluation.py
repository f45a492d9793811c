"""golfctl's own stacks on a small random model: honest forms pass every check, leaking forms fail where they must."""

from pathlib import Path

import numpy as np
import pytest
import torch

from golfctl.auditing.checks.gold import recompute
from golfctl.auditing.finding import Verdict
from golfctl.auditing.own.evaluation import (
    OwnSession,
    OwnSource,
    RunnerBox,
    document_rows,
    score_text,
    scoring_subject,
    unadapted,
)
from golfctl.auditing.own.geometry import differences, probe_config
from golfctl.auditing.plan import Plan
from golfctl.auditing.rules import load_rules
from golfctl.auditing.run import run_audit
from golfctl.auditing.subject import AuditContext
from golfctl.evaluation.scored_model import ScoredModel
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.neural.lora import Adapters
from tests.tiny_stream import random_model

CPU = torch.device("cpu")
VOCAB = 16
WINDOWS = {"seq_len": 32, "stride": 8, "batch": 4}
SCORING = ("T1", "T3", "T3r", "T4", "T7", "T8", "T9", "T10", "T12-i", "T12-ii")
HONEST = {
    "plain": {},
    "documents": {"context": "documents"},
    "rolling": {"rolling": True, "seq_len": 32, "stride": 32},
    "ttt": {"ttt": {"chunk": 64, "lr": 0.02}},
    "adapters": {"ttt": {"form": "lora", "lr": 0.02, "rank": 2}, "context": "documents"},
    "slot": {"slot": {"steps": 3, "lr": 0.05}},
    "ngram": {"ngram": {"order": 4}},
    "all": {"ttt": {"chunk": 64, "lr": 0.02}, "slot": {"steps": 3, "lr": 0.05}, "ngram": {"order": 3},
            "calibrate": {}},
}  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return ScoredModel(
        random_model(vocab_size=VOCAB, layers=2, dim=16), "artifact", Path("m.golf"), "0" * 64, VOCAB, None, 32, {}
    )


def phrases_text(seed=7):
    rng = np.random.default_rng(seed)
    phrases = [rng.integers(2, VOCAB, size=rng.integers(3, 9)) for _ in range(9)]
    return np.concatenate([phrases[i] for i in rng.integers(0, 9, 90)])[:260].astype(np.uint16)


def audit(model, seed=7, only=SCORING, **stack):
    torch.set_num_threads(1)
    text = phrases_text(seed)
    config = EvalConfig.from_dict({**WINDOWS, **stack})
    plan = Plan.from_dict({"seed": seed, "text_tokens": 160, "cuts": 10, "mass_tokens": 100, "mass_positions": 2,
                           "source_texts": 2, "source_tokens": 300, "uniform_tokens": 100})  # fmt: skip
    subject = scoring_subject("own", model, config, CPU, text[:160], text[160:])
    report = run_audit(subject, AuditContext(plan, load_rules()), only=only)
    return {f.id: f for f in report.findings}


def some_slow(names, quick):
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", some_slow(HONEST, {"plain", "ngram"}))
def test_honest_stacks_pass_everything(model, name):
    found = audit(model, **HONEST[name])
    wrong = {f.id: f.detail for f in found.values() if f.verdict not in (Verdict.PASS, Verdict.WARN)}
    assert wrong == {} and found["T7"].value <= 1e-9


@pytest.mark.parametrize("name", some_slow(HONEST, {"plain", "rolling", "adapters"}))
def test_a_session_scores_as_the_runner_does(model, name):
    """Block by block: adapters are trained on whole documents at a time, so the blocks must hold the same ones."""
    config, text = EvalConfig.from_dict({**WINDOWS, **HONEST[name]}), phrases_text()
    ledger = score_text(model, config, CPU, text)
    session = OwnSession(model, config, CPU, text)
    nll_N, _ = recompute(session, text)
    assert np.abs(ledger.claimed(len(text)) - nll_N)[1:].max() <= 1e-9
    assert len(document_rows(config, len(text) - 1)) == (3 if config.context == "documents" else 1)


@pytest.mark.parametrize("name", some_slow(HONEST, {"plain", "rolling", "adapters"}))
def test_an_evaluation_that_ends_early_says_the_same_so_far(model, name):
    config, text = EvalConfig.from_dict({**WINDOWS, **HONEST[name]}), phrases_text()
    box = RunnerBox("own", model, config, CPU)
    (whole,) = box.score([text])
    for last, begun in zip((1, 70, 259), box.score_until([text] * 3, (1, 70, 259)), strict=True):
        rows = len(begun.position_R)
        assert last <= rows <= 259 and np.array_equal(begun.nll_R, whole.nll_R[:rows])
        assert name == "adapters" or rows <= last + 130


def test_lanes_that_share_their_adapters_are_found(model, monkeypatch):
    """What is learnt in one document must not reach another that is scored beside it."""
    own = Adapters.tap

    def shared(self, name, x_LTI, y_LTO):
        if name in self.pairs:
            b_LrO = self.pairs[name][1].data
            b_LrO[:] = b_LrO.mean(dim=0, keepdim=True)
        return own(self, name, x_LTI, y_LTO)

    monkeypatch.setattr(Adapters, "tap", shared)
    found = audit(model, only=("T1",), **HONEST["adapters"])
    assert found["T1"].verdict is Verdict.FAIL


LEAKS = {
    "slot shared (#1084, #1128, #1150)": (
        {"slot": {"form": "shared", "steps": 5, "lr": 0.05, "batch_windows": 4}}, {"T1", "T3", "T10", "T12-i"}, {"T3r"},
    ),
    "slot per sample (#1722)": (
        {"slot": {"form": "per-sample", "steps": 8, "lr": 0.1, "bias": True}}, {"T1", "T3", "T3r", "T12-i"},
        {"T10", "T12-ii"},
    ),
    "hashed n-gram (#761)": (
        {"ngram": {"form": "target-keyed", "order": 4, "buckets_log2": 8}}, {"T3", "T3r", "T12-i"}, {"T12-ii"},
    ),
    "adapt then score (#761)": (
        {"ttt": {"chunk": 64, "lr": 0.1}, "adapt_then_score": True}, {"T1", "T3", "T12-i"}, {"T3r", "T12-ii"},
    ),
    "adapt then score, hashed n-gram (#761)": (
        {"ttt": {"chunk": 64, "lr": 0.1}, "adapt_then_score": True,
         "ngram": {"form": "target-keyed", "order": 4, "buckets_log2": 8}}, {"T1", "T3", "T3r", "T12-i"}, {"T12-ii"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", some_slow(LEAKS, {"slot shared (#1084, #1128, #1150)", "hashed n-gram (#761)"}))
def test_leaking_forms_fail_where_they_must(model, name):
    stack, must, may = LEAKS[name]
    found = audit(model, **stack, allow_leaks=True)
    failed = {f.id for f in found.values() if f.verdict is Verdict.FAIL}
    assert must <= failed and failed <= must | may, {k: (f.verdict.value, f.value, f.detail) for k, f in found.items()}


def test_the_tail_rule_warns_and_no_more(model):
    found = audit(model, tail="reference", allow_leaks=True)
    assert found["T8"].verdict is Verdict.WARN
    assert {f.id for f in found.values() if f.verdict is Verdict.FAIL} == set()


@pytest.mark.parametrize("context", ["sliding", "documents"])
def test_the_source_costs_what_the_plain_evaluation_costs(model, context):
    """Sampled through the cache, scored through windows: the same model."""
    config = EvalConfig.from_dict({**WINDOWS, "context": context})
    source = OwnSource(model, config, CPU)
    text_SN, nll_SN = source.sample(2, 150, np.random.default_rng(0))
    for s in range(2):
        scored = score_text(model, config, CPU, text_SN[s]).nll_R
        assert np.abs(scored - nll_SN[s, 1:]).max() < 1e-4
        for position in (20, 89, 90, 91, 149):
            row_V = source.row(text_SN[s, :position])
            assert row_V.shape == (VOCAB,) and row_V.sum() == pytest.approx(1.0)
            assert -np.log(row_V[text_SN[s, position]]) == pytest.approx(nll_SN[s, position], abs=1e-4)


def test_a_session_sees_no_target_before_it_is_revealed(model):
    text = np.arange(100).astype(np.uint16) % VOCAB
    session = OwnSession(model, EvalConfig.from_dict(WINDOWS), CPU, text)
    for block in session.blocks():
        assert len(block.ids_N) == block.stop - block.origin  # the last target is not among the inputs
        assert session.predict(block).shape == (block.stop - block.first, VOCAB)
        session.observe(block, text[block.first + 1 : block.stop + 1])


def test_probing_sizes_keep_what_matters():
    config = EvalConfig.from_dict(
        {"seq_len": 2048, "stride": 64, "dtype": "float32", "ttt": {"chunk": 32768}, "slot": {}}
    )
    assert probe_config(EvalConfig.from_dict({"dtype": "bfloat16"})).dtype == "float32"
    small = probe_config(config)
    assert small.seq_len <= 64 and small.ttt.chunk % small.stride == 0 and small.ttt.chunk >= small.seq_len
    odd = probe_config(EvalConfig.from_dict({"seq_len": 2048, "stride": 64, "ttt": {"chunk": 32800}}))
    assert odd.ttt.chunk % odd.stride != 0  # a chunk that was out of step with the stride stays so
    assert set(differences(config, small)) == {"seq_len", "stride", "batch", "ttt.chunk", "slot.batch_windows"}
    assert differences(config, probe_config(config, exact=True)) == {}
    assert unadapted(config).ttt is None and unadapted(config).stride == 64
