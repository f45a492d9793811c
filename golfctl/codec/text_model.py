"""The model that a text is coded with: an artifact, its tokenizer, the scorer of steps, and its arithmetic."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from golfctl.arithmetic import VERSION
from golfctl.arithmetic.mode import portable
from golfctl.codec.text_format.text_header import IDLE_STRIDE
from golfctl.codec.text_format.text_layout import TEXT_LIMITS
from golfctl.core.canonical import canonical_json
from golfctl.core.machine.environment import describe_environment
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.errors import ArtifactError, DataError, InputError, UsageError
from golfctl.packing.checkpoint import training_length
from golfctl.packing.unpack import LoadedArtifact
from golfctl.scoring.compose import Setting, compose_steps
from golfctl.scoring.config import EvalConfig, MixConfig
from golfctl.scoring.protocol import Scorer
from golfctl.scoring.ranks import Ranks

_SAME_MACHINE = "same-machine/"
_DEFAULT_SEQ_LEN = 1024
_MOST_LANES = 32
_TOKENS_A_LANE = 8192  # fewer lose more to cold starts than lanes gain in speed


@dataclass(frozen=True)
class TextModel:
    """An artifact that was read, and the tokenizer it was trained with."""

    loaded: LoadedArtifact
    tokenizer: Tokenizer

    @classmethod
    def of(cls, loaded: LoadedArtifact, tokenizer: Tokenizer | None = None) -> "TextModel":
        """The artifact with its own tokenizer, or with one given because it embeds none.

        Raises:
            DataError: no tokenizer, or another than the artifact names, or one that is larger than its vocabulary.
        """
        found, entry = loaded.tokenizer or tokenizer, loaded.manifest.tokenizer
        where = loaded.artifact.path or "the artifact"
        if found is None:
            raise DataError(f"{where} embeds no tokenizer: name its file with --tokenizer FILE")
        if entry is not None and found.digest != entry.sha256:
            raise DataError(f"{where} was trained with tokenizer {entry.sha256[:12]}…, not {found.digest[:12]}…")
        if found.vocab_size > loaded.model.spec.vocab_size:
            raise DataError(
                f"the tokenizer has {found.vocab_size:,} pieces, the model {loaded.model.spec.vocab_size:,}: "
                "they do not belong together"
            )
        loaded.model.eval()
        loaded.model.requires_grad_(False)
        return cls(loaded, found)

    @property
    def artifact_bytes(self) -> bytes:
        """The artifact's file."""
        return self.loaded.artifact.data

    @property
    def named_tokenizer(self) -> str | None:
        """The tokenizer's digest where the artifact does not name it."""
        return self.tokenizer.digest if self.loaded.manifest.tokenizer is None else None

    @property
    def vocab_size(self) -> int:
        """Columns of a row."""
        return int(self.loaded.model.spec.vocab_size)

    def settled(self, config: EvalConfig) -> EvalConfig:
        """`config` without open values.

        Raises:
            UsageError: it asks for what has no effect here, or leaks.
        """
        if config.leaks:
            raise UsageError(f"{config.leaks[0]} leaks: nothing could be decoded; drop it")
        if config.dtype == "bfloat16":
            raise UsageError("dtype bfloat16 has no fixed arithmetic: texts are coded in float32")
        artifact = self.loaded.artifact
        told = training_length(
            (self.loaded.manifest.provenance or {}).get("training"), artifact.path or "artifact", ArtifactError
        )
        seq_len = config.seq_len or told or _DEFAULT_SEQ_LEN
        values = {**config.to_dict(), "seq_len": seq_len, "dtype": "float32"} | (IDLE_STRIDE if config.rolling else {})
        if (config.ngram or config.ctw) and not config.mix:
            values["mix"] = MixConfig().to_dict()
        return EvalConfig.from_dict(values, "eval")

    def scorer(self, config: EvalConfig, lanes: int, tokens: int) -> Scorer:
        """The scorer of steps that a settled `config` describes, for a text of so many targets."""
        assert config.seq_len is not None
        self.loaded.model.set_compute_dtype(None)
        setting = Setting(self.loaded.model, self.vocab_size, config.seq_len, tokens, torch.device("cpu"), Ranks())
        return compose_steps(config, setting, lanes)


def lanes_for(tokens: int, seq_len: int) -> int:
    """Lanes that a text of so many tokens is read on, where nobody says."""
    most = min(_MOST_LANES, TEXT_LIMITS.positions // seq_len)
    return max(1, min(most, tokens // _TOKENS_A_LANE))


def arithmetic_name(same_machine: bool) -> str:
    """What a header calls the arithmetic."""
    return f"{_SAME_MACHINE}{machine_fingerprint()}" if same_machine else VERSION


def machine_fingerprint() -> str:
    """Of everything that ordinary arithmetic may depend on: libraries, processor, its capability, threads."""
    facts = describe_environment()
    facts["capability"] = torch.backends.cpu.get_cpu_capability()
    facts["threads"] = torch.get_num_threads()
    return hashlib.sha256(canonical_json(facts)).hexdigest()[:16]


@contextmanager
def arithmetic(name: str) -> Iterator[None]:
    """Compute within the block as `name` says.

    Raises:
        InputError: this machine cannot.
    """
    if name.startswith(_SAME_MACHINE):
        if name != arithmetic_name(same_machine=True):
            raise InputError(
                "the text was compressed with --same-machine on another machine, or with other libraries or threads: "
                "only there can it be decompressed"
            )
    elif name != VERSION:
        raise InputError(f"the text was compressed in the arithmetic {name}, this golfctl has {VERSION}: take its own")
    with portable(name == VERSION):
        yield
