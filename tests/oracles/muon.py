"""Plain Muon: one matrix at a time, one process, written from the formulas (MuonEq-R: arXiv 2603.28254)."""

import torch

POLAR = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


def orthogonalise(update, polar=False, iterations=5):
    transposed = update.shape[0] > update.shape[1]
    x = update.T if transposed else update
    x = x / (torch.sqrt((x * x).sum()) + 1e-7)
    for k in range(iterations):
        a, b, c = POLAR[min(k, 4)] if polar else (3.4445, -4.7750, 2.0315)
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if transposed else x


def muon_matrix_step(weight, gradient, buffer, lr, momentum, decay, equal_rows=False, polar=False):
    """New weight and buffer of one matrix."""
    buffer = momentum * buffer + gradient
    update = gradient + momentum * buffer
    if equal_rows:
        update = torch.stack([row / max(float(row.norm()), 1e-7) for row in update])
    rows, columns = weight.shape
    weight = weight * (1 - lr * decay)
    return weight - lr * max(1.0, rows / columns) ** 0.5 * orthogonalise(update, polar), buffer


def clip_factor(gradients, limit):
    norm = torch.sqrt(sum((g.double() ** 2).sum() for g in gradients))
    return min(1.0, limit / (float(norm) + 1e-6))
