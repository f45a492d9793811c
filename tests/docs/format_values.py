"""The intermediate values of section 6 of the format page, from the coder's own tables and loops."""

import math

import numpy as np

from golfctl.coding.rans.distributions import REACH, SHAPES, cached_masses, frequencies
from golfctl.coding.rans.lp_plain_loops import _slopes
from golfctl.coding.rans.plain_loops import Source
from golfctl.coding.rans.side import Side
from golfctl.coding.rans.word_stream import Header, read_header, words_of, write_header
from tests.oracles.rans import encode_words, events

BUCKET, M, LO, HI = 15, 6, -2, 1
CODES = [-2, 1, -2]
ROWS_R2 = [(r % 5 - 2, 2 * (r % 5 - 2) + r % 3 - 1) for r in range(32)]


def values():
    """The block `values` of the page."""
    return "\n".join([*_table(), "", *_stream(), "", *_learned()])


def _table():
    mass = cached_masses(BUCKET, M, 0)
    freq = frequencies(mass, LO, HI)
    quarter, power = BUCKET - 32, (65536, 77935, 92681, 110217)[(BUCKET - 32) % 4]
    a = 2 * M * ((power << quarter // 4 + 10) >> 16)
    folded = [int(mass[: LO + REACH + 1].sum()), *mass[LO + REACH + 1 : HI + REACH].tolist()]
    folded.append(int(mass[HI + REACH :].sum()))
    shown = [f"{int(n):,}" for n in mass[REACH - 2 : REACH + 3]]
    starts = np.cumsum(freq) - freq
    ratios = [f"{(a << 31) // (a + x * x):,}" for x in (1, 33)]
    return [
        f"**A table**: b = {BUCKET}, m = {M}, lo = {_minus(LO)}, hi = {HI}, phase 0. s = 0, g = {_minus(quarter)},",
        f"P = {power}, g/4 = {_minus(quarter // 4)}, a = {a}. The ratio is {ratios[0]} for x = 1 and {ratios[1]} for",
        "x = 33. Steps 3 to 5 give:",
        "",
        "| k | −2 | −1 | 0 | 1 | 2 |",
        "| --- | --: | --: | --: | --: | --: |",
        f"| mass, step 3 | {' | '.join(shown)} |",
        f"| mass, step 4 | {' | '.join(f'{n:,}' for n in folded)} | |",
        f"| frequency | {' | '.join(f'{int(freq[REACH + k]):,}' for k in range(LO, HI + 1))} | 0 |",
        f"| first slot | {' | '.join(f'{int(starts[REACH + k]):,}' for k in range(LO, HI + 1))} | |",
    ]


def stream():
    """The payload of the example: the codes −2, 1, −2 as a matrix of one row."""
    header = Header(SHAPES.index(M), 0, LO, HI, BUCKET, Side(False), Side(False))
    pairs = [pair for code in CODES for pair in events(code, BUCKET, M, LO, HI, {})]
    return write_header(header) + encode_words(pairs, 1, len(CODES))


def _stream():
    payload = stream()
    _, rest = read_header(memoryview(payload), "example")
    words = words_of(rest, "example")
    cum = [0, *np.cumsum(frequencies(cached_masses(BUCKET, M, 0), LO, HI)).tolist()]
    source = Source(int(words[0]) << 32 | int(words[1]), words, 2)
    rows = []
    for _ in CODES:
        before = source.state
        [code] = source.codes([(cum, 0)], LO, HI)
        rows.append(f"| `{before:016X}` | {before % (1 << 20):,} | {_minus(code)} | `{source.state:016X}` |")
    head = payload[: len(payload) - len(rest)].hex(" ").upper()
    return [
        f"**A stream** of three codes, a matrix of one row under this table. The header is `{head}`,",
        f"the {words.size} words `{_hex(rest)}`. A state below 2^32 takes in the next word.",
        "",
        "| state | slot | code | state after it |",
        "| --- | --: | --: | --- |",
        *rows,
        "",
        "The last state is 2^32 + 65536·1 + 3.",
    ]


def _learned():
    n, size = len(ROWS_R2), 2
    codes_R2 = np.array(ROWS_R2, np.int64)
    sums = (codes_R2.T @ codes_R2).tolist()
    slope = int(_slopes(np.array(sums, np.int64), n)[1, 0])
    rho = [math.isqrt(sums[i][i]) for i in range(size)]
    a = (sums[1][0] << 20) // (rho[0] * rho[1]) * n // (n + size)
    low = (a << 20) // (1 << 20)
    variance = max((1 << 20) - ((low * a) >> 20), 1 << 10)
    assert slope == (low >> 8) * rho[1] // rho[0]
    predicted = slope * 8192 >> 12
    step = (predicted + 128) >> 8
    centre = (step + 8) >> 4
    return [
        f"**A learned 2 × 2**: {n} rows of 2 columns; row r, from 0, has r mod 5 − 2 and twice that + r mod 3 − 1.",
        f"S[0, 0] = {sums[0][0]}, S[1, 0] = {sums[1][0]}, S[1, 1] = {sums[1][1]}; ρ_0 = {rho[0]}, ρ_1 = {rho[1]}.",
        f"v[0, 0] = {1 << 20:,}; a = v[1, 0] = {a:,}; l[1, 0] = {low:,}; v[1, 1] = {variance:,};",
        f"G[1, 0] = {slope:,}. Where row 32 starts with code 2 and lo and hi are far, p_0 = 0, e_0 = 8,192,",
        f"p_1 = {predicted:,}, t = {step}, centre = {centre}, phase = {_minus(step - 16 * centre)}.",
    ]


def _hex(data):
    return bytes(data).hex(" ").upper()


def _minus(number):
    return str(number).replace("-", "−")
