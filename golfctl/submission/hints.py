"""T18: places in readable code that a reviewer should look at. Words only: hints, never a verdict on what code does."""

import re

from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.rules import Rules
from golfctl.submission.base import Lint
from golfctl.submission.folder import RecordFolder

# Every repetition is bounded, so that no file, however it was made, takes long.
_TARGET = r"(?:tgt|target|y_?true|answer)\w{0,40}"
_LOSS = r"\w{0,40}(?:nll|loss)\w{0,40}"
_CALLS = r"(?:\[[^\]\n]{0,80}\])?(?:\.\w{1,40}\([^)\n]{0,80}\)){0,4}"  # an index, casts
HINTS = {
    "the smaller of two losses (#659, #573)": rf"\b(?:torch\.|np\.)?min(?:imum)?\({_LOSS}[^,()]{{0,80}},\s?{_LOSS}",
    "picks between scores by which is lower": rf"\bwhere\({_LOSS}\s?<=?\s?{_LOSS}",
    "hashes the target into a key (#779)": rf"(?:\^|\bxor\w{{0,20}}\()\s?\(?\s?{_TARGET}{_CALLS}\s?\*",
    "gates by a class of the target (#1420)": rf"gate\w{{0,40}}\s?=[^=\n]{{0,120}}\w\[{_TARGET}\]",
    "fits an offset at test time, SLOT (#1240)": r"\bslot_(?:steps|lr|delta|enabled)\b",
    "keeps the best of several passes": r"\bbest_(?:val_)?(?:nll|bpb)\w{0,40}\s?=\s?min\(",
}
_READ_CHARACTERS = 4 << 20
_SHOWN = 3


def check_hints(folder: RecordFolder, rules: Rules) -> Outcome:
    """Lines that look like forms which were argued about, with where they stand."""
    if not folder.code:
        return not_covered("no code in the folder")
    found = []
    for name in folder.code:
        text = folder.text(name)[:_READ_CHARACTERS]
        for what, pattern in HINTS.items():
            match = re.search(pattern, text, re.IGNORECASE)
            if match:
                found.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1} {what}")
    verdict = Verdict.WARN if found else Verdict.PASS
    return Outcome(verdict, "lines to look at", float(len(found)), 0.0, "; ".join(found[:_SHOWN]))


LINT = Lint(
    "T18-hints",
    "forms argued about",
    "R7",
    "packed code, other names, and what a line really does: `golfctl audit` runs it",
    check_hints,
)
