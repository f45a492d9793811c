"""The three races; each round gets a folder of its own."""

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.races.forks import Outcome, Tell, alone, race
from golfctl.artifact import read_artifact
from golfctl.core.journal import Journal, read_journal
from golfctl.core.recipe import Recipe
from golfctl.data.build import build_dataset, split_explicit
from golfctl.data.text.sources import Document
from golfctl.data.tokenizers.training import train_tokenizer
from golfctl.packing.config import PackConfig
from golfctl.packing.pack import pack
from golfctl.training.run.run_folders import RunFolder, run_records
from golfctl.training.train import train

RECORDS = 20
_APPEND_SECONDS, _TRAIN_SECONDS, _PACK_SECONDS = 0.1, 0.6, 0.6  # about what a racer takes; kills fall within
_WORDS = "the a model token byte loss train step file reads writes of and small large quickly".split()  # noqa: SIM905


class Round(NamedTuple):
    """How the racers of one round ended, and what was wrong afterwards, in words."""

    outcomes: list[Outcome]
    wrong: list[str]


class Ground:
    """What all rounds share: a dataset, a trained run and its folder."""

    def __init__(self, folder: Path) -> None:
        torch.set_num_threads(1)  # before any fork: threads of a parent do not live in its children
        self.folder, self.data, self.run = folder, folder / "data", folder / "run"
        rng = random.Random(0)
        texts = [". ".join(" ".join(rng.choices(_WORDS, k=8)) for _ in range(40)) for _ in range(12)]
        documents = [Document(str(i), text) for i, text in enumerate(texts)]
        tokenizer = train_tokenizer(texts, vocab_size=300)
        build_dataset(
            self.data, split_explicit(documents[1:], documents[:1]), tokenizer, source="races", split="explicit"
        )
        train(self.recipe(0), self.data, self.run)
        _pack(self, folder / "warm.golf", 4, lambda said: None)  # so that racers find everything imported and compiled

    def recipe(self, seed: int) -> Recipe:
        """A run of a fraction of a second."""
        model = {"layers": 1, "dim": 16, "attention": {"heads": 2, "kv_heads": 1}, "feed_forward": {"hidden": 24}}
        steps = {"steps": 4, "batch_tokens": 64, "sequence_length": 16, "threads": 1, "log_every": 1, "seed": seed}
        quiet = {"node_benchmark_seconds": 0.0, "dtype": "float32", "held_out_tokens": 0}
        return Recipe({"model": model, "train": steps | quiet}, "races")


def journal_round(ground: Ground, folder: Path, rng: random.Random) -> Round:
    """Two writers append to one journal: what was reported as written is there, in one unbroken chain."""
    path = folder / "journal.jsonl"
    outcomes = race([partial(_append, path, number) for number in (0, 1)], rng, _APPEND_SECONDS)
    Journal(path).append("end", {})  # the next writer, which also removes a torn line
    text = read_journal(path)
    written = [record.hash for record in text.records]
    wrong = [f"a writer ended with {o.code}: {o.message}" for o in outcomes if o.code not in (0, -9)]
    wrong += [f"the record {said} was reported and is lost" for o in outcomes for said in o.told if said not in written]
    wrong += [f"{o.told} are out of order" for o in outcomes if o.told != [h for h in written if h in o.told]]
    wrong += ["a torn line is left"] if text.torn else []
    return Round(outcomes, wrong + _litter(folder))


def _append(path: Path, writer: int, tell: Tell) -> None:
    journal = Journal(path)
    for number in range(RECORDS):
        tell(journal.append("race", {"writer": writer, "number": number}).hash)


def train_round(ground: Ground, folder: Path, rng: random.Random) -> Round:
    """Two trainings on one folder: one trains, the other is told who does; a killed one goes on or is begun again."""
    out = folder / "run"
    outcomes = race([partial(_train, ground, out, seed, False) for seed in (1, 2)], rng, _TRAIN_SECONDS)
    wrong = _second_comers(outcomes, "is being trained by another process", "already exists and is not empty")
    if not any(outcome.code == 0 for outcome in outcomes):
        resumes = RunFolder(out).recipe.is_file()
        seed = _seed(out) if resumes else 3
        outcomes.append(alone(partial(_train, ground, out, seed, resumes)))
        if outcomes[-1].code:
            return Round(outcomes, [*wrong, f"after a kill: {outcomes[-1].code}, {outcomes[-1].message}"])
    reported = [said for outcome in outcomes for said in outcome.told]
    wrong += ["not exactly one training says that it wrote the run"] if len(reported) != 1 else []
    wrong += [f"the run has seed {_seed(out)}, reported {said}" for said in reported if said["seed"] != _seed(out)]
    wrong += [f"{said} is not there" for said in reported if not Path(said["checkpoint"]).is_file()]
    ends = [body["exit_code"] for body in run_records(out, "train.end")]
    wrong += [f"the journal says {ends} of the end"] if ends.count(0) != 1 else []
    return Round(outcomes, wrong + (_litter(out) if _settled(outcomes) else []))


