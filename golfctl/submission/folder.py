"""A record folder as it lies on disk: its files and links, code, logs and JSON, with limits on what is read."""

import re
from functools import cached_property
from pathlib import Path

from golfctl.core.text import one_line
from golfctl.errors import InputError
from golfctl.submission.claims import Claims, read_claims
from golfctl.submission.logs import LogFacts, LogLines, read_facts
from golfctl.submission.submission_json import SubmissionJson, read_submission_json

_READ_LIMIT_BYTES = 64 << 20
_CODE = (".py", ".c", ".cc", ".cpp", ".cu", ".h", ".sh", ".rs")
_ARTIFACT = (".ptz", ".golf", ".pt", ".bin", ".xz", ".lzma", ".zst", ".br", ".safetensors")
_LOG_NAME = re.compile(r"\.(log|txt|out|jsonl|ndjson)(\.\d{1,3})?(\.gz)?$|^(train(ing)?[_-]?)?logs?$")
_LOG_WORD = re.compile(r"log|train|run|seed|eval|out|jsonl")
_SEED_IN_NAME = re.compile(r"seed[_-]?(\d{1,18}+)(?!\d|\.\d)", re.IGNORECASE | re.ASCII)


class RecordFolder:
    """One record folder; nothing in it is run, and symbolic links are not followed.

    `files` are paths by printable name, `sizes` their bytes, `links_out` names of links that lead out of the folder.
    """

    def __init__(self, path: Path) -> None:
        """
        Raises:
            InputError: no such folder, or one that cannot be read to its end.
        """
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"no such record folder: {path}")
        try:
            found = sorted(self.path.rglob("*"))
            self.files = {self._name(p): p for p in found if p.is_file() and not p.is_symlink()}
            self.sizes = {name: file.stat().st_size for name, file in self.files.items()}
            self.links_out = [self._name(p) for p in found if p.is_symlink() and self._leads_out(p)]
        except OSError as error:
            raise InputError(f"cannot read all of {path}: {error.strerror}") from error

    def _name(self, path: Path) -> str:
        return one_line(path.relative_to(self.path).as_posix())

    def _leads_out(self, link: Path) -> bool:
        """Whether a link points to no file of this folder: out of it, nowhere, or in a circle."""
        try:
            return not link.resolve(strict=True).is_relative_to(self.path.resolve())
        except (OSError, RuntimeError):
            return True

    @property
    def code(self) -> dict[str, int]:
        """Bytes of program files."""
        return {name: size for name, size in self.sizes.items() if name.lower().endswith(_CODE)}

    @property
    def artifacts(self) -> dict[str, int]:
        """Bytes of files that look like a packed model."""
        return {name: size for name, size in self.sizes.items() if name.lower().endswith(_ARTIFACT)}

    def text(self, name: str) -> str:
        """The beginning of a file as text (UTF-8, then UTF-16 where a mark says so), undecodable bytes replaced.

        Raises:
            InputError: it cannot be read.
        """
        try:
            with self.files[name].open("rb") as stream:
                data = stream.read(_READ_LIMIT_BYTES)
        except OSError as error:
            raise InputError(f"cannot read {self.files[name]}: {error.strerror}") from error
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        return data.decode(encoding, errors="replace")

    @cached_property
    def submission(self) -> SubmissionJson:
        """What the record says of itself."""
        return read_submission_json(self.files)

    @cached_property
    def claims(self) -> Claims:
        """What the JSON and the folder's name claim."""
        return read_claims(self.submission.values, self.path.resolve().name)

    @cached_property
    def logs(self) -> dict[str, LogFacts]:
        """Facts of every file that is a log by its name."""
        return {name: _read_log(path) for name, path in self.files.items() if _is_log(name)}

    @cached_property
    def scored_logs(self) -> dict[str, LogFacts]:
        """The logs in which a score stands, understood or not."""
        return {name: facts for name, facts in self.logs.items() if facts.scores}

    @cached_property
    def other_logs(self) -> list[str]:
        """Files that are no notes but logs, with something in them, in which no score was found."""
        return [
            name
            for name in self.logs
            if name not in self.scored_logs and self.sizes[name] and _LOG_WORD.search(name.lower())
        ]

    def seeds_of(self, name: str) -> tuple[str, ...]:
        """Seeds that a log shows: by its name, else by its contents (of several runs: each that it names)."""
        facts, in_name = self.logs[name], _SEED_IN_NAME.search(name)
        if len(facts.runs) > 1 and len(facts.seeds) > 1:
            return tuple(str(seed) for seed in facts.seeds)
        if in_name:
            return (str(int(in_name[1])),)
        return (str(facts.seed),) if facts.seed is not None else (name,)

    def seeds_shown(self) -> set[str]:
        """Seeds that logs with a score are there for."""
        return {seed for name in self.scored_logs for seed in self.seeds_of(name)}


def _is_log(name: str) -> bool:
    base = name.lower().rpartition("/")[2]
    return bool(_LOG_NAME.search(base)) and not base.startswith("requirements")


def _read_log(path: Path) -> LogFacts:
    lines = LogLines(path)
    return read_facts(lines)._replace(cut=lines.cut)
