"""The gated geometric mixture, one row at a time in float64."""

import numpy as np


def plain_mixture(logp_SRV, cell_R, target_R, cells, lr, every, share, together=1):
    """Rows of the guarded mixture and the final weights (shared row last); weights start at the first scorer alone.

    `together` rows are answered before any of their targets is known; weights move after them, at most once.
    """
    scorers, rows, _ = logp_SRV.shape
    weight = np.zeros((cells + 1, scorers))
    weight[-1, 0] = 1.0
    square, gradient = np.zeros_like(weight), np.zeros_like(weight)
    out, trust, gained = [], 0.5, 0.0
    for r in range(rows):
        w_S = weight[cell_R[r]] + weight[-1]
        z_V = sum(w_S[s] * logp_SRV[s, r] for s in range(scorers))
        row_V = z_V - np.log(np.exp(z_V - z_V.max()).sum()) - z_V.max()
        out.append(np.log((1 - trust) * np.exp(logp_SRV[0, r]) + trust * np.exp(row_V)))
        gained += row_V[target_R[r]] - logp_SRV[0, r, target_R[r]]
        for s in range(scorers):
            g = np.exp(row_V) @ logp_SRV[s, r] - logp_SRV[s, r, target_R[r]]
            gradient[cell_R[r], s] += g
            gradient[-1, s] += g
        ends = (r + 1) % together == 0 or r + 1 == rows
        begin = r // together * together
        if ends and (r + 1) // every > begin // every:
            square += gradient**2
            weight -= lr * gradient / np.sqrt(square + 1.0)
            gradient[:] = 0.0
            trust = share + (1 - 2 * share) / (1 + (1 - trust) / trust * np.exp(-gained))
            gained = 0.0
    return np.array(out), weight
