"""The parts, in the order in which they run: cheap and telling ones first."""

from typing import NamedTuple


class Part(NamedTuple):
    """`needs`: arguments and machine without which it is not run; `uses`: arguments that its result depends on."""

    name: str
    module: str
    what: str
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


PARTS = (
    Part("doctor", "doctor", "what the machine is and has"),
    Part("gpu-tests", "gpu_tests", "the tests marked gpu", needs=("pytest",)),
    Part("kernels", "kernels", "attention kernels against the formula; milliseconds"),
    Part("models", "models", "models on every path against the CPU and the parity files", uses=("parity",)),
    Part("compiled", "compiled", "the same, compiled", needs=("compiler",), uses=("parity",)),
    Part("scores", "scores", "evaluations and Newton–Schulz against the parity files", uses=("parity",)),
    Part("train", "train", "golfctl train by itself: tokens/s, MFU, phases, repeatability",
         needs=("compiler",), uses=("data",)),
    Part("train-beside", "train_beside", "training beside the program of PR #549",
         needs=("peer", "compiler"), uses=("peer", "data")),
    Part("sliding-beside", "sliding_beside", "sliding evaluation beside it, projected to 8 GPUs",
         needs=("peer", "compiler"), uses=("peer",)),
    Part("ttt-beside", "ttt_beside", "score-first TTT beside it, projected to 8 GPUs",
         needs=("peer",), uses=("peer",)),
    Part("ranks", "ranks", "training on several GPUs: the weights of one, and speed",
         needs=("gpus", "compiler"), uses=("data",)),
    Part("rank-scores", "rank_scores", "evaluation on several GPUs: the score of one, and speed",
         needs=("gpus",), uses=("data",)),
)  # fmt: skip
