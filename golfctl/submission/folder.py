"""A record folder as read from disk: JSON, logs, code and everything else, with limits on what is read."""

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from golfctl.auditing.finding import printable
from golfctl.core.files import read_bytes
from golfctl.errors import InputError
from golfctl.submission.claims import Claims, read_claims
from golfctl.submission.logs import LogFacts, parse_log

_READ_LIMIT_BYTES, _JSON_LIMIT_BYTES = 64 << 20, 8 << 20
_CODE = (".py", ".c", ".cc", ".cpp", ".cu", ".h", ".sh", ".rs")
_ARTIFACT = (".ptz", ".golf", ".pt", ".bin", ".xz", ".lzma", ".zst", ".br", ".safetensors")
_LOG_NAME = re.compile(r"(?<!requirements)\.(log|txt)$", re.IGNORECASE)
_SEED_IN_NAME = re.compile(r"seed[_-]?(\d+)", re.IGNORECASE)


class RecordFolder:
    """One record folder; nothing in it is run, and symbolic links are not followed."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            InputError: no such folder, or one that cannot be read to its end.
        """
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"no such record folder: {path}")
        try:
            found = [p for p in sorted(self.path.rglob("*")) if p.is_file() and not p.is_symlink()]
        except OSError as error:
            raise InputError(f"cannot read all of {path}: {error.strerror}") from error
        self.files = {printable(p.relative_to(self.path).as_posix()): p for p in found}

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Bytes of every file on disk."""
        return {name: path.stat().st_size for name, path in self.files.items()}

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
    def json_problem(self) -> str:
        """Why submission.json cannot be used, or an empty string."""
        if "submission.json" not in self.files:
            return "submission.json is missing"
        try:
            values = json.loads(read_bytes(self.files["submission.json"], _JSON_LIMIT_BYTES).decode("utf-8"))
        except InputError as error:
            return str(error)
        except (ValueError, RecursionError) as error:
            return f"submission.json does not parse: {str(error)[:80]}"
        return "" if isinstance(values, dict) else "submission.json holds no object"

    @cached_property
    def values(self) -> dict[str, Any]:
        """The parsed submission.json; a byte-order mark is forgiven here (and reported by `json_problem`)."""
        if self.sizes.get("submission.json", _JSON_LIMIT_BYTES + 1) > _JSON_LIMIT_BYTES:
            return {}
        try:
            values = json.loads(self.text("submission.json"))
        except (ValueError, RecursionError):
            return {}
        return values if isinstance(values, dict) else {}

    @cached_property
    def claims(self) -> Claims:
        """What the JSON and the folder's name claim."""
        return read_claims(self.values, self.path.resolve().name)

    @cached_property
    def logs(self) -> dict[str, LogFacts]:
        """Facts of every file that is a log by its name."""
        return {name: parse_log(self.text(name)) for name in self.files if _LOG_NAME.search(name)}

    @cached_property
    def scored_logs(self) -> dict[str, LogFacts]:
        """The logs in which a score stands."""
        return {name: facts for name, facts in self.logs.items() if facts.scores}

    def seeds_shown(self) -> set[str]:
        """Seeds that logs are there for: by their contents, else by their names."""
        seeds = set()
        for name, facts in self.scored_logs.items():
            in_name = _SEED_IN_NAME.search(name)
            if in_name:
                seeds.add(str(int(in_name[1])))
            elif facts.seed is not None:
                seeds.add(str(facts.seed))
            else:
                seeds.add(name)
        return seeds
