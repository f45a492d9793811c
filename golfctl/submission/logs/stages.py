"""Stages of a run, told apart by the words around a score. The words are the field's; unknown ones make no stage."""

import re
from enum import StrEnum


class Stage(StrEnum):
    """What a score was taken of, in the words of a report."""

    TRAINING = "during training"
    BEFORE = "before quantisation"
    AFTER = "after quantisation"
    SLIDING = "sliding window"
    TTT = "test-time training"
    UNNAMED = "a stage without a known name"
    PROGRESS = "a part of the text"
    ASIDE = "no score"


LAST_STAGES = (Stage.AFTER, Stage.SLIDING, Stage.TTT, Stage.UNNAMED)  # of the artifact and of all of the text


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])")


_ASIDE = _words(
    "train(?:ing)?|probe|target|goal|base(?:line)?|reference|sota|prev(?:ious)?|expected|threshold|budget|"
    "delta|diff(?:erence)?|gap|gain|improvement|change|drop|std|stddev|sem|error|margin|tolerance"
)
_PART_NAME = _words("running|batch|chunk|partial|cumulative|cum")
_PART = _words("running|progress|so far")
_SHARE = re.compile(
    r"\[\s{0,9}\d{1,12}(?:\.\d{1,9})?\s{0,9}(?:%|/\s{0,9}\d{1,12})\s{0,9}\]|\b\d{1,3}(?:\.\d{1,9})?%|"
    r"(?:chunk|batch|doc|window|shard)\W{0,3}\d{1,12}\s?(?:/|of)\s?\d"
)
_BEST = _words("best|min(?:imum)?|lowest")
_PREQUANT = _words(r"pre ?quant\w*|before quant\w*|unquant\w*|non ?quant\w*|not quant\w*|full precision")
_TTT = _words(r"(?<!pre )(?<!no )(?<!before )(?<!without )(?:ttt\w*|test time\w*(?: \w+)?|slot|lora|adapt\w*)")
_SLIDING = _words(r"(?<!non )(?<!no )(?:sliding|slide|stride|strided|sw\d*|windowed|window)")
_QUANTISED = _words(
    r"(?:de|re|post)?quant\w*|int[2-8]\w*|round ?trip\w*|zlib|zstd|lzma|brotli|gptq\w*|awq|ternary|binary|xnor|packed|"
    r"compressed|artifact|dequant\w*|exported"
)
_WEIGHTS = _words("ema|swa|lawa|post ema|raw|live|averaged|diagnostics?|fp32|bf16|fp16|float32|bfloat16|float")
_STEP = re.compile(
    r"(?<![a-z0-9])(?:steps?|iter|iteration|it|epoch)\W{0,3}(\d{1,12})(?!\d|\.\d)|^\s{0,9}(\d{1,12})\s?/\s?\d"
)
_OF_ARTIFACT = ((Stage.TTT, _TTT), (Stage.SLIDING, _SLIDING), (Stage.AFTER, _QUANTISED))


def stage_of(words: str) -> Stage:
    """The stage that `words` (what stands before a score, or beside it) speak of."""
    if not words.strip():
        return Stage.UNNAMED
    lower = words.lower()
    spaced = re.sub(r"[^a-z0-9]+", " ", lower)
    if _PREQUANT.search(spaced):
        return Stage.BEFORE
    stage = next((s for s, pattern in _OF_ARTIFACT if pattern.search(spaced)), Stage.UNNAMED)
    if _SHARE.search(lower) or _PART.search(spaced):
        return Stage.PROGRESS
    if step_of(lower) is not None and stage in (Stage.TTT, Stage.UNNAMED):
        return Stage.TRAINING if stage is Stage.UNNAMED else Stage.PROGRESS
    if stage is Stage.UNNAMED and _WEIGHTS.search(spaced):
        return Stage.BEFORE
    return stage


def stage_of_name(name: str) -> Stage:
    """What the name of a score rules out: differences and targets are no scores, a best one was had in training."""
    spaced = re.sub(r"[^a-z0-9]+", " ", name.lower())
    if _ASIDE.search(spaced):
        return Stage.ASIDE
    if _PART_NAME.search(spaced):
        return Stage.PROGRESS
    return Stage.TRAINING if _BEST.search(spaced) else Stage.UNNAMED


def step_of(words: str) -> int | None:
    """The step of training that a line begins with, as `step:7/9`, `Step 7` or `7/9`."""
    found = _STEP.search(words.lower())
    return int(found[1] or found[2]) if found else None
