import hashlib

import numpy as np
import torch

from golfctl.scoring.outcome import Trail, tensors_sha256


def test_a_trail_depends_neither_on_blocks_nor_on_an_interruption():
    vectors_ND = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    whole, parts, resumed = Trail(), Trail(), Trail()
    whole.add(vectors_ND)
    for part in (vectors_ND[:2], vectors_ND[2:2], vectors_ND[2:]):
        parts.add(part)
        resumed.load(parts.save())
    digest = hashlib.sha256(b"").digest()
    for vector_D in vectors_ND.numpy():
        digest = hashlib.sha256(digest + vector_D.tobytes()).digest()
    assert whole.sha256 == parts.sha256 == resumed.sha256 == digest.hex()
    assert whole.count == resumed.count == 7
    assert np.isclose(resumed.norm, float(vectors_ND.double().square().sum(dim=1).mean().sqrt()))


def test_the_digest_of_tensors_sees_names_values_and_order():
    a, b = torch.ones(2, 2), torch.zeros(3)
    first = tensors_sha256([("a", a), ("b", b)])
    assert first == tensors_sha256([("a", a.clone()), ("b", b)])
    others = [[("b", b), ("a", a)], [("x", a), ("b", b)], [("a", a * 2), ("b", b)]]
    assert first not in map(tensors_sha256, others)
    assert tensors_sha256([("a", a.bfloat16()), ("b", b)]) == first  # by value, not by width
