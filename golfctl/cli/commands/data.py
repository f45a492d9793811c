"""`golfctl data`: build, fetch and verify token shards; train tokenizers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from golfctl.cli.options import Finite, json_option, needs, quiet_option, writes
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.render import emit_json
from golfctl.cli.views.terminal import echo
from golfctl.core.text import one_line, visible
from golfctl.errors import DataError, UsageError

if TYPE_CHECKING:
    from golfctl.data.dataset import Dataset

_path = click.Path(path_type=Path)
_sources = click.argument("sources", nargs=-1, type=_path, metavar="[FILE|FOLDER]...")
_vocab_option = click.option("--vocab", type=click.IntRange(300, 65536), help="Pieces of a new tokenizer.")
_DEFAULT_VOCAB, _DEFAULT_HOLDOUT = 1024, 0.02


@click.group("data")
def command() -> None:
    """Text in, token shards out: build, fetch and verify data sets; train tokenizers."""


@command.command("build")
@_sources
@click.option("-o", "--out", type=_path, help="Folder to make  [default: data/NAME]")
@click.option("--validation", "held_out", multiple=True, type=_path, metavar="FILE|FOLDER", help="Held-out text.")
@click.option("--holdout", type=Finite(0, 1, True, True), help="Share to hold out by document hash.")
@click.option("--tokenizer", type=_path, help="A SentencePiece model  [default: train one on the training text]")
@_vocab_option
@click.option("--source", default=None, help="Where the text comes from, for the record.")
@click.option("--licence", default=None, help="Its licence, for the record.")
@click.option("--drop-overlap", is_flag=True, help="Leave out training documents that are also held out.")
@click.option("--replace", is_flag=True, help="Replace the folder if it is there.")
@json_option
@quiet_option
@needs("sentencepiece")
def build(sources: tuple[Path, ...], out: Path | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Build a data set from JSON lines, a JSON array, parquet or plain text, or folders of these (also .xz, .zst, .gz).

    JSON and parquet hold their documents as "text". What a file is, is told by its content.

    Without a source: the documentation that this Python installation carries, kept in the cache folder.

    Example: golfctl data build books.jsonl.xz --vocab 1024 -o data/books
    """
    progress = reporter(quiet)
    if options["tokenizer"] and options["vocab"]:
        raise UsageError("--tokenizer names a finished tokenizer, --vocab asks for a new one: give one of them")
    if options["held_out"] and options["holdout"]:
        raise UsageError("--validation gives the held-out text, --holdout asks to choose it: give one of them")
    from golfctl.core.files import writing

    if not sources:
        _refuse_for_embedded(out, options)
        _show(_embedded(options["vocab"], progress), as_json)
        return
    out = out or Path("data") / (sources[0].resolve().name.split(".")[0] or "corpus")
    progress.say(f"building {out}")
    with writing(out):
        _show(_build(sources, out, options, progress), as_json)


def _refuse_for_embedded(out: Path | None, options: dict[str, Any]) -> None:
    given = {"out": out, **{key: value for key, value in options.items() if key != "vocab"}}
    flags = {"held_out": "validation", "drop_overlap": "drop-overlap"}
    names = [f"--{flags.get(key, key)}" for key, value in given.items() if value]
    if names:
        raise UsageError(f"{', '.join(names)}: no effect on the embedded corpus; name a file or folder to build from")


def _embedded(vocab: int | None, progress: Any) -> "Dataset":
    from golfctl.data.dataset import Dataset
    from golfctl.data.text.embedded import VOCABULARY, embedded_dataset

    return Dataset.open(embedded_dataset(progress, vocab or VOCABULARY))


def _build(sources: tuple[Path, ...], out: Path, options: dict[str, Any], progress: Any) -> "Dataset":
    from golfctl.data.build import build_dataset, split_by_hash, split_explicit
    from golfctl.data.folders import check_new
    from golfctl.data.text.sources import check_sources, read_documents
    from golfctl.data.tokenizers.tokenizer import Tokenizer
    from golfctl.data.tokenizers.training import train_tokenizer

    check_new(out, options["replace"])  # now, not after a tokenizer was trained
    check_sources([*sources, *options["held_out"]])
    holdout = options["holdout"] or _DEFAULT_HOLDOUT
    if options["held_out"]:
        split = "held-out text given"
        labelled = split_explicit(read_documents(sources, progress), read_documents(options["held_out"], progress))
    else:
        split = f"by document hash, share {holdout:g}"
        labelled = split_by_hash(read_documents(sources, progress), holdout)
    if options["tokenizer"]:
        tokenizer = Tokenizer.load(options["tokenizer"])
    else:  # a pass of its own, over training documents alone
        texts = read_documents(sources)
        if not options["held_out"]:
            texts = (item.document for item in split_by_hash(texts, holdout) if not item.held_out)
        vocab = options["vocab"] or _DEFAULT_VOCAB
        tokenizer = train_tokenizer((document.text for document in texts), vocab, progress=progress)
    origin = visible(options["source"] or ", ".join(path.name for path in sources))  # words, which UTF-8 can hold
    return build_dataset(
        out, labelled, tokenizer, split=split, source=origin, licence=visible(options["licence"] or "not stated"),
        drop_overlap=options["drop_overlap"], replace=options["replace"], progress=progress,
    )  # fmt: skip


