"""Training steps beside the reference program of PR #549, driven from a path: speed, and loss at equal tokens.

    python benchmarks/train.py --peer FOLDER --data DIR [--recipe examples/pr549-mini.toml] [--repeats 7]
    python benchmarks/train.py --peer FOLDER --data DIR --loss-steps 200 --seeds 3
    python benchmarks/train.py --peer FOLDER --data DIR --recipe examples/pr549.toml --device cuda --dtype bfloat16 \\
        --compile

FOLDER holds the record's `train_gpt.py`; its classes are used, its file is not changed and not copied. Both sides have
the same initial weights, batches, dtype, threads and compile mode; micro-batches are those of the recipe. Steps are
interleaved, seconds are processor time (wall clock on a GPU), the figure is the median of paired ratios (reference /
ours: above 1, ours is faster). On CPUs every side has a process of its own: ours keeps freed memory, as `golfctl train`
does (`core/machine/allocator.py`), the reference runs as it is; `same_allocator` is the ratio with that setting on both
sides. On a GPU both sides share one process, so that one works at a time and both see all of its memory. MFU and the
seconds of a step by phase are those of our side and, as far as it has the phases, of the reference's. Prints one JSON
document.
"""

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from clocks import clock_of, own_kernel
from reference_549 import load, model_of, sdpa

from golfctl.core.canonical import sha256_file
from golfctl.core.config import apply_overrides, load_toml
from golfctl.core.machine.allocator import keep_freed_memory
from golfctl.core.recipe import Recipe
from golfctl.model.census import census
from golfctl.optim.collectives import Alone
from golfctl.optim.schedule import RunPoint, learning_rate_scale, ramp
from golfctl.training.meters.node import node_benchmark
from golfctl.training.meters.timing import HostPhases, phases_on
from golfctl.training.meters.utilisation import device_peak, utilisation
from golfctl.training.setup import prepare
from golfctl.training.trainer import Trainer

ROOT = Path(__file__).parents[1]
SHIMS = [
    "flash_attn_interface.flash_attn_func: torch's scaled_dot_product_attention (enable_gqa); on a GPU the kernel that "
    "golfctl chooses for itself",
    "rotary tables: not rescaled for long inputs, since the recipe's base is the rescaled one",
    "main(): needs CUDA, so model, optimizers and loop order are set up here as it does; its loader and its log are "
    "left out, its batches are ours",
    "dtype: in fp32 its embeddings stay fp32 (they are bf16 on CUDA) and there is no autocast",
]
FIRST = 2
STUDENT_95 = {2: 6.314, 3: 2.920, 4: 2.353, 5: 2.132}  # one-sided, by number of pairs


class Peer:
    """The record's model and optimizers, stepping as its main() does."""

    def __init__(self, module, trainer):
        self.setup, self.config = trainer.setup, trainer.setup.train
        self.rows = trainer.micro_sequences
        self.model = model_of(module, trainer.model, trainer.setup.dtype).to(self.setup.device)
        self.loss = self.model
        if self.config.compile:
            self.loss = torch.compile(self.model, dynamic=False, fullgraph=True)
        self._optimizers(module)
        self.ema = {name: t.detach().float().clone() for name, t in self.model.state_dict().items()}
        self.timer = timer_of(self.setup)

    def _optimizers(self, module):
        adam, muon = self.config.adam, self.config.muon
        banks = [getattr(self.model, f"{name}_bank") for name in ("qo", "kv", "mlp_up", "mlp_down")]
        tables = [self.model.tok_emb.weight, self.model.bigram.embed.weight, self.model.ve_shared.embed.weight]
        taken = {id(p) for p in [*banks, *tables]}
        gains = [p for p in self.model.parameters() if id(p) not in taken]
        options = {"betas": (adam.beta1, adam.beta2), "eps": adam.eps, "weight_decay": adam.weight_decay, "fused": True}
        self.tables = torch.optim.AdamW(
            [{"params": [p], "lr": adam.embedding_lr, "base_lr": adam.embedding_lr} for p in tables], **options
        )
        self.gains = torch.optim.AdamW([{"params": gains, "lr": adam.gain_lr, "base_lr": adam.gain_lr}], **options)
        self.banks = module.Muon(
            banks, lr=muon.lr, momentum=muon.momentum, backend_steps=muon.iterations, weight_decay=muon.weight_decay
        )
        self.banks.param_groups[0]["base_lr"] = muon.lr

    def step(self, batch, point):
        (x, y, _), config = batch, self.config
        self.timer.start()
        self.timer.mark("data")
        total = torch.zeros((), device=x.device)
        for first in range(0, len(x), self.rows):
            part = slice(first, first + self.rows)
            with torch.autocast(x.device.type, torch.bfloat16, enabled=self.setup.dtype == torch.bfloat16):
                loss = self.loss(x[part], y[part]) * (len(x[part]) / len(x))
            total += loss.detach()
            loss.backward()
        self.timer.mark("gradient")
        scale = learning_rate_scale(config.schedule, point)
        muon = config.muon
        momentum = ramp(muon.momentum_start, muon.momentum, muon.momentum_warmup_steps, point.step)
        self.banks.param_groups[0]["momentum"] = momentum
        for optimizer in (self.tables, self.gains, self.banks):
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * scale
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip.norm)
        self.banks.launch_reduce_scatters()
        self.tables.step()
        self.gains.step()
        self.banks.step()
        self.model.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, t in self.model.state_dict().items():
                self.ema[name].mul_(config.average.decay).add_(t.detach().float(), alpha=1.0 - config.average.decay)
        self.timer.mark("optimizer")
        return float(total)


