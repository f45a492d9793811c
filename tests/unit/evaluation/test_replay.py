"""The leaking forms: the reference program's own figures, and that no replay can pass for a score."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from golfctl.errors import ConfigError
from golfctl.evaluation.replay import replay_score, run_replay
from golfctl.evaluation.report import honest
from golfctl.evaluation.stream import Stream
from golfctl.evaluation.timing.clock import Clock
from golfctl.model.weights.names import load_named_tensors
from golfctl.model.weights.new_model import empty_model
from golfctl.scoring.compose import Setting
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import Ranks
from tests.unit.model.cases import spec_of_reference

PARITY = Path(__file__).parents[2] / "fixtures" / "parity" / "eval_pr1128.safetensors"
CPU = torch.device("cpu")
TTT = {"chunk": 512, "epochs": 3, "lr": 0.002, "batch_sequences": 32, "grad_clip": 1.0}
SLOT = {"form": "shared", "steps": 5, "lr": 0.003, "batch_windows": 8}
CASES = {
    "sliding": {},
    "ttt_sgd": {"ttt": TTT},
    "slot_only": {"ttt": {**TTT, "epochs": 0}, "slot": SLOT},
    "ttt_sgd_slot": {"ttt": TTT, "slot": SLOT},
}


@pytest.fixture(scope="module")
def parity():
    with safe_open(PARITY, "pt") as file:
        case = json.loads(file.metadata()["case"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    model = empty_model(spec_of_reference(case["config"]))
    load_named_tensors(model, {k.removeprefix("weight/"): t for k, t in tensors.items() if k.startswith("weight/")})
    tokens_N = tensors["val_tokens"].numpy().astype(np.uint16)
    base, space, boundary = (tensors[k].numpy() for k in ("base_bytes", "leading_space", "boundary"))
    billed_N = np.zeros(len(tokens_N), np.int64)
    billed_N[1:] = base[tokens_N[1:]] + (space[tokens_N[1:]] & (1 - boundary[tokens_N[:-1]]))
    stream = Stream.of_arrays(tokens_N, np.zeros(1, int), np.array([billed_N.sum()]), billed_N, "parity")
    return model.eval().requires_grad_(False), stream, case


def config_of(changes, case):
    base = {"seq_len": case["seq_len"], "stride": case["stride"], "batch": 8, "tail": "reference", "allow_leaks": True}
    return EvalConfig.from_dict({**base, **changes})


def replay(parity, changes):
    model, stream, case = parity
    config = config_of(changes, case)
    setting = Setting(model, 48, case["seq_len"], stream.rows, CPU, Ranks())
    run = run_replay(config, setting, stream, Clock())
    return run, replay_score(stream, run.ledger)


@pytest.mark.parametrize("name", CASES)
def test_the_reference_programs_four_figures(parity, one_thread, name):
    _, score = replay(parity, CASES[name])
    expected = parity[2]["expected"][name]
    assert score.val_loss == pytest.approx(expected["val_loss"], abs=2e-5)
    assert score.val_bpb_billed == pytest.approx(expected["val_bpb"], abs=2e-5)


def test_switched_off_with_the_full_path_run_it_is_plain_sliding(parity, one_thread):
    plain = replay(parity, {})[1].val_loss
    for changes in (
        {"ttt": {**TTT, "lr": 0.0}, "slot": {**SLOT, "lr": 0.0}},
        {"ttt": {**TTT, "epochs": 0}, "slot": {**SLOT, "steps": 0}},
        {"slot": {**SLOT, "form": "per-sample", "lr": 0.0}},
        {"ngram": {"form": "target-keyed", "alpha_low": 0.0, "alpha_span": 0.0, "buckets_log2": 10}, "tail": "once"},
        {"ttt": {**TTT, "lr": 0.0}, "adapt_then_score": True},
    ):
        expected = plain
        if changes.get("tail"):
            nothing = {"ttt": {**TTT, "epochs": 0}, "adapt_then_score": True, "tail": "once"}
            expected = replay(parity, nothing)[1].val_loss
        assert replay(parity, changes)[1].val_loss == pytest.approx(expected, abs=1e-6), changes


LEAKS = {
    "shared": {"slot": SLOT, "tail": "once"},
    "per-sample": {"slot": {**SLOT, "form": "per-sample", "steps": 24, "lr": 0.024, "final_lr": 0.001}, "tail": "once"},
    "target-keyed": {"ngram": {"form": "target-keyed", "buckets_log2": 8}, "tail": "once"},
    "adapt": {"ttt": {**TTT, "lr": 0.05}, "adapt_then_score": True, "tail": "once"},
    "tail": {},
}


@pytest.mark.parametrize("name", LEAKS)
def test_no_leaking_form_can_be_called_honest(parity, one_thread, name):
    run, score = replay(parity, LEAKS[name])
    assert honest(run.properties(), run.ledger.can_be_honest) is False
    assert run.ledger.reasons
    if name != "tail":
        assert score.val_loss < replay(parity, {})[1].val_loss - 0.002, "a leak lowers the figure"


@pytest.mark.parametrize("name", LEAKS)
def test_leaking_forms_need_the_flag_and_no_strict_mode(parity, name):
    changes = {k: v for k, v in config_of(LEAKS[name], parity[2]).to_dict().items() if k != "allow_leaks"}
    with pytest.raises(ConfigError, match="allow-leaks"):
        EvalConfig.from_dict(changes)
    with pytest.raises(ConfigError, match="strict"):
        EvalConfig.from_dict({**changes, "allow_leaks": True, "strict": True})


def test_a_replay_leaves_the_model_as_it_found_it(parity, one_thread):
    before = {k: v.clone() for k, v in parity[0].state_dict().items()}
    replay(parity, CASES["ttt_sgd_slot"])
    assert all(torch.equal(v, before[k]) for k, v in parity[0].state_dict().items())