@command.command("tokenizer")
@_sources
@_vocab_option
@click.option("-o", "--out", type=_path, default=Path("tokenizer.model"), show_default=True, help="File to write.")
@json_option
@quiet_option
@needs("sentencepiece")
@writes("out")
def tokenizer(sources: tuple[Path, ...], vocab: int | None, out: Path, as_json: bool, quiet: bool) -> None:
    """Train a SentencePiece BPE tokenizer that gives every text back: decode(encode(x)) == x.

    Example: golfctl data tokenizer books.jsonl.xz --vocab 4096 -o books.model
    """
    from golfctl.core.files import atomic_write
    from golfctl.core.machine.places import check_output
    from golfctl.data.reports import describe_tokenizer
    from golfctl.data.text.sources import read_documents
    from golfctl.data.tokenizers.training import train_tokenizer

    if not sources:
        raise UsageError("name the text to train on: JSON lines, parquet, a text file or a folder")
    check_output(out)
    progress = reporter(quiet)
    documents = (document.text for document in read_documents(sources, progress))
    trained = train_tokenizer(documents, vocab or _DEFAULT_VOCAB, progress=progress)
    atomic_write(out, trained.proto)
    facts = describe_tokenizer(str(out), trained).to_dict()
    emit_json(facts) if as_json else echo(_pairs(facts))


@command.command("fetch")
@click.argument("variant", default="sp1024")
@click.option("-o", "--out", type=_path, help="Folder to fill  [default: data/VARIANT]")
@click.option("--train-shards", type=click.IntRange(0), default=1, show_default=True, help="100 M tokens, 200 MB each.")
@click.option("--repo", default=None, help="Hub repository  [default: the contest's]")
@click.option("--endpoint", default=None, metavar="URL", help="A mirror of the hub.")
@json_option
@quiet_option
@needs("sentencepiece", "huggingface_hub")
def fetch(
    variant: str,
    out: Path | None,
    train_shards: int,
    repo: str | None,
    endpoint: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fetch published FineWeb shards and their tokenizer; needs `pip install 'golfctl[train,data]'`.

    What is already there is kept, a broken download goes on where it ended. VARIANT is sp1024, sp8192, ….

    Example: golfctl data fetch sp1024 --train-shards 10 -o data/fineweb
    """
    from golfctl.data.fetch import REPOSITORY, Remote, fetch_shards

    progress = reporter(quiet)
    out = out or Path("data") / variant
    remote = Remote(repo or REPOSITORY, endpoint=endpoint)
    progress.say(f"fetching {variant} of {remote.repository} into {out}")
    _show(fetch_shards(out, variant, train_shards, remote, progress), as_json)


@command.command("verify")
@click.argument("folder", required=False, type=_path, metavar="[DIR]")
@click.option(
    "--text", "texts", multiple=True, type=_path, metavar="FILE", help="The original held-out text, to compare."
)
@click.option("--no-overlap", is_flag=True, help="Do not compare training and held-out tokens.")
@json_option
@quiet_option
@needs("sentencepiece")
def verify(folder: Path | None, texts: tuple[Path, ...], no_overlap: bool, as_json: bool, quiet: bool) -> None:
    """Check headers, ids, digests, counts, every held-out byte, and what training and held-out text share.

    Without DIR: the embedded corpus. Ends with exit code 3 when a check fails.

    Example: golfctl data verify data/books --text held-out.jsonl
    """
    from golfctl.data.dataset import Dataset
    from golfctl.data.verify_dataset import read_texts, verify_dataset

    progress = reporter(quiet)
    dataset = Dataset.open(folder) if folder else _embedded(None, progress)
    originals = read_texts(texts) if texts else None
    report = verify_dataset(dataset, overlap=not no_overlap, texts=originals, progress=progress)
    if as_json:
        emit_json(report.to_dict())
    else:
        marks = {True: "ok", False: "FAILED", None: "-"}
        lines = [f"{check.name:<12}{marks[check.ok]:<8}{one_line(check.detail)}" for check in report.checks]
        echo("\n".join([_pairs(report.dataset.to_dict()), "", *lines]))
    if not report.ok:
        raise DataError(f"{dataset.path}: {report.failures}")


def _show(dataset: "Dataset", as_json: bool) -> None:
    from golfctl.data.reports import describe_dataset

    facts = describe_dataset(dataset).to_dict()
    emit_json(facts) if as_json else echo(_pairs(facts))


def _pairs(facts: dict[str, Any]) -> str:
    width = max(map(len, facts)) + 2
    words = {True: "yes", False: "no"}
    return "\n".join(
        f"{key.replace('_', ' ').ljust(width)}{words[value] if isinstance(value, bool) else one_line(_figure(value))}"
        for key, value in facts.items()
    )


def _figure(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
