"""`golfctl eval --proof FILE`: the score's text, compressed by the very rows that are scored."""

from pathlib import Path
from typing import TYPE_CHECKING

from golfctl.cli.evaluating.eval_flags import EvalFlags
from golfctl.cli.stack_config import Stack
from golfctl.cli.views.terminal import tell
from golfctl.core.files import atomic_write
from golfctl.core.machine.variables import launched
from golfctl.errors import UsageError
from golfctl.scoring.config import EvalConfig

if TYPE_CHECKING:
    from golfctl.evaluation.evaluate import Evaluation


def refuse_unprovable(source: Path, flags: EvalFlags, config: EvalConfig) -> None:
    """Refuse, before any scoring, what no file could be decoded from."""
    if flags.proof is None:
        return
    idle = {"--ladder": flags.ladder, "--estimate": flags.estimate, "--deadline": flags.deadline is not None}
    if typed := [flag for flag, given in idle.items() if given]:
        raise UsageError(f"--proof codes one whole score of one stack, which no clock changes: drop it or {typed[0]}")
    if source.suffix != ".golf":
        raise UsageError(f"--proof needs a packed artifact, from which its file is decoded; {source} is none")
    if flags.device not in ("auto", "cpu"):
        raise UsageError(f"--proof computes in portable arithmetic, on the CPU: drop --device {flags.device}")
    if config.leaks:
        raise UsageError(f"--proof of {config.leaks[0]}: nothing could be decoded; drop one of the two")
    if config.dtype == "bfloat16":
        raise UsageError("--proof computes in float32: drop dtype bfloat16")


def provable(stack: Stack, flags: EvalFlags) -> Stack:
    """`stack`, for a proof in portable arithmetic where all its parts have such a form; otherwise in this machine's."""
    config = stack.config
    if flags.proof is None or config.ttt or config.slot:
        return stack
    return stack._replace(config=EvalConfig.from_dict({**config.to_dict(), "portable": True}, "eval"))


def proof_of(source: Path, flags: EvalFlags, config: EvalConfig) -> "ProofOfScore | None":
    """The proof to be made, None where none is asked for.

    Raises:
        UsageError: several processes share the evaluation.
    """
    if flags.proof is None:
        return None
    if launched().world > 1:
        raise UsageError("--proof is written by one process: drop it or torchrun")
    from golfctl.codec.text_model import arithmetic_name

    return ProofOfScore(source, flags.proof, arithmetic_name(same_machine=not config.portable))


class ProofOfScore:
    """Codes the steps that it is shown."""

    def __init__(self, source: Path, path: Path, arithmetic_used: str) -> None:
        from golfctl.codec.proof import Proof

        self._source, self._path, self._name, self._proof = source, path, arithmetic_used, Proof()
        self.after_step = self._proof.after_step

    def write(self, done: "Evaluation", data: Path, texts: tuple[Path, ...], config: EvalConfig) -> None:
        """Write the file of a finished evaluation."""
        from golfctl.codec.text_model import TextModel
        from golfctl.data.dataset import Dataset
        from golfctl.packing.unpack import load_artifact

        dataset, stream = Dataset.open(data, texts=texts), done.stream
        model = TextModel.of(load_artifact(self._source), dataset.tokenizer)
        text, spans_N = b"".join(dataset.validation().texts), None
        if stream.account is not None:
            spans_N = stream.account.raw_N
            text = text[: int(spans_N.sum())]
        file = self._proof.file(
            model, model.settled(config), self._name, stream.tokens_N, stream.lane_starts(), text, spans_N
        )
        data_bytes = file.to_bytes()
        atomic_write(self._path, data_bytes)
        tell(
            f"proof: {self._path}, {len(data_bytes):,} bytes for {len(text):,} of text "
            f"({8 * len(data_bytes) / len(text):.4f} bits per byte); golfctl decompress gives the text back"
        )
