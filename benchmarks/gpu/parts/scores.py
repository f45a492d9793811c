"""Evaluations and Newton–Schulz against the parity files `eval_pr1128`, `quant_a`, `optim_pr1855`; others are named."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.paths import precise
from benchmarks.gpu.parts.references import Tensors, read, spec_of, under
from benchmarks.gpu.report import Report
from golfctl.evaluation.replay import replay_score, run_replay
from golfctl.evaluation.stream import Stream
from golfctl.evaluation.timing.clock import Clock
from golfctl.model.weights.names import load_named_tensors
from golfctl.model.weights.new_model import empty_model
from golfctl.optim.newton_schulz import POLYNOMIALS, newton_schulz
from golfctl.scoring.compose import Setting
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import Ranks

VAL_LOSS = 2e-5
BFLOAT16_LOSS = 1e-2  # five times what a CPU's bfloat16 is away
NEWTON_SCHULZ = {"quant_a": "standard", "optim_pr1855": "polar-express"}
TIMES = 2.0  # how much further from the exact products than the program's own bfloat16
TTT = {"chunk": 512, "epochs": 3, "lr": 0.002, "batch_sequences": 32, "grad_clip": 1.0}
SLOT = {"form": "shared", "steps": 5, "lr": 0.003, "batch_windows": 8}
CASES: dict[str, dict[str, Any]] = {
    "sliding": {},
    "ttt_sgd": {"ttt": TTT},
    "slot_only": {"ttt": {**TTT, "epochs": 0}, "slot": SLOT},
    "ttt_sgd_slot": {"ttt": TTT, "slot": SLOT},
}


def run(options: Options, report: Report) -> None:
    report.figure("flags", precise())
    for path in sorted(options.parity.glob("*.safetensors")):
        facts, tensors = read(path)
        if path.stem == "eval_pr1128":
            evaluations(report, facts["case"], tensors, options)
        elif path.stem in NEWTON_SCHULZ:
            products(report, path.stem, tensors, options)
        elif not path.stem.startswith("model_"):
            report.absent(path.stem, "nothing here reads this file; the unit tests of its room may, on the CPU")
    report.figure("main", {"checks": len(report.checks)})


def evaluations(report: Report, case: dict[str, Any], tensors: Tensors, options: Options) -> None:
    """Four figures of the reference program, each with the weights that it started from."""
    tokens_N = tensors["val_tokens"].numpy().astype(np.uint16)
    base, space, boundary = (tensors[key].numpy() for key in ("base_bytes", "leading_space", "boundary"))
    billed_N = np.zeros(len(tokens_N), np.int64)
    billed_N[1:] = base[tokens_N[1:]] + (space[tokens_N[1:]] & (1 - boundary[tokens_N[:-1]]))
    stream = Stream.of_arrays(tokens_N, np.zeros(1, int), np.array([billed_N.sum()]), billed_N, "parity")
    weights = under("weight", tensors)
    spec, device = spec_of(case["config"], weights), torch.device(options.device)
    for name in tuple(CASES)[:2] if options.dry else CASES:
        for dtype in ("float32", "bfloat16"):
            if options.dry and dtype == "bfloat16":
                continue
            with report.attempt(f"eval_pr1128 {name} {dtype}"):
                model = empty_model(spec)
                load_named_tensors(model, weights)
                model.to(device).eval().requires_grad_(False)
                model.set_compute_dtype(torch.bfloat16 if dtype == "bfloat16" else None)
                config = EvalConfig.from_dict({
                    "seq_len": case["seq_len"], "stride": case["stride"], "batch": 8, "tail": "reference",
                    "allow_leaks": True, "dtype": dtype, **CASES[name],
                })  # fmt: skip
                setting = Setting(model, spec.vocab_size, case["seq_len"], stream.rows, device, Ranks())
                loss = replay_score(stream, run_replay(config, setting, stream, Clock()).ledger).val_loss
                apart = abs(loss - case["expected"][name]["val_loss"])
                bound = VAL_LOSS if dtype == "float32" else BFLOAT16_LOSS
                report.at_most(f"eval_pr1128 {name} {dtype}: val_loss", apart, bound)


def products(report: Report, file: str, tensors: Tensors, options: Options) -> None:
    """Newton–Schulz in bfloat16 on the device: no further from float64 on the CPU than the program's own results."""
    polynomial = POLYNOMIALS[NEWTON_SCHULZ[file]]
    cases = sorted({name.split("/")[1] for name in tensors if name.startswith("ns/")})
    report.holds(f"{file} has Newton–Schulz cases", bool(cases))
    for case in cases:
        with report.attempt(f"{file} ns/{case}"):
            given, theirs = (_bank(tensors[f"ns/{case}/{end}"]) for end in ("in", "out_bf16"))
            exact = newton_schulz(given.double(), polynomial)
            found = newton_schulz(given.to(options.device, torch.bfloat16), polynomial).double().cpu()
            bound = TIMES * float((theirs - exact).abs().max())
            report.at_most(f"{file} ns/{case}", float((found - exact).abs().max()), bound)


def _bank(tensor: Tensor) -> Tensor:
    """A matrix is a bank of one."""
    return tensor if tensor.ndim == 3 else tensor[None]
