"""`golfctl pack`: quantise and code a checkpoint into one artifact."""

from pathlib import Path
from typing import Any

import click

from golfctl.cli.options import Finite, json_option, needs, quiet_option, set_option, with_flags
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.render import emit_json, table
from golfctl.cli.views.terminal import echo, tell
from golfctl.core.machine.allocator import keep_freed_memory
from golfctl.core.progress import Progress
from golfctl.core.text import one_line
from golfctl.errors import InputError, UsageError


@click.command()
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path), metavar="[RUN|CHECKPOINT]...")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Artifact to write  [default: RUN/model.golf]")
@click.option("--bits", type=int, help="Bits of matrices: 2 to 8; 16 or 32 for floats; 1 for ternary.")
@click.option("--bits-embed", type=int, help="Bits of embeddings and heads.")
@click.option("--quantizer", help="round, gptq-lite, gptq or entropy.")
@click.option("--clip", help="max, percentile, percentile-row, quantile:P or sd:K.")
@click.option("--loss", type=Finite(), help="What entropy may cost by its own estimate, in nats per token.")
@click.option("--calibration", help="train:TOKENS or self:TOKENS, for gptq and entropy; validation text is never used.")
@click.option("--data", type=click.Path(path_type=Path), help="Dataset folder  [default: the run's]")
@click.option("--coder", help="raw, zlib:9, lzma:9, zstd:22, brotli:11, rans or auto.")
@click.option("--lzma", type=int, metavar="P", help="Short for --coder lzma:P.")
@click.option("--zstd", type=int, metavar="P", help="Short for --coder zstd:P.")
@click.option("--brotli", type=int, metavar="Q", help="Short for --coder brotli:Q.")
@click.option("--budget", help="Profile (parameter-golf), bytes, or none.")
@click.option("--fit", is_flag=True, default=None, help="Spread the budget over the tensors, to land just under it.")
@click.option("--margin", type=int, help="Bytes that --fit leaves free.")
@click.option("--code", multiple=True, type=click.Path(), help="Source file to embed and count; may be repeated.")
@click.option("--external", multiple=True, type=click.Path(), help="File to count without embedding it.")
@click.option("--slim", is_flag=True, default=None, help="Leave out tokenizer, evaluation stack and provenance.")
@click.option("--measure/--no-measure", default=True, help="Loss before and after, on held-out training text.")
@set_option
@json_option
@quiet_option
@needs("torch", "sentencepiece", "numba")
def command(
    sources: tuple[Path, ...],
    out: Path | None,
    data: Path | None,
    measure: bool,
    overrides: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Pack a run's last checkpoint, or a given one, into a .golf artifact; print where every byte went.

    Settings come from the run's recipe ([pack]), then --set pack.KEY=VALUE, then the flags. Exit code 5, with the
    figures and without writing anything, when the result is over its budget. Several runs (seeds of one recipe) are
    packed one after the other; then their sizes' spread is printed, and the margin that it asks for.
    """
    keep_freed_memory()
    progress = reporter(quiet)
    if out is not None and len(sources) > 1:
        raise UsageError("-o names one artifact: give one run, or leave it out and each run gets its own model.golf")
    results = []
    for source in sources or (_latest(progress),):
        results.append(_pack(source, out, data, measure, overrides, flags, progress))
        if not as_json:
            echo(_text(results[-1]))
    _finish(results, as_json)


def _latest(progress: Progress) -> Path:
    from golfctl.training.run.run_folders import chosen, latest_run

    run = latest_run()
    progress.say(f"packing the latest run: {chosen(run)}")
    return run


def _pack(
    source: Path,
    out: Path | None,
    data: Path | None,
    measure: bool,
    overrides: tuple[str, ...],
    flags: dict[str, Any],
    progress: Progress,
) -> Any:
    """Pack one run or checkpoint; what happened on the way is said."""
    from golfctl.packing.pack import pack
    from golfctl.training.run.run_folders import latest_checkpoint

    checkpoint = latest_checkpoint(source) if source.is_dir() else source
    progress.say(f"packing {checkpoint}")
    for note in (about := _about(checkpoint)):
        progress.say(f"note: {note}")
    config = _config(checkpoint, overrides, flags, progress)
    result = pack(checkpoint, config, out, data or _run_data(checkpoint, progress), progress, measured=measure)
    for note in result.notes:
        progress.say(f"note: {note}")
    if result.replaced:  # said to --quiet too: it is no progress but a loss
        tell(f"note: {result.replaced.note(result.path, result.file_bytes, result.sha256)}")
    return result._replace(notes=[*about, *result.notes])


def _about(checkpoint: Path) -> list[str]:
    """What whoever packs this checkpoint of a run may not expect: that it is untrained, or that more is to come."""
    from golfctl.training.run.run_folders import RunFolder, is_run, is_training, step_of

    run = checkpoint.parent
    if not is_run(run) or checkpoint not in RunFolder(run).checkpoints():
        return []
    step, notes = step_of(checkpoint), []
    if is_training(run):
        notes.append(f"{run} is still training: this is its state at step {step:,}, not the run's result")
    if not step:
        notes.append(f"{checkpoint} is untrained: the weights of step 0, before any training")
    return notes


def _finish(results: list[Any], as_json: bool) -> None:
    """The JSON document, and the spread where several were packed."""
    from golfctl.packing.measures.spread import spread, spread_report

    if as_json:
        reports = [result.to_dict() for result in results]
        emit_json(spread_report(reports) if len(reports) > 1 else reports[0])
    elif len(results) > 1:
        found = spread([result.counted_bytes for result in results])
        echo(
            f"\n{found.artifacts} artifacts: {found.smallest_bytes:,} to {found.largest_bytes:,} counted bytes, mean "
            f"{found.mean_bytes:,.0f}, standard deviation {found.deviation_bytes:,.0f}; keep {found.margin_bytes:,} "
            f"free for another seed (--margin {found.margin_bytes})"
        )


def _run_data(checkpoint: Path, progress: Progress) -> Path | None:
    """The dataset the checkpoint's run was trained on, or None with a word why."""
    from golfctl.training.run.run_folders import run_data, run_of

    run = run_of(checkpoint)
    if run is None:
        return None
    try:
        return run_data(run)
    except InputError as error:
        progress.say(f"note: no training text at hand: {error}")
        return None


def _config(checkpoint: Path, overrides: tuple[str, ...], flags: dict[str, Any], progress: Progress) -> Any:
    """The recipe's [pack] table with the overrides and flags that were given."""
    from golfctl.core.config import apply_overrides
    from golfctl.packing.config import PackConfig
    from golfctl.packing.run_context import run_context
    from golfctl.packing.without_effect import without_stale

    for override in overrides:
        if not override.strip().startswith("pack."):
            raise UsageError(f"--set {override!r}: pack reads the [pack] table only, for example --set pack.bits=5")
    context = run_context(checkpoint)
    tables = apply_overrides(context.recipe.tables if context.recipe else {}, overrides)
    where = context.recipe.where if context.recipe else "golfctl pack"
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in _flags(flags).items()}
    table, notes = without_stale(tables.get("pack", {}), given)
    for note in notes:
        progress.say(f"note: {note}")
    return with_flags(PackConfig, table, given, f"{where} [pack]")


