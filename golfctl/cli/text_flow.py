"""What `golfctl compress` and `golfctl decompress` do: find the model, work, and show nothing before it is verified."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golfctl.cli.artifacts import find_artifact
from golfctl.cli.options import with_flags
from golfctl.cli.stack_config import eval_overrides
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.render import emit_json
from golfctl.cli.views.terminal import echo_bytes, tell
from golfctl.core.canonical import sha256_bytes
from golfctl.core.files import atomic_write, read_bytes
from golfctl.core.machine.allocator import keep_freed_memory
from golfctl.core.machine.places import check_output
from golfctl.core.progress import Progress
from golfctl.errors import InputError, UsageError

if TYPE_CHECKING:
    from golfctl.codec.text_format.text_file import TextFile
    from golfctl.codec.text_model import TextModel
    from golfctl.scoring.config import EvalConfig

_STREAM = Path("-")


@dataclass(frozen=True, kw_only=True)
class CompressFlags:
    """The command line of `golfctl compress`, beside its files."""

    lanes: int | None
    seq_len: int | None
    stride: int | None
    ngram: int | None
    calibrate: bool
    embed: bool
    same_machine: bool
    no_store: bool
    no_verify: bool
    overrides: tuple[str, ...]
    as_json: bool
    quiet: bool


def compress_command(source: Path, model: Path | None, out: Path, tokenizer: Path | None, flags: CompressFlags) -> None:
    """Compress one text from the command line's values."""
    _check_out(source, out, flags.as_json, binary=True)
    config = _config(flags)
    from golfctl.codec.compressing import Options, compress
    from golfctl.codec.text_format.text_layout import TEXT_LIMITS

    keep_freed_memory()
    progress = reporter(flags.quiet)
    text = _read(source, TEXT_LIMITS.text_bytes)
    found = load_model(find_artifact(model, "compressing with"), tokenizer, progress)
    options = Options(flags.lanes, flags.embed, flags.same_machine, not flags.no_store, not flags.no_verify)
    started = time.monotonic()
    data, file = compress(text, found, config, options, progress)
    seconds = time.monotonic() - started
    _write(out, data)
    if flags.no_verify:
        tell("not verified: the file was not decoded again (--no-verify)")
    report = _report("compress/1", file, len(data), text, seconds) | {"verified": not flags.no_verify}
    _show(report, flags.as_json)


def decompress_command(
    source: Path, model: Path | None, out: Path, tokenizer: Path | None, as_json: bool, quiet: bool
) -> None:
    """Decompress one file from the command line's values."""
    _check_out(source, out, as_json, binary=False)
    from golfctl.codec.decompressing import decompress
    from golfctl.codec.text_format.text_file import read_text_file
    from golfctl.codec.text_format.text_layout import TEXT_LIMITS

    keep_freed_memory()
    progress = reporter(quiet)
    data = _read(source, TEXT_LIMITS.file_bytes)
    file = read_text_file(data, None if source == _STREAM else source)
    found = _model_of(file, model, tokenizer, progress)
    started = time.monotonic()
    text = decompress(file, found, progress)
    seconds = time.monotonic() - started
    if out == _STREAM and sys.stdout is not None and sys.stdout.isatty() and not _is_plain(text):
        raise UsageError("the text is binary and standard output a terminal: name a file with -o FILE")
    _write(out, text)
    _show(_report("decompress/1", file, len(data), text, seconds), as_json)


def _check_out(source: Path, out: Path, as_json: bool, binary: bool) -> None:
    """Refuse early what could not be written, or would be written over its own source."""
    if out == _STREAM and as_json:
        raise UsageError("--json prints on standard output, and so does -o -: name a file with -o FILE")
    if out == _STREAM and binary and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("a compressed text is binary and standard output a terminal: name a file with -o FILE")
    if source == _STREAM and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("nothing to read: name a file, or pipe something in")
    if out != _STREAM:
        if source != _STREAM and out.exists() and source.exists() and out.samefile(source):
            raise UsageError(f"-o {out}: that is what is read; name another file")
        check_output(out)


def _config(flags: CompressFlags) -> "EvalConfig":
    from golfctl.scoring.config import EvalConfig

    table: dict[str, Any] = {"rolling": True, "stride": 1} if flags.stride is None else {}
    table |= eval_overrides(flags.overrides)
    given: dict[str, Any] = {"seq_len": flags.seq_len, "stride": flags.stride}
    given |= {"ngram": flags.ngram and {"order": flags.ngram}, "calibrate": {} if flags.calibrate else None}
    return with_flags(EvalConfig, table, {name: value for name, value in given.items() if value is not None}, "--set")


