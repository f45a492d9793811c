"""The property `bytes`: is what bits are divided by known to be in the text, and how is that known."""

from typing import Any

from golfctl.evaluation.stream import Stream


def bytes_property(stream: Stream, known_as: str | None = None) -> dict[str, Any]:
    """`{verdict, how}`; `known_as` names the known text that the tokens decode to, where their digests are equal.

    Bits over no more than half of a text are no score of that text, whatever they are of the rest.
    """
    raw, carried = stream.raw_bytes, stream.carried_bytes
    if known_as is not None:
        return {"verdict": True, "how": f"all {raw:,} bytes: by its digest the decoded text is {known_as}"}
    if stream.raw_is_decoded:
        how = "the original text is not here, so these bytes rest on the tokenizer's word alone: give it with --text"
        return {"verdict": None, "how": how}
    if carried == raw:
        return {"verdict": True, "how": f"all {raw:,} bytes of the text come back from its tokens"}
    share = f"{carried:,} of {raw:,} bytes of the text are carried"
    if 2 * carried <= raw:
        return {"verdict": False, "how": f"only {share}: this is no score of that text"}
    return {"verdict": True, "how": f"{share}, {1 - carried / raw:.2%} are not"}


def text_notes(stream: Stream) -> list[str]:
    """What a reader must know of the tokens that were scored: losses, pads at the end, documents not told apart."""
    notes = [f"{cause}: they are not divided by" for cause in stream.losses.causes()] if stream.losses else []
    tokenizer = stream.tokenizer
    if tokenizer is None:
        return notes
    if tokenizer.pad is not None and (pads := _repeats_at_end(stream, tokenizer.pad)):
        notes.append(f"the text ends in {pads:,} pad tokens, which are scored and carry no bytes")
    if tokenizer.bos is None or int(stream.tokens_N[0]) != tokenizer.bos:
        notes.append(
            "the stream does not begin with a BOS: its first token is given and not scored"
            + (", and its documents are not told apart" if len(stream.starts_D) == 1 else "")
        )
    return notes


def _repeats_at_end(stream: Stream, token: int) -> int:
    """How often `token` stands at the end of the stream."""
    count = 0
    while count < len(stream.tokens_N) and int(stream.tokens_N[-1 - count]) == token:
        count += 1
    return count
