"""Train a SentencePiece BPE tokenizer that gives every text back."""

import io
import re
import threading
from collections.abc import Callable, Iterable, Iterator

from sentencepiece import SentencePieceTrainer

from golfctl.core.progress import SILENT, Progress
from golfctl.data.tokenizers.tokenizer import SPACE, Tokenizer
from golfctl.errors import DataError

MIN_VOCABULARY, MAX_VOCABULARY = 300, 65536  # 4 special and 256 byte pieces leave room for some text
_LONGEST_LINE_BYTES = 1 << 20
_POLL_SECONDS = 0.1
_MOST_PIECES = re.compile(r"Please set it to a value <= (\d+)")
_LEAST_PIECES = re.compile(r"smaller than required_chars. \d+ vs (\d+)")


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, *, limit_bytes: int = 64 << 20, progress: Progress = SILENT
) -> Tokenizer:
    """Train a reversible BPE tokenizer: pad 0, bos 1, eos 2, unk 3, then bytes, then merges; same texts, same bytes.

    Reads at most `limit_bytes` of UTF-8 text, from the front. Digits are split, white-space runs may be pieces.

    Raises:
        DataError: no text, or too little for this vocabulary. ValueError: a vocabulary below 300 or above 65,536.
    """
    if not MIN_VOCABULARY <= vocab_size <= MAX_VOCABULARY:
        raise ValueError(f"a vocabulary has {MIN_VOCABULARY} to {MAX_VOCABULARY} pieces, not {vocab_size}")
    sample = list(_limited(texts, limit_bytes))
    if not any(text.strip() for text in sample):
        raise DataError("no text to train a tokenizer on")
    progress.say(f"training a tokenizer of {vocab_size:,} pieces on {sum(map(len, sample)):,} characters")
    model = io.BytesIO()

    def train() -> None:
        SentencePieceTrainer.train(
            sentence_iterator=iter(sample), model_writer=model, model_type="bpe", vocab_size=vocab_size,
            normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False,
            byte_fallback=True, split_digits=True, allow_whitespace_only_pieces=True, character_coverage=0.9995,
            pad_id=0, bos_id=1, eos_id=2, unk_id=3, num_threads=1, max_sentence_length=_LONGEST_LINE_BYTES,
            hard_vocab_limit=True, minloglevel=2,
        )  # fmt: skip

    try:
        _interruptible(train)
    except RuntimeError as error:
        raise DataError(f"cannot train {vocab_size:,} pieces: {_reason(str(error))}") from error
    return Tokenizer(model.getvalue(), "trained tokenizer")


def _reason(said: str) -> str:
    """What SentencePiece said, and what to do about it."""
    if most := _MOST_PIECES.search(said):
        return f"this text supports at most {most[1]}; give more text or a smaller --vocab"
    if least := _LEAST_PIECES.search(said):
        return f"the characters of this text alone take {least[1]}; give a larger --vocab"
    return f"{' '.join(said.split())}; try another --vocab or other text"


def _interruptible(work: Callable[[], None]) -> None:
    """Do `work` on a thread of its own: the library listens to no signal, so this thread stays free to do so."""
    failures: list[BaseException] = []

    def attempt() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that asked
            failures.append(error)

    thread = threading.Thread(target=attempt, name="golfctl-tokenizer", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_POLL_SECONDS)
    if failures:
        raise failures[0]


def _limited(texts: Iterable[str], limit_bytes: int) -> Iterator[str]:
    """Pieces of text without U+2581 (which stands for a space inside the trainer) and below its longest line."""
    left = limit_bytes
    for text in texts:
        for part in _lines(text.replace(SPACE, " ").replace("\0", " ")):
            left -= len(part.encode("utf-8"))
            if left < 0:
                return
            yield part


def _lines(text: str) -> Iterator[str]:
    step = _LONGEST_LINE_BYTES // 4
    for start in range(0, len(text), step):
        yield text[start : start + step]