def _flags(flags: dict[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in flags.items() if value not in (None, ())}
    coders = [f"{name}:{given.pop(name)}" for name in ("lzma", "zstd", "brotli") if name in given]
    if "coder" in given:
        coders.append(given["coder"])
    if len(coders) > 1:
        raise UsageError(f"one coder, not {' and '.join(coders)}: give one of --coder, --lzma, --zstd, --brotli")
    return given | ({"coder": coders[0]} if coders else {})


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _chosen(result: Any) -> str:
    """What single tensors got, beside the common knob."""
    own, unit = result.settings.tensors, "octaves" if result.settings.in_octaves else "bits"
    rows = [
        [one.name, f"{own[one.name]:+g}" if result.settings.in_octaves else f"{own[one.name]:g}", one.scheme,
         f"{8 * one.bytes / one.parameters:.3f}", f"{one.bytes:,}", _number(one.loss)]
        for one in result.tensors
        if one.name in own
    ]  # fmt: skip
    return table(["tensor", unit, "scheme", "bits/weight", "bytes", "est. loss"], rows)


def _text(result: Any) -> str:
    groups = [
        [g.group, g.schemes, f"{g.tensors:,}", f"{g.parameters:,}", f"{g.bits_per_weight:.3f}", f"{g.bytes:,}",
         f"{g.relative_error:.5f}", _number(g.weighted_error), _number(g.estimated_loss)]
        for g in result.groups
    ]  # fmt: skip
    header = ["group", "scheme", "tensors", "parameters", "bits/weight", "bytes", "error", "weighted", "est. loss"]
    ledger = [[row.name, row.where, f"{row.bytes:,}"] for row in result.ledger]
    ledger.append(["counted", "", f"{result.counted_bytes:,}"])
    lines = [
        table(header, groups),
        "",
        table(["ledger", "where", "bytes"], ledger),
        "",
    ]
    if result.settings.tensors:
        lines += [_chosen(result), ""]
    if result.held_out:
        seen = result.held_out
        lines.append(
            f"on {seen.tokens:,} tokens of held-out training text: loss {seen.loss_before:.5f} before,"
            f" {seen.loss_after:.5f} after, KL {seen.kl:.3g} nats per token"
        )
    if result.budget:
        report = result.budget.report(result.ledger)
        lines.append(f"budget {report['limit_bytes']:,} bytes, {report['headroom_bytes']:,} to spare")
    lines.append(f"wrote {one_line(str(result.path))} ({result.file_bytes:,} bytes, sha256 {result.sha256[:16]}…)")
    return "\n".join(lines)
