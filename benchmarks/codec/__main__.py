"""Bytes and time of compressed text: golfctl beside general compressors.

    python -m benchmarks.codec embedded corpus fineweb classics short [--corpus FOLDER] [--fineweb FOLDER]
        [--classics FOLDER] [--model M.golf --label WORDS [--stack "--ngram 7"]] [--tools xz zpaq] [--out NAME]

`embedded`: held-out documents of the embedded corpus, primed with its training text. `corpus`, `fineweb`: folders with
`val.jsonl.xz` and `train.jsonl.xz`. `classics`: alice29, asyoulik, lcet10 and plrabn12 out of brotli's unpacked source
distribution (`pip download --no-binary brotli --no-deps brotli`), which no model here has seen. `short`: stretches of
1 to 4 KB of the embedded corpus, each alone. bzip3 and zpaq are programs (`apt-get install bzip3 zpaq`), PPMd a package
(`pip install pyppmd`); what is absent is said.

Rows join those in NAME.json one at a time; a row that is there is measured again only with --again. NAME.md is the
page.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.codec import texts as sources
from benchmarks.codec.compressors import COMPRESSORS, MIB, Compressor
from benchmarks.codec.measure import plain_row, primed_row
from benchmarks.codec.ours import Ours
from benchmarks.codec.page import markdown
from benchmarks.codec.short import DICTIONARY_ROW, dictionary_row, general_row, pieces
from benchmarks.codec.texts import Text
from golfctl.core.machine.environment import describe_environment
from golfctl.core.progress import SILENT

WHAT = ("embedded", "corpus", "fineweb", "classics", "short")


def options_of(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.codec", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="+", choices=WHAT)
    for folder in ("corpus", "fineweb", "classics"):
        parser.add_argument(f"--{folder}", type=Path, metavar="FOLDER")
    parser.add_argument("--model", type=Path, help="an artifact; without it only the others are measured")
    parser.add_argument("--label", default="", help="what the page calls the artifact")
    parser.add_argument("--stack", default="", help="flags of `golfctl compress`")
    parser.add_argument("--tools", nargs="+", help="first words of names; all by default")
    parser.add_argument("--primer-mib", type=int, default=32, help="at most so much of the training text")
    parser.add_argument("--texts", type=int, default=100, help="of the short ones")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "codec")
    options = parser.parse_args(words)
    for folder in ("corpus", "fineweb", "classics"):
        if folder in options.what and getattr(options, folder) is None:
            parser.error(f"{folder} needs --{folder} FOLDER")
    return options


class Results:
    """What was found so far, in a file that is written after every row."""

    def __init__(self, out: Path, command: str, again: bool) -> None:
        self.out, self.again = out, again
        path = out.with_suffix(".json")
        empty: dict[str, Any] = {"commands": [], "tools": {}, "absent": [], "texts": {}, "short": {}}
        self.found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else empty
        self.found["environment"] = describe_environment()
        if command not in self.found["commands"]:
            self.found["commands"].append(command)

    def add(self, part: str, name: str, about: dict[str, Any], tool: str, primed: bool, measure: Any) -> None:
        """Measure a row unless it is there."""
        text = self.found[part].setdefault(name, {**about, "rows": []})
        same = [row for row in text["rows"] if row["tool"] == tool and ("primer_bytes" in row) == primed]
        if same and not self.again:
            return
        row = measure()
        text["rows"] = [other for other in text["rows"] if other not in same] + [row]
        how = ", primed" if primed else ""
        print(f"{name}: {tool}{how}: {row['bytes']:,} bytes, {row['bpb']:.4f} bits per byte", file=sys.stderr)
        self.write()

    def write(self) -> None:
        """Both files."""
        self.out.with_suffix(".json").write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
        self.out.with_suffix(".md").write_text(markdown(self.found), encoding="utf-8")


def texts_of(options: argparse.Namespace) -> list[Text]:
    """The long texts that were asked for."""
    found = [sources.embedded(SILENT)] if "embedded" in options.what else []
    found += [sources.of_folder(name, getattr(options, name)) for name in ("corpus", "fineweb") if name in options.what]
    return found + (sources.classics(options.classics) if "classics" in options.what else [])


def measure_long(results: Results, text: Text, tools: list[Compressor], ours: Ours | None, primer_bytes: int) -> None:
    """Every tool on one text, by itself and primed; then ours."""
    about = {"what": text.what, "bytes": len(text.data), "documents": len(text.documents)}
    for tool in tools:
        results.add("texts", text.name, about, tool.name, False, lambda tool=tool: plain_row(tool, text))
        if text.primer:
            measure = lambda tool=tool: primed_row(tool, text, primer_bytes)  # noqa: E731
            results.add("texts", text.name, about, tool.name, True, measure)
    if ours:
        results.add("texts", text.name, about, ours.name, False, lambda: ours.row(text))


def measure_short(results: Results, text: Text, tools: list[Compressor], ours: Ours | None, count: int) -> None:
    """Every tool on many short texts."""
    texts = pieces(text, count)
    about = {"what": f"{count} stretches of 1 to 4 KB of {text.what}, {sum(map(len, texts)):,} bytes, each alone"}
    for tool in tools:
        name = f"{tool.name}, each alone"
        results.add("short", text.name, about, name, False, lambda tool=tool: general_row(tool, texts))
    results.add("short", text.name, about, DICTIONARY_ROW, False, lambda: dictionary_row(text, texts))
    if ours:
        results.add("short", text.name, about, ours.name, False, lambda: ours.short_row(texts))


def main(words: list[str]) -> int:
    options = options_of(words)
    results = Results(options.out, command_of(options), options.again)
    chosen = [tool for tool in COMPRESSORS if not options.tools or tool.name.split()[0].rstrip(",") in options.tools]
    tools = [tool for tool in chosen if tool.is_here]
    results.found["absent"] = [tool.name for tool in chosen if not tool.is_here]
    for name in results.found["absent"]:
        print(f"not here, not measured: {name}", file=sys.stderr)
    results.found["tools"] |= {tool.name: tool.version() for tool in tools}
    ours = Ours(options.model, options.label or options.model.stem, options.stack) if options.model else None
    for text in texts_of(options):
        measure_long(results, text, tools, ours, options.primer_mib * MIB)
    if "short" in options.what:
        measure_short(results, sources.embedded(SILENT), tools, ours, options.texts)
    results.write()
    return 0


def command_of(options: argparse.Namespace) -> str:
    """The command without paths of this machine."""
    folders = [f"--{name} {name.upper()}" for name in ("corpus", "fineweb", "classics") if getattr(options, name)]
    more = [f"--tools {' '.join(options.tools)}"] if options.tools else []
    if options.model:
        more += ["--model M.golf", f"--label '{options.label}'"]
        more += [f"--stack '{options.stack}'"] if options.stack else []
    return " ".join(["python -m benchmarks.codec", *options.what, *folders, *more])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