def _train(ground: Ground, out: Path, seed: int, resume: bool, tell: Tell) -> None:
    result = train(ground.recipe(seed), ground.data, out, resume=resume)
    tell({"seed": seed, "checkpoint": str(result.checkpoint)})


def _seed(out: Path) -> int:
    return int(Recipe.load(RunFolder(out).recipe).tables["train"]["seed"])


def pack_round(ground: Ground, folder: Path, rng: random.Random) -> Round:
    """Two packs to one output: the file is whole, and of the pack that reported last."""
    out, journal = folder / "m.golf", RunFolder(ground.run).journal
    before = len(read_journal(journal).records)
    outcomes = race([partial(_pack, ground, out, bits) for bits in (4, 6)], rng, _PACK_SECONDS)
    wrong = _second_comers(outcomes, "is being written by another process")
    if not any(o.code == 0 for o in outcomes):
        after = alone(partial(_pack, ground, out, 5))
        outcomes.append(after)
        wrong += [f"after a kill: {after.code}, {after.message}"] if after.code else []
    receipts = [r.body["artifact_sha256"] for r in read_journal(journal).records[before:] if r.kind == "pack"]
    reported = [said for outcome in outcomes for said in outcome.told]
    wrong += [f"the receipt of {said} is lost" for said in reported if said not in receipts]
    found = read_artifact(out.read_bytes(), path=out).sha256
    settled = _settled(outcomes)
    if settled and found != receipts[-1]:  # a killed one may have written the file, and not yet its receipt
        wrong.append("the file is not that of the last receipt")
    return Round(outcomes, wrong + (_litter(folder) if settled else []))


def _pack(ground: Ground, out: Path, bits: int, tell: Tell) -> None:
    checkpoint = RunFolder(ground.run).checkpoints()[-1]
    tell(pack(checkpoint, PackConfig(bits=bits), out).sha256)


def _second_comers(outcomes: list[Outcome], *refusals: str) -> list[str]:
    """What is wrong with how the racers ended that neither were killed nor did their work."""
    wrong = []
    for outcome in outcomes:
        told = outcome.code == 2 and any(refusal in outcome.message for refusal in refusals)
        if outcome.code not in (0, -9) and not told:
            wrong.append(f"a racer ended with {outcome.code}: {outcome.message}")
    return wrong


def _settled(outcomes: list[Outcome]) -> bool:
    """Whether nobody was killed, or another one came after: what a killed one leaves lies there until the next."""
    return len(outcomes) > 2 or all(outcome.code != -9 for outcome in outcomes)


def _litter(folder: Path) -> list[str]:
    return [f"{path.name} is left behind" for path in folder.iterdir() if path.suffix in (".tmp", ".lock", ".old")]


_ENDS = {0: "done", 2: "refused", -9: "killed"}
ROUNDS: dict[str, Callable[[Ground, Path, random.Random], Round]] = {
    "journal": journal_round,
    "train": train_round,
    "pack": pack_round,
}


def run_rounds(ground: Ground, name: str, count: int, seed: int) -> dict[str, Any]:
    """Run `count` rounds of one race: how the racers ended, and every fault."""
    ended: Counter[str] = Counter()
    faults = []
    for number in range(count):
        with tempfile.TemporaryDirectory(dir=ground.folder) as folder:
            found = ROUNDS[name](ground, Path(folder), random.Random(f"{name} {seed} {number}"))
        ended.update(_ENDS.get(outcome.code, "failed") for outcome in found.outcomes)
        faults += [f"round {number}: {what}" for what in found.wrong]
    return {"rounds": count, "writers": dict(sorted(ended.items())), "faults": faults}