class Ours:
    """golfctl's trainer on batches it is given."""

    def __init__(self, trainer):
        self.trainer = trainer
        self.timer = trainer.phases = timer_of(trainer.setup)
        if trainer.setup.train.compile:
            trainer.loss_function = torch.compile(trainer.model.loss, fullgraph=True, dynamic=False)

    def step(self, batch, point):
        self.trainer.next_batch = lambda: batch
        return float(self.trainer.step(point).loss)


def timer_of(setup):
    """Phases on the clock that the ratios are taken on."""
    return phases_on(setup.device) if setup.device.type == "cuda" else HostPhases(time.process_time)


def pair(arguments, module, seed):
    """Both sides with the same weights, and the batches they share."""
    table = apply_overrides(load_toml(arguments.recipe), arguments.set)
    steps = max(arguments.loss_steps, arguments.repeats + FIRST)
    table["train"] = {k: v for k, v in table["train"].items() if k != "seconds"} | {
        "steps": steps, "dtype": arguments.dtype, "seed": seed, "compile": arguments.compile,
    }  # fmt: skip
    table["train"]["muon"] = {**table["train"].get("muon", {}), "compute": "bfloat16"}
    setup = prepare(Recipe(table, str(arguments.recipe)), arguments.data, torch.device(arguments.device))
    trainer = Trainer(setup, Alone())
    batches = trainer.next_batch
    return Ours(trainer), Peer(module, trainer), batches, setup, steps


def run(arguments, module, seed):
    """Losses and seconds of every step, both sides taking turns."""
    ours, peer, batches, setup, steps = pair(arguments, module, seed)
    now = clock_of(setup.device)
    losses, seconds = {"ours": [], "reference": []}, {"ours": [], "reference": []}
    sides = [("ours", ours), ("reference", peer)]
    for step in range(steps):
        batch = batches()
        for name, side in sides if step % 2 else reversed(sides):
            forget_first(side, step)
            start = now()
            losses[name].append(side.step(batch, RunPoint(step, 0.0, steps, None)))
            seconds[name].append(now() - start)
    ours.trainer.close()
    phases = {name: per_step(side.timer, steps) for name, side in sides}
    return losses, seconds, phases, setup, ours.trainer.micro_sequences


class Side:
    """One side in a process of its own, taking one step when asked."""

    def __init__(self, name, keeps_memory):
        words = [sys.executable, __file__, *sys.argv[1:], "--serve", name]
        if keeps_memory:
            words.append("--keep-memory")
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def step(self):
        """The next step's loss and seconds, and its phases' seconds."""
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def serve(arguments, module):
    """Step whenever a line comes in, on the same batches as every other process."""
    if arguments.keep_memory:
        keep_freed_memory()
    ours, peer, batches, setup, steps = pair(arguments, module, 1)
    side, now = {"ours": ours, "reference": peer}[arguments.serve], clock_of(setup.device)
    for step, _ in enumerate(sys.stdin):
        batch = batches()
        forget_first(side, step)
        start = now()
        loss = side.step(batch, RunPoint(step, 0.0, steps, None))
        print(json.dumps([loss, now() - start, per_step(side.timer, step + 1)]), flush=True)
    ours.trainer.close()


def run_apart(arguments):
    """Losses and seconds as `run` gives them, and the reference's seconds with our allocator setting."""
    sides = {"ours": Side("ours", True), "reference": Side("reference", False)}
    if arguments.device == "cpu":
        sides["reference, memory kept"] = Side("reference", True)
    losses, seconds = ({name: [] for name in sides} for _ in range(2))
    phases = {}
    for step in range(arguments.repeats + FIRST):
        for name in sides if step % 2 else reversed(sides):
            loss, taken, phases[name] = sides[name].step()
            losses[name].append(loss)
            seconds[name].append(taken)
    for side in sides.values():
        side.close()
    return losses, seconds, phases


