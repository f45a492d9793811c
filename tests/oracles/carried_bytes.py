"""Carried bytes, read off text and decoded text alone: characters that are the same in both, in order."""


def carried_bytes(text, decoded, altered=""):
    """UTF-8 bytes of a heaviest common subsequence of characters; those in `altered` come back as something else."""
    best = [0] * (len(decoded) + 1)
    for character in text:
        before = best[:]
        for column, other in enumerate(decoded, 1):
            best[column] = max(before[column], best[column - 1])
            if character == other and character not in altered:
                best[column] = max(best[column], before[column - 1] + len(character.encode()))
    return best[-1]
