import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from golfctl.errors import InputError
from golfctl.evaluation.evidence.adapted_state import final_state
from golfctl.evaluation.ledger import Ledger
from golfctl.evaluation.resume import Savepoint
from golfctl.evaluation.runner import BlockPlan, run
from golfctl.evaluation.timing.clock import Clock
from golfctl.scoring.compose import Setting, compose
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import Ranks
from tests.unit.evaluation.test_runner import CPU, VOCAB, stream_of

STACK = {
    "seq_len": 32, "stride": 8, "batch": 4, "ttt": {"chunk": 64, "lr": 0.02}, "ngram": {"order": 4},
    "ctw": {"depth": 3}, "calibrate": {}, "slot": {"steps": 2, "span": 8},
}  # fmt: skip


@pytest.mark.parametrize("ttt", [{"form": "sgd"}, {"form": "adamw"}, {"chunk": None}], ids=str)
def test_an_interrupted_run_ends_with_the_same_ledger_and_state(tokens_N, tiny_model, tmp_path, ttt):
    stream, plan = stream_of(tokens_N), BlockPlan(400, 32, 8, 4)
    config = EvalConfig.from_dict({**STACK, "ttt": {**STACK["ttt"], **ttt}})

    def fresh():
        return compose(config, Setting(copy.deepcopy(tiny_model), VOCAB, 32, 400, CPU, Ranks()))

    whole_scorer = fresh()
    whole = run(whole_scorer, stream, plan, probe=False).ledger.nll_R
    earlier = Clock()
    save = Savepoint(tmp_path / "s", {"a": 1}, earlier, every_s=0.0)
    first = fresh()

    def stop_at_200(ledger):
        save.after_block(first, ledger)
        return ledger.booked >= 200

    run(first, stream, plan, earlier, probe=False, after_block=stop_at_200)
    spent, second, clock = earlier.total(), fresh(), Clock(now=lambda: 0.0)
    save = Savepoint(tmp_path / "s", {"a": 1}, clock)
    again = run(second, stream, plan, clock, restore=lambda led: save.restore(second, led, stream.tokens_N))
    assert np.array_equal(again.ledger.nll_R, whole)
    assert again.resumed_at_row >= 200 and again.causal["verdict"] is True
    assert 0 < clock.seconds["score"] < clock.total() <= spent
    assert second.state_id() == whole_scorer.state_id()
    accounts = [final_state([scorer], tiny_model)["parts"] for scorer in (second, whole_scorer)]
    assert accounts[0] == accounts[1] and all(part["acted"] for part in accounts[0].values())


def test_another_evaluations_file_is_refused(tokens_N, tiny_model, tmp_path):
    path, ledger = tmp_path / "s", Ledger(400)
    ledger.append(0, np.ones(10))
    scorer = compose(EvalConfig(), Setting(tiny_model, VOCAB, 32, 400, CPU, Ranks()))
    Savepoint(path, {"a": 1}, Clock(), every_s=0.0).after_block(scorer, ledger)
    with pytest.raises(InputError, match="another artifact, text, stack"):
        Savepoint(path, {"a": 2}, Clock()).restore(scorer, Ledger(400), tokens_N)
    path.write_bytes(b"not a file of ours")
    with pytest.raises(InputError, match="damaged"):
        Savepoint(path, {"a": 1}, Clock()).restore(scorer, Ledger(400), tokens_N)
    path.unlink()
    assert Savepoint(path, {"a": 1}, Clock()).restore(scorer, Ledger(400), tokens_N) == 0


@pytest.fixture
def saved(tiny_model, tmp_path):
    """An evaluation saved after ten rows: its file, a maker of scorers for it, its tensors, what it says of itself."""
    path, ledger = tmp_path / "s", Ledger(400)
    ledger.append(0, np.ones(10))

    def scorer():
        return compose(EvalConfig.from_dict(STACK), Setting(copy.deepcopy(tiny_model), VOCAB, 32, 400, CPU, Ranks()))

    Savepoint(path, {"a": 1}, Clock(), every_s=0.0).after_block(scorer(), ledger)
    with safetensors.safe_open(path, "pt") as stream:
        said = json.loads(stream.metadata()["golfctl-eval"])
    tensors = safetensors.torch.load(path.read_bytes())
    return path, scorer, tensors, said


def test_a_plain_edit_is_refused(tokens_N, saved):
    """Each kind of content, changed by the least that can be changed, with everything else as it was."""
    path, scorer, tensors, said = saved
    assert len(tensors) > 5
    edits = [(tensors, said | {"total": said["total"] + 1.0}), (tensors, said | {"seconds": {"score": 0.0}})]
    for name, tensor in tensors.items():
        changed = tensor.clone()
        if changed.numel():
            changed.view(-1).view(torch.uint8)[-1] ^= 1
            edits.append((tensors | {name: changed}, said))
        edits.append((tensors | {name: tensor[None]}, said))
    for held, text in edits:
        path.write_bytes(safetensors.torch.save(held, {"golfctl-eval": json.dumps(text)}))
        with pytest.raises(InputError, match="was changed after it was saved|no saved evaluation"):
            Savepoint(path, {"a": 1}, Clock()).restore(scorer(), Ledger(400), tokens_N)
    path.write_bytes(safetensors.torch.save(tensors, {"golfctl-eval": json.dumps(said)}))
    assert Savepoint(path, {"a": 1}, Clock()).restore(scorer(), Ledger(400), tokens_N) == 10


@pytest.mark.parametrize("array", ["tokens_N", "starts_D", "raw_bytes_D", "billed_N"])
def test_what_a_score_depends_on_is_part_of_what_a_state_belongs_to(tokens_N, array):
    stream = stream_of(tokens_N)
    changed = getattr(stream, array).copy()
    changed[-1] += 1
    assert replace(stream, **{array: changed}).identity() != stream.identity() == stream_of(tokens_N).identity()


def test_a_damaged_file_is_refused(tokens_N, saved):
    """Whatever was changed in it, tensors or what it says of itself."""
    path, scorer, tensors, said = saved
    names = [name for name in tensors if name.endswith("weight_CS")]
    damages = [
        ({name: t for name, t in tensors.items() if name != "ledger"}, said),
        (tensors | {"ledger": torch.ones(2, 5, dtype=torch.float64)}, said),
        (tensors | {"ledger": torch.ones(10)}, said),
        (tensors | {"ledger": torch.ones(1000, dtype=torch.float64)}, said),
        (tensors | {"ledger": torch.full((10,), torch.nan, dtype=torch.float64)}, said),
        ({"ledger": tensors["ledger"]}, said),
        *(({n: t for n, t in tensors.items() if n != name}, said) for name in names),
        (tensors, said | {"seconds": 5}),
        (tensors, said | {"seconds": {"score": "x"}}),
        (tensors, said | {"total": []}),
        (tensors, [said]),
        (tensors, {"identity": said["identity"]}),
    ]
    for held, text in damages:
        path.write_bytes(safetensors.torch.save(held, {"golfctl-eval": json.dumps(text)}))
        with pytest.raises(InputError, match="remove it or name another file"):
            Savepoint(path, {"a": 1}, Clock()).restore(scorer(), Ledger(400), tokens_N)
