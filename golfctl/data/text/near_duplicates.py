"""Leave out text that was seen before, word for word or nearly so."""

import re
from collections.abc import Iterable

_WORD = re.compile(r"\w+")
_SHINGLE_WORDS = 8
_MOST_SHARED = 0.5


class SeenText:
    """Remembers runs of eight words; a block is new when at most half of its runs occurred before.

    Shingling after Broder, "On the resemblance and containment of documents" (1997), with exact sets.
    """

    def __init__(self) -> None:
        self._shingles: set[str] = set()

    def is_new(self, block: str) -> bool:
        """Whether `block` is new; a new block is remembered."""
        shingles = _shingles(block)
        shared = sum(shingle in self._shingles for shingle in shingles)
        if shared > _MOST_SHARED * len(shingles):
            return False
        self._shingles.update(shingles)
        return True

    def new_blocks(self, blocks: Iterable[str]) -> list[str]:
        """Those of `blocks` that are new, in order."""
        return [block for block in blocks if self.is_new(block)]


def _shingles(block: str) -> set[str]:
    """Runs of eight lower-case words; a shorter block is one shingle."""
    words = _WORD.findall(block.lower())
    count = max(len(words) - _SHINGLE_WORDS + 1, 1)
    return {" ".join(words[i : i + _SHINGLE_WORDS]) for i in range(count)}