def forget_first(side, step):
    """The first steps compile and fill caches: they count neither for speed nor for phases."""
    if step == FIRST:
        side.timer.reset()


def per_step(timer, steps):
    """Mean milliseconds of a step by phase; "data" is what this program leaves of it: handing over a batch."""
    return {phase: round(1000 * total / max(steps - FIRST, 1), 2) for phase, total in timer.seconds().items()}


def shares(seconds, setup):
    """MFU of every side: model FLOPs of a step over its median seconds and the device's peak."""
    node = node_benchmark(setup.device, 1.0, clock_of(setup.device)) if setup.device.type == "cpu" else None
    peak = device_peak(setup.device, setup.dtype, node)
    flops = census(setup.spec).flops_per_token(setup.train.sequence_length) * setup.train.batch_tokens
    used = {name: utilisation(flops, statistics.median(s[FIRST:]), 1, peak).mfu for name, s in seconds.items()}
    return {"peak": peak.basis, **used}


def speed(seconds, setup):
    ratios = [r / o for o, r in zip(seconds["ours"][FIRST:], seconds["reference"][FIRST:], strict=True)]
    tokens = setup.train.batch_tokens
    kept = seconds.get("reference, memory kept")
    same = {}
    if kept:
        again = [r / o for o, r in zip(seconds["ours"][FIRST:], kept[FIRST:], strict=True)]
        same = {"same_allocator": {"ratio_median": round(statistics.median(again), 4), "ratios": rounded(again)}}
    return {
        "ratio_median": round(statistics.median(ratios), 4),
        "ratios": rounded(ratios),
        "tokens_per_second": {n: round(tokens / statistics.median(s[FIRST:]), 1) for n, s in seconds.items()},
        **same,
    }


def rounded(ratios):
    return [round(r, 3) for r in sorted(ratios)]


def difference(pairs):
    """ours − reference, mean loss of the last tenth of the steps, with a one-sided 95 % upper bound over seeds."""
    deltas = []
    for losses in pairs:
        tail = max(1, len(losses["ours"]) // 10)
        deltas.append(statistics.fmean(losses["ours"][-tail:]) - statistics.fmean(losses["reference"][-tail:]))
    result = {"deltas": [round(d, 5) for d in deltas], "mean": round(statistics.fmean(deltas), 5)}
    if len(deltas) in STUDENT_95:
        error = statistics.stdev(deltas) / math.sqrt(len(deltas))
        result["upper_95"] = round(statistics.fmean(deltas) + STUDENT_95[len(deltas)] * error, 5)
    return result


def machine(arguments):
    gpu = f", {torch.cuda.get_device_name()}" if arguments.device.startswith("cuda") else ""
    return f"{platform.machine()}, {arguments.threads} thread(s), {arguments.device}{gpu}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=ROOT / "examples" / "pr549-mini.toml")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--loss-steps", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--serve", choices=("ours", "reference"), help=argparse.SUPPRESS)
    parser.add_argument("--keep-memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    module = load(arguments.peer, sdpa if arguments.device == "cpu" else own_kernel)
    if arguments.serve:
        serve(arguments, module)
        return
    if arguments.loss_steps or arguments.device != "cpu":
        seeds = arguments.seeds if arguments.loss_steps else 1
        runs = [run(arguments, module, seed) for seed in range(1, seeds + 1)]
        losses, seconds, phases, setup, micro = runs[0]
    else:
        losses, seconds, phases = run_apart(arguments)
        side, _, _, setup, _ = pair(arguments, module, 1)
        side.trainer.close()
        micro, runs = side.trainer.micro_sequences, []
    words = " ".join(sys.argv[1:]).replace(str(arguments.peer), "PEER").replace(str(arguments.data), "DATA")
    result = {
        "command": f"python benchmarks/train.py {words}",
        "peer_sha256": sha256_file(arguments.peer / "train_gpt.py"),
        "shims": SHIMS,
        "machine": machine(arguments),
        "torch": torch.__version__,
        "data_digest": setup.dataset.digest,
        "recipe": arguments.recipe.name,
        "dtype": arguments.dtype,
        "batch_tokens": setup.train.batch_tokens,
        "micro_sequences": micro,
        "first_losses": {name: round(values[0], 6) for name, values in losses.items()},
        "speed": speed(seconds, setup),
        "mfu": shares(seconds, setup),
        "phase_milliseconds": phases,
    }
    if arguments.loss_steps:
        result["loss"] = difference([losses for losses, *_ in runs])
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
