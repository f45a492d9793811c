"""Near-duplicate blocks: the first stays, copies and light edits go, new text stays."""

from golfctl.data.text.near_duplicates import SeenText

SENTENCE = "Return a new view of the dictionary's keys, which reflects later changes of the dictionary itself."


def test_copies_and_light_edits_go():
    seen = SeenText()
    edited = SENTENCE.replace("later", "all")
    assert seen.new_blocks([SENTENCE, SENTENCE.upper(), SENTENCE + " Really.", edited.replace("Return", "Give")]) == [
        SENTENCE,
        edited.replace("Return", "Give"),
    ]


def test_new_text_stays_and_short_blocks_are_compared_whole():
    seen = SeenText()
    other = "A server that listens on a port of its own until it is told to stop by a signal from outside."
    assert seen.new_blocks([SENTENCE, other, "Short one.", "short ONE", "Short two."]) == [
        SENTENCE, other, "Short one.", "Short two.",
    ]  # fmt: skip


def test_half_old_half_new_is_new():
    seen = SeenText()
    first = " ".join(f"w{i}" for i in range(40))
    assert seen.is_new(first)
    assert seen.is_new(" ".join(f"w{i}" for i in range(20, 60)))
    assert not seen.is_new(" ".join(f"w{i}" for i in range(18, 62)))
