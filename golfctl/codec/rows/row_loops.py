"""The compiled loops of the row coder: a range coder with a 64-bit state and carries, over integer frequencies.

The state is the interval [low, low + size) within [0, 2^64), at first all of it less one. A symbol of frequency f, with
c below it of a total t, narrows it: part = size // t, low += c · part, size = f · part. While size < 2^56 the top byte
of low is written, and both are multiplied by 256. A low that passes 2^64 carries into the bytes written. So size ≥ 2^56
at every symbol, part ≥ 2^26, and one byte tells the last interval.

The decoder's state is (ahead, size), `ahead` being the 8 bytes it has read less low.

Shapes: K rows of a step, V vocabulary, B bytes.
"""

import numpy as np

from golfctl.core.machine.compiled import compiled

UNIT = float(1 << 28)
"""What a probability of 1 becomes, before the 1 that every symbol gets beside it."""
MOST = float((1 << 28) + (1 << 20))
"""Most that one probability, or those of a row together, may become: rows sum to 1 within rounding."""
FIRST_SIZE = (1 << 64) - 1
END_BYTES = 1
READ_AHEAD = 7  # zeros that the decoder reads after the last byte
DECODED, NO_DISTRIBUTION, OUT_OF_BYTES, NO_SYMBOL = 0, 1, 2, 3
_BLOCK = 64  # symbols that the search passes at once
_TOP, _BYTE = np.uint64(56), np.uint64(8)
_SMALL = np.uint64(1 << 56)


@compiled(error_model="numpy")
def _frequencies(mass_V, count_V):  # type: ignore[no-untyped-def]
    """floor(mass · 2^28) + 1 of every symbol; returns their sum, 0 where the row is no distribution."""
    total, sound = np.int64(0), True
    for v in range(mass_V.size):
        scaled = mass_V[v] * UNIT
        sound &= (scaled >= 0.0) & (scaled <= MOST)
        count_V[v] = np.int32(scaled) + np.int32(1)
        total += count_V[v]
    return total if sound and total <= np.int64(MOST) + mass_V.size else np.int64(0)


@compiled
def _sum(count_V):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for v in range(count_V.size):
        total += count_V[v]
    return total


@compiled
def _carry(bytes_B, used):  # type: ignore[no-untyped-def]
    """Add one to the bytes written, taken as one number."""
    place = used - 1
    while bytes_B[place] == 255:
        bytes_B[place] = 0
        place -= 1
    bytes_B[place] += np.uint8(1)


@compiled(error_model="numpy")
def put_rows(state, bytes_B, mass_KV, target_K):  # type: ignore[no-untyped-def]
    """Code the targets of a step, `state` being (low, size, bytes written), behind the bytes of the steps before.

    `bytes_B` has room for 8 more bytes a row. Returns the rows coded: fewer than K where a row is no distribution.
    """
    count_V = np.empty(mass_KV.shape[1], np.int32)
    low, size, used = state[0], state[1], np.int64(state[2])
    for k in range(target_K.size):
        total = _frequencies(mass_KV[k], count_V)
        if total == 0:
            return k
        part = size // np.uint64(total)
        moved = low + np.uint64(_sum(count_V[: target_K[k]])) * part
        if moved < low:
            _carry(bytes_B, used)
        low, size = moved, part * np.uint64(count_V[target_K[k]])
        while size < _SMALL:
            bytes_B[used] = low >> _TOP
            used += 1
            low <<= _BYTE
            size <<= _BYTE
    state[0], state[1], state[2] = low, size, used
    return target_K.size


@compiled
def put_end(state, bytes_B):  # type: ignore[no-untyped-def]
    """Write the one byte that, with zeros after it, lies in the last interval."""
    used = np.int64(state[2])
    value = state[0] + (_SMALL - np.uint64(1))
    if value < state[0]:
        _carry(bytes_B, used)
    bytes_B[used] = value >> _TOP
    state[2] = used + 1


@compiled(error_model="numpy")
def take_rows(state, bytes_B, mass_KV, target_K):  # type: ignore[no-untyped-def]
    """Undo `put_rows` into `target_K`, `state` being (ahead, size, bytes read), zeros following the last byte.

    Returns the rows decoded and how it ended.
    """
    vocab = mass_KV.shape[1]
    count_V = np.empty(vocab, np.int32)
    ahead, size, used = state[0], state[1], np.int64(state[2])
    for k in range(target_K.size):
        total = _frequencies(mass_KV[k], count_V)
        if total == 0:
            return k, NO_DISTRIBUTION
        part = size // np.uint64(total)
        place = np.int64(ahead // part)
        if place >= total:
            return k, NO_SYMBOL
        below, symbol = np.int64(0), 0
        while symbol + _BLOCK < vocab:
            block = _sum(count_V[symbol : symbol + _BLOCK])
            if below + block > place:
                break
            below += block
            symbol += _BLOCK
        while below + count_V[symbol] <= place:
            below += count_V[symbol]
            symbol += 1
        target_K[k] = symbol
        ahead -= np.uint64(below) * part
        size = part * np.uint64(count_V[symbol])
        while size < _SMALL:
            ahead = (ahead << _BYTE) | (np.uint64(bytes_B[used]) if used < bytes_B.size else np.uint64(0))
            used += 1
            size <<= _BYTE
        if used > bytes_B.size + READ_AHEAD:
            return k, OUT_OF_BYTES
    state[0], state[1], state[2] = ahead, size, used
    return target_K.size, DECODED
