"""The `[eval]` table: which inputs rows see, and which techniques are stacked on the model. Imports no torch.

    [eval]            seq_len, stride, batch, context, rolling, dtype, strict, stepwise, lanes, portable,
                      documents, max_tokens
    [eval.ttt]        test-time training on targets already scored
    [eval.slot]       an offset on the last hidden state, fitted at test time
    [eval.ngram]      counts of the tokens already scored
    [eval.ctw]        context-tree weighting over the same tokens
    [eval.mix]        how those counts join the model
    [eval.calibrate]  temperature and per-token bias, learned online

Defaults are the honest forms. Options that leak need `allow_leaks`.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from golfctl.core.config import Config

SEED_PRIMES = (36313, 27191, 51647, 81929, 131071, 175447, 209591)


class Technique(Config):
    """One part of the stack; `idle` names its fields that have no effect in the chosen form."""

    def idle(self) -> frozenset[str]:
        """Fields without effect."""
        return frozenset()


class TttConfig(Technique):
    """Score-first test-time training: after a chunk is scored, train on it (PR #461, #549).

    `lora` (PR #77, #1530) instead gives each document adapters of its own, `lanes` documents at a time; its chunk is
    the stride, its optimizer AdamW, and `epochs`, `chunk`, `schedule`, `freeze_blocks` and `grad_clip` are not its own.
    Without `chunk` the length of the text decides (`golfctl.scoring.neural.ttt.default_chunk`).
    """

    form: Literal["sgd", "adamw", "lora"] = "sgd"
    lr: float = Field(default=0.002, ge=0)
    epochs: int = Field(default=3, ge=0)
    chunk: int | None = Field(default=None, ge=1)
    batch_sequences: int = Field(default=32, ge=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    grad_clip: float = Field(default=1.0, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    freeze_blocks: int = Field(default=0, ge=0)
    rank: int = Field(default=8, ge=1)
    alpha: float | None = Field(default=None, gt=0)
    lanes: int = Field(default=8, ge=1)

    @model_validator(mode="after")
    def _effective(self) -> Self:
        """An option without effect is an error."""
        changed = {name for name in self.idle() if getattr(self, name) != type(self).model_fields[name].default}
        if changed:
            raise ValueError(f"{', '.join(sorted(changed))} has no effect on ttt form {self.form!r}: drop it")
        return self

    def idle(self) -> frozenset[str]:
        """What the other forms need."""
        adapters = {"rank", "alpha", "lanes"}
        chunked = {"epochs", "chunk", "batch_sequences", "grad_clip", "schedule", "freeze_blocks", "momentum"}
        idle = {"lora": chunked, "sgd": adapters | {"betas", "eps"}, "adamw": adapters | {"momentum"}}[self.form]
        return frozenset(idle)


class SlotConfig(Technique):
    """An offset on the last hidden state fitted at test time (arXiv 2505.12392).

    `causal` fits each window's own offset on `span` positions before its first scored row; `shared` (PR #1128) and
    `per-sample` (PR #1722) fit on the very targets they score.
    """

    form: Literal["causal", "shared", "per-sample"] = "causal"
    steps: int = Field(default=5, ge=0)
    lr: float = Field(default=0.003, ge=0)
    final_lr: float | None = Field(default=None, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(default=1e-5, gt=0)
    weight_decay: float = Field(default=1e-8, ge=0)
    bias: bool = False
    span: int = Field(default=256, ge=1)
    batch_windows: int = Field(default=32, ge=1)

    def idle(self) -> frozenset[str]:
        """What the other forms need."""
        return frozenset({"batch_windows"} if self.form == "causal" else {"span", "bias"})


class NgramConfig(Technique):
    """Counts of contexts of 0 … order - 1 tokens, as a Pitman-Yor chain over the uniform distribution.

    `target-keyed` is the hashed cache of PR #761, whose table is looked up with the target: it leaks.
    """

    form: Literal["exact", "target-keyed"] = "exact"
    order: int = Field(default=7, ge=1, le=16)
    discount: float = Field(default=0.8, ge=0, lt=1)
    strength: float = Field(default=0.5, ge=0)
    min_order: int = Field(default=2, ge=2)
    buckets_log2: int = Field(default=22, ge=8, le=28)
    min_count: int = Field(default=2, ge=1)
    alpha_low: float = Field(default=0.05, ge=0, le=1)
    alpha_span: float = Field(default=0.55, ge=0, le=1)
    alpha_slope: float = 2.0
    alpha_center: float = 4.0

    def idle(self) -> frozenset[str]:
        """What the other form needs."""
        exact = {"discount", "strength"}
        return frozenset(exact if self.form != "exact" else set(type(self).model_fields) - exact - {"form", "order"})


class CtwConfig(Technique):
    """Context-tree weighting over the last `depth` tokens; `alpha` is the pseudo-count of each token."""

    depth: int = Field(default=4, ge=1, le=15)
    alpha: float | None = Field(default=None, gt=0)


class MixConfig(Technique):
    """How count models join the neural one."""

    rule: Literal["geometric", "linear", "fixed"] = "geometric"
    lr: float = Field(default=0.1, ge=0)
    every: int = Field(default=32, ge=1)
    share: float = Field(default=1e-6, gt=0, lt=0.5)
    weight: float = Field(default=0.1, ge=0, le=1)
    low: float = Field(default=0.02, ge=0, le=1)
    span: float = Field(default=0.3, ge=0, le=1)
    slope: float = 2.0
    center: float = 3.0

    def idle(self) -> frozenset[str]:
        """What the other rules need."""
        own = {
            "geometric": {"lr", "every", "share"}, "linear": {"low", "span", "slope", "center"}, "fixed": {"weight"},
        }[self.rule]  # fmt: skip
        return frozenset(set(type(self).model_fields) - own - {"rule"})


class CalibrateConfig(Technique):
    """Temperature by entropy and a bias per token, learned online."""

    lr: float = Field(default=0.02, ge=0)
    bias_lr: float = Field(default=0.02, ge=0)
    every: int = Field(default=32, ge=1)


class EvalConfig(Config):
    """The `[eval]` table."""

    seq_len: int | None = Field(default=None, ge=1)
    stride: int = Field(default=64, ge=1)
    batch: int = Field(default=32, ge=1)
    context: Literal["sliding", "documents"] = "sliding"
    rolling: bool = False
    strict: bool = False
    stepwise: bool = False
    lanes: int = Field(default=1, ge=1)
    portable: bool = False
    """Compute in the arithmetic whose bits are the same on every machine (docs/arithmetic.md)."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    documents: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=2)
    tail: Literal["once", "reference"] = "once"
    adapt_then_score: bool = False
    allow_leaks: bool = False
    ttt: TttConfig | None = None
    slot: SlotConfig | None = None
    ngram: NgramConfig | None = None
    ctw: CtwConfig | None = None
    mix: MixConfig | None = None
    calibrate: CalibrateConfig | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.seq_len is not None and self.stride > self.seq_len and not self.rolling:
            raise ValueError(f"stride {self.stride} exceeds seq_len {self.seq_len}: rows would stay unscored")
        if self.mix and not (self.ngram or self.ctw):
            raise ValueError("mix has nothing to mix: add ngram or ctw")
        if self.adapt_then_score and not self.ttt:
            raise ValueError("adapt_then_score has nothing to adapt: add ttt")
        if self.ttt and self.ttt.form == "lora" and self.context != "documents":
            raise ValueError('ttt form "lora" adapts document by document: set context = "documents"')
        if self.ttt and self.ttt.form == "lora" and self.slot:
            raise ValueError('ttt form "lora" takes no slot: drop one of the two')
        if self.rolling and (self.ttt or self.slot or self.leaks):
            raise ValueError(
                "rolling keeps keys and values as they were made and has no windows: it takes no ttt, slot or leaking "
                "form; drop one of the two"
            )
        if self.leaks:
            self._replayable()
        if self.leaks and not self.allow_leaks:
            raise ValueError(
                f"{self.leaks[0]} leaks and is no valid score; allow_leaks (--allow-leaks) runs it, labelled"
            )
        return self

    @model_validator(mode="after")
    def _read_in_lanes(self) -> Self:
        """What only an evaluation by steps can do, and what it cannot."""
        if self.lanes > 1 and self.strict:
            raise ValueError(f"strict is stepwise with one lane, lanes is {self.lanes}: drop one of the two")
        if self.lanes > 1 and not self.stepwise:
            raise ValueError(f"lanes {self.lanes} has no effect by blocks of windows: add stepwise or drop it")
        if self.reading_lanes is None:
            return self
        mode = "strict" if self.strict else "stepwise"
        if self.ttt and self.ttt.form == "lora":
            raise ValueError(f'ttt form "lora" adapts to whole documents and has no {mode} mode: drop one of the two')
        if self.leaks:
            raise ValueError(f"{self.leaks[0]} needs the targets it scores: {mode} mode cannot run it")
        return self

    @model_validator(mode="after")
    def _repeatable(self) -> Self:
        """What portable arithmetic cannot compute."""
        if not self.portable:
            return self
        if self.dtype == "bfloat16":
            raise ValueError('portable computes in float32, dtype is "bfloat16": drop one of the two')
        for name, present in (("ttt", self.ttt), ("slot", self.slot), (" and ".join(self.leaks), self.leaks)):
            if present:
                raise ValueError(f"portable has no form of {name}: drop one of the two")
        return self

    def _replayable(self) -> None:
        """Replays reproduce what their authors ran, one form at a time; honest combinators do not join them."""
        honest_ngram = self.ngram and self.ngram.form == "exact"
        for name, present in (
            ("ngram", honest_ngram),
            ("ctw", self.ctw),
            ("mix", self.mix),
            ("calibrate", self.calibrate),
        ):
            if present:
                raise ValueError(f"{name} cannot be stacked on a leaking form ({self.leaks[0]}): drop one of the two")
        if self.slot and (self.slot.form == "causal" or self.ngram):
            raise ValueError("a leaking replay takes one leaking slot or one target-keyed ngram, not this combination")
        if self.context != "sliding" or (self.ttt and self.ttt.form == "lora"):
            raise ValueError("leaking forms are replayed over plain sliding windows, as their authors ran them")

    @property
    def reading_lanes(self) -> int | None:
        """Lanes that read the text a token at a time; None: it is scored by blocks of windows."""
        return self.lanes if self.stepwise or self.strict else None

    @property
    def mode(self) -> str:
        """Which function of the text is scored: the same model gives another score in another mode."""
        return "rolling" if self.rolling else "sliding"

    @property
    def leaks(self) -> tuple[str, ...]:
        """Which of the chosen forms are no valid scores, and why."""
        found = []
        if self.slot and self.slot.form == "shared":
            found.append("slot form 'shared' (fits one offset on the targets it then scores, PR #1240)")
        if self.slot and self.slot.form == "per-sample":
            found.append("slot form 'per-sample' (fits an offset and a bias on exactly the targets it then scores)")
        if self.ngram and self.ngram.form == "target-keyed":
            found.append("ngram form 'target-keyed' (looks up the realised token alone; rows do not sum to one)")
        if self.adapt_then_score:
            found.append("adapt_then_score (trains on every target before scoring it, PR #761)")
        if self.tail == "reference":
            found.append("tail 'reference' (the last targets are scored several times)")
        return tuple(found)