def _read(source: Path, limit_bytes: int) -> bytes:
    """A whole file, or standard input up to its end."""
    if source != _STREAM:
        return read_bytes(source, limit_bytes)
    if sys.stdin is None:
        raise InputError("there is no standard input: name a file")
    data = sys.stdin.buffer.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise InputError(f"standard input has more than {limit_bytes:,} bytes, the most that is read here")
    return data


def load_model(path: Path, tokenizer: Path | None, progress: Progress) -> "TextModel":
    """The artifact at `path`, with its tokenizer, the one named or the one that lies in its run's folder."""
    from golfctl.packing.unpack import load_artifact

    return _with_tokenizer(load_artifact(path, progress), path, tokenizer)


def _with_tokenizer(loaded: Any, path: Path | None, tokenizer: Path | None) -> "TextModel":
    from golfctl.codec.text_model import TextModel
    from golfctl.data.tokenizers.tokenizer import Tokenizer
    from golfctl.training.run.run_folders import RunFolder, run_of

    if tokenizer is None and loaded.tokenizer is None and path is not None and (run := run_of(path)) is not None:
        beside = RunFolder(run).tokenizer
        tokenizer = beside if beside.is_file() else None
    return TextModel.of(loaded, None if tokenizer is None else Tokenizer.load(tokenizer))


def _model_of(file: "TextFile", model: Path | None, tokenizer: Path | None, progress: Progress) -> "TextModel | None":
    """The model that the file needs: given, embedded, or of the latest run; None where it needs none, as a script
    that names the same -m for all of its files cannot know.

    Raises:
        InputError: it is none of these.
    """
    from golfctl.artifact import read_artifact
    from golfctl.packing.unpack import unpack

    if file.header.rows is None:
        return None
    if model is None and len(file.embedded):
        return _with_tokenizer(unpack(read_artifact(bytes(file.embedded)), progress), None, tokenizer)
    wanted = file.artifact.hex()
    path = _found(model, wanted)
    if not sha256_bytes(read_bytes(path)).startswith(wanted):
        raise InputError(f"the text was compressed with artifact {wanted[:12]}…, which {path} is not: name it with -m")
    return load_model(path, tokenizer, progress)


def _found(model: Path | None, wanted: str) -> Path:
    try:
        return find_artifact(model, "decompressing with")
    except InputError as error:
        raise InputError(f"the text was compressed with artifact {wanted[:12]}…: name it with -m M.golf") from error


def _is_plain(text: bytes) -> bool:
    """Whether a terminal shows it as it is."""
    try:
        shown = text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\n\t\r" for letter in shown)


def _write(out: Path, data: bytes) -> None:
    if out == _STREAM:
        echo_bytes(data)
    else:
        atomic_write(out, data)


def _report(schema: str, file: "TextFile", file_bytes: int, text: bytes, seconds: float) -> dict[str, Any]:
    rows = file.header.rows
    return {
        "schema": schema,
        "coding": "rows" if rows else "stored",
        "coder": file.header.stored,
        "text_bytes": len(text),
        "file_bytes": file_bytes,
        "payload_bytes": len(file.payload),
        "patch_bytes": len(file.patches),
        "artifact_bytes": len(file.embedded),
        "bits_per_byte": 8 * (file_bytes - len(file.embedded)) / len(text) if text else None,
        "tokens": rows.tokens if rows else 0,
        "lanes": rows.lanes if rows else None,
        "arithmetic": rows.arithmetic if rows else None,
        "stack": rows.stack if rows else None,
        "seconds": round(seconds, 3),
        "tokens_per_second": round(rows.tokens / seconds, 1) if rows and seconds else None,
        "text_sha256": sha256_bytes(text),
        "artifact": file.artifact.hex() if rows else None,
    }


def _show(report: dict[str, Any], as_json: bool) -> None:
    """The result: for machines on standard output, for people on standard error."""
    if as_json:
        emit_json(report)
        return
    how = (
        f"{report['tokens']:,} tokens on {report['lanes']} lanes"
        if report["tokens"]
        else f"stored as {report['coder']}"
    )
    share = "" if report["bits_per_byte"] is None else f", {report['bits_per_byte']:.4f} bits per byte"
    rate = f", {report['tokens_per_second']:,.0f} tokens/s" if report["tokens_per_second"] else ""
    tell(f"{report['text_bytes']:,} bytes of text, {report['file_bytes']:,} of file{share}; {how}{rate}")
