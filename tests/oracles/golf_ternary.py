"""`ternary-group/1` for the plain reader, written from docs/format/v1.md section 5 alone."""

import math

from tests.oracles.golf_reader import need


def weights(shape, parts):
    size = math.prod(shape)
    expected = {"trits": ("uint8", [-(-size // 5)]), "scales": ("float16", [-(-size // 128)])}
    need({name: (dtype, held) for name, (dtype, held, _) in parts.items()} == expected, "parts")
    trits, scales = parts["trits"][2], parts["scales"][2]
    digits = [byte // 3**i % 3 for byte in trits for i in range(5)]
    need(max(trits) < 3**5 and all(digit == 1 for digit in digits[size:]), "values")
    need(all(math.isfinite(scale) and scale >= 0 for scale in scales), "values")
    return [(digit - 1) * scales[i // 128] for i, digit in enumerate(digits[:size])]
