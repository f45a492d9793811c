"""What `golfctl generate` does: find the model, draw tokens, and show their text as it comes."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from golfctl.cli.artifacts import find_artifact
from golfctl.cli.options import with_flags
from golfctl.cli.stack_config import eval_overrides
from golfctl.cli.text_flow import load_model
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.render import emit_json
from golfctl.cli.views.terminal import echo_bytes, tell
from golfctl.core.machine.allocator import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from golfctl.codec.text_writing import Drawn, TextOfTokens
    from golfctl.scoring.config import EvalConfig


@dataclass(frozen=True, kw_only=True)
class GenerateFlags:
    """The command line of `golfctl generate`, beside its files."""

    prompt: str
    tokens: int
    temperature: float
    top_p: float
    seed: int
    seq_len: int | None
    ngram: int | None
    same_machine: bool
    overrides: tuple[str, ...]
    as_json: bool
    quiet: bool


def generate_command(source: Path | None, tokenizer: Path | None, flags: GenerateFlags) -> None:
    """Write text from the command line's values."""
    from golfctl.codec.sampling import Drawing
    from golfctl.codec.text_model import arithmetic, arithmetic_name
    from golfctl.codec.text_writing import TextOfTokens, generate, prompt_ids

    drawing, config = Drawing(flags.temperature, flags.top_p, flags.seed), _config(flags)
    keep_freed_memory()
    model = load_model(find_artifact(source, "writing with"), tokenizer, reporter(flags.quiet))
    config = model.settled(config)
    prompt = prompt_ids(model.tokenizer, flags.prompt)
    started, name = time.monotonic(), arithmetic_name(flags.same_machine)
    with arithmetic(name):
        scorer = model.scorer(config, 1, len(prompt) + flags.tokens)
        drawn, text = _written(
            generate(scorer, model.tokenizer, prompt, flags.tokens, drawing),
            TextOfTokens(model.tokenizer, prompt),
            None if flags.as_json else flags.prompt,
        )
    seconds, bits = round(time.monotonic() - started, 3), sum(found.bits for found in drawn)
    report = {
        "schema": "generate/1",
        "prompt": flags.prompt,
        "text": text,
        "ids": [found.token for found in drawn],
        "tokens": len(drawn),
        "prompt_tokens": len(prompt),
        "seed": flags.seed,
        "settings": _settings(flags, name, config),
        "bits": bits,
        "seconds": seconds,
        "artifact": model.loaded.sha256,
    }
    if flags.as_json:
        emit_json(report)
    elif not flags.quiet:
        each = bits / len(drawn)
        tell(f"{len(drawn):,} tokens in {seconds:.1f} s, {each:.2f} bits each to the model, seed {flags.seed}")


def _config(flags: GenerateFlags) -> "EvalConfig":
    from golfctl.scoring.config import EvalConfig

    table = {"rolling": True} | eval_overrides(flags.overrides)
    given = {"seq_len": flags.seq_len, "ngram": flags.ngram and {"order": flags.ngram}}
    return with_flags(EvalConfig, table, {name: value for name, value in given.items() if value is not None}, "--set")


def _written(drawn: "Iterable[Drawn]", text: "TextOfTokens", shown_prompt: str | None) -> "tuple[list[Drawn], str]":
    """The tokens and their text, which is shown as it comes, after the prompt, unless that is None."""
    tokens: list[Drawn] = []
    pieces: list[str] = []

    def give(piece: str) -> None:
        pieces.append(piece)
        if shown_prompt is not None and piece:
            echo_bytes(piece.encode("utf-8"))

    if shown_prompt:
        echo_bytes(shown_prompt.encode("utf-8"))
    try:
        for found in drawn:
            tokens.append(found)
            give(text.add(found.token))
        give(text.end())
    finally:  # interrupted or not, what comes after begins on a line of its own
        if shown_prompt is not None:
            echo_bytes(b"\n")
    return tokens, "".join(pieces)


def _settings(flags: GenerateFlags, arithmetic: str, config: "EvalConfig") -> dict[str, object]:
    from golfctl.codec.text_format.text_header import acting_stack

    return {
        "temperature": flags.temperature,
        "top_p": flags.top_p,
        "arithmetic": arithmetic,
        "stack": acting_stack(config),
    }
