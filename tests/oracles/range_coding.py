"""A range coder over integer frequencies in exact arithmetic: an interval of whole numbers that only grow longer."""


def frequencies(mass):
    """floor(p · 2^28) + 1 of each probability."""
    return [int(p * 2**28) + 1 for p in mass]


def encode(rows, targets):
    """Bytes of the targets; the interval keeps all its digits, so carries need no care."""
    low, size, shifted = 0, 2**64 - 1, 0
    for mass, target in zip(rows, targets, strict=True):
        counts = frequencies(mass)
        part = size // sum(counts)
        low, size = low + sum(counts[:target]) * part, counts[target] * part
        while size < 2**56:
            low, size, shifted = low * 256, size * 256, shifted + 1
    last = -(-low // 2**56)  # the first multiple at or above low
    return last.to_bytes(shifted + 1, "big")


def decode(rows, data):
    """The targets again; the number is read as a whole, with zeros after it."""
    low, size, shifted, targets = 0, 2**64 - 1, 0, []
    number = int.from_bytes(data, "big") * 2**56
    for mass in rows:
        counts = frequencies(mass)
        part = size // sum(counts)
        place = ((number >> 8 * (len(data) - 1 - shifted)) - low) // part
        target = next(v for v in range(len(counts)) if sum(counts[: v + 1]) > place)
        targets.append(target)
        low, size = low + sum(counts[:target]) * part, counts[target] * part
        while size < 2**56:
            low, size, shifted = low * 256, size * 256, shifted + 1
    return targets
