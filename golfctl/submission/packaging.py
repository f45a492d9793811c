"""T17: files, JSON and its types; T18: hints in the code for a reader, never more than hints."""

import ast
import re
from datetime import date

from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.rules import Rules
from golfctl.submission.base import Lint
from golfctl.submission.claims import number, shown
from golfctl.submission.folder import RecordFolder

_TYPED = {"name": str, "author": str, "github_id": str}
_OPAQUE = ("b85decode", "a85decode", "b64decode")


def check_files(folder: RecordFolder, rules: Rules) -> Outcome:
    """The files that the rules name, and at least one log that holds a score."""
    missing = [name for name in rules.submission_files if name not in folder.files]
    other_code = [name for name in folder.code if name.endswith(".py")]
    if "train_gpt.py" in missing and other_code:
        missing.remove("train_gpt.py")
        missing.append(f"train_gpt.py (there is {other_code[0]})")
    if folder.submission.name in folder.files and "submission.json" in missing:
        missing[missing.index("submission.json")] = f"submission.json (there is {folder.submission.name})"
    problems = [f"no {name}" for name in missing]
    if not folder.logs:
        problems.append("no log")
    elif not folder.scored_logs and not folder.other_logs:
        problems.append("no log with anything in it")
    problems += [f"{name} is a link out of the folder" for name in folder.links_out[:2]]
    hidden = [name for name in folder.files if any(part.startswith(".") for part in name.split("/"))]
    problems += [f"stray {name}" for name in hidden if name != ".gitignore"][:2]
    if not problems and not folder.scored_logs:
        return not_covered(f"all files are here, but no score was understood in {folder.other_logs[0]}")
    verdict = Verdict.FAIL if problems else Verdict.PASS
    detail = "; ".join(problems) or f"{len(folder.files)} files, {len(folder.scored_logs)} scored logs"
    return Outcome(verdict, "files missing or stray", float(len(problems)), 0.0, detail)


def check_json(folder: RecordFolder, rules: Rules) -> Outcome:
    """It parses without a byte-order mark, the score is a number, and what is there has its type."""
    found = folder.submission
    if found.problem:
        return Outcome(Verdict.FAIL, "problems in submission.json", 1.0, 0.0, found.problem)
    values, problems = found.values, [f"{key} stands there twice" for key in found.repeated[:3]]
    if folder.claims.bpb is None:
        problems.append("no val_bpb" if "val_bpb" not in values else f"val_bpb is {shown(values['val_bpb'])}")
    elif isinstance(values.get("val_bpb"), str):
        problems.append("val_bpb is text")
    for key, kind in _TYPED.items():
        if key in values and values[key] is not None and not isinstance(values[key], kind):
            problems.append(f"{key} is no {kind.__name__}")
    problems += [f"{key} is text" for key in values if key.startswith("bytes_") and isinstance(values[key], str)]
    if isinstance(values.get("date"), str) and not _is_date(values["date"]):
        problems.append(f"date {values['date'][:20]!r}")
    if number(values.get("bytes_total")) is None and not folder.claims.sizes and not _seed_sizes(folder):
        problems.append("no size")
    verdict = Verdict.FAIL if problems else Verdict.PASS
    return Outcome(verdict, "problems in submission.json", float(len(problems)), 0.0, "; ".join(problems))


def _seed_sizes(folder: RecordFolder) -> bool:
    return any(claim.bytes for claim in folder.claims.by_seed)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def check_caps_in_code(folder: RecordFolder, rules: Rules) -> Outcome:
    """Numbers that people mistake for the cap, such as 16 MiB."""
    if not folder.code:
        return not_covered("no code in the folder")
    found = [f"{name}: {text}" for name in folder.code for text in _wrong_caps(folder.text(name), rules)]
    verdict = Verdict.WARN if found else Verdict.PASS
    return Outcome(verdict, "constants that are not the cap", float(len(found)), 0.0, "; ".join(found[:3]))


def _wrong_caps(text: str, rules: Rules) -> list[str]:
    found = []
    for cap in rules.limits.wrong_caps:
        patterns = [rf"\b{cap}\b", rf"\b{cap:_}\b"]
        if cap % (1 << 20) == 0:
            mebi = cap >> 20
            patterns += [
                rf"\b{mebi}\s*\*\s*1024\s*\*\s*1024\b",
                rf"\b{mebi}\s*\*\s*1024\s*\*\*\s*2\b",
                rf"\b{mebi}\s*<<\s*20\b",
            ]
        found += [match[0] for pattern in patterns for match in re.finditer(pattern, text)]
    return found


def check_opaque_code(folder: RecordFolder, rules: Rules) -> Outcome:
    """Code that unpacks itself cannot be read by a reviewer; pickled weights run code when loaded."""
    if not folder.code:
        return not_covered("no code in the folder")
    hints = []
    for name in folder.code:
        text = folder.text(name)
        if any(word in text for word in _OPAQUE) and re.search(r"\bexec\b", text):
            hints.append(f"{name} unpacks and runs itself")
        if "weights_only=False" in text:
            hints.append(f"{name} loads pickles unguarded")
        if name.endswith(".py") and not _parses(text):
            hints.append(f"{name} does not parse")
    verdict = Verdict.WARN if hints else Verdict.PASS
    return Outcome(verdict, "hints for the reader", float(len(hints)), 0.0, "; ".join(hints[:3]))


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


FILES = Lint("T17-files", "files of the record", "R11", "whether the record runs from its folder", check_files)
JSON = Lint("T17-json", "submission.json", "R11", "whether what it says is true", check_json)
CAPS = Lint("T18-cap", "16 MiB constants", "R1", "packed code hides every constant", check_caps_in_code)
OPAQUE = Lint(
    "T18-opaque", "code one can read", "R12", "what readable code does; a hint and no verdict", check_opaque_code
)
