"""Newton–Schulz: the nearest semi-orthogonal matrix, approximately, for a bank of matrices at once.

Shapes: B matrices of the bank, M rows, N columns.
"""

import torch
from torch import Tensor

Coefficients = tuple[tuple[float, float, float], ...]

# Keller Jordan's quintic (github.com/KellerJordan/Muon), the same triple every iteration.
STANDARD: Coefficients = ((3.4445, -4.7750, 2.0315),)
# Polar Express (arXiv 2505.16932), one triple per iteration, as in parameter-golf PR #1344 and later.
POLAR_EXPRESS: Coefficients = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)
POLYNOMIALS: dict[str, Coefficients] = {"standard": STANDARD, "polar-express": POLAR_EXPRESS}
_EPS = 1e-7


def newton_schulz(update_BMN: Tensor, polynomial: Coefficients = STANDARD, iterations: int = 5) -> Tensor:
    """Replace each matrix U S Vᵀ of the bank by about U Vᵀ (singular values land near 1), in the bank's own dtype.

    Each iteration maps X to aX + (bA + cA²)X with A = XXᵀ, starting from X divided by its Frobenius norm; a polynomial
    with fewer triples than `iterations` repeats its last one. Matrices that are zero stay zero.
    """
    wide = update_BMN.size(-2) <= update_BMN.size(-1)
    x_BMN = update_BMN if wide else update_BMN.mT
    x_BMN = x_BMN / (x_BMN.norm(dim=(-2, -1), keepdim=True) + _EPS)
    for iteration in range(iterations):
        a, b, c = polynomial[min(iteration, len(polynomial) - 1)]
        gram_BMM = x_BMN @ x_BMN.mT
        mix_BMM = torch.baddbmm(gram_BMM, gram_BMM, gram_BMM, beta=b, alpha=c)
        x_BMN = torch.baddbmm(x_BMN, mix_BMM, x_BMN, beta=a, alpha=1.0)
    return x_BMN if wide else x_BMN.mT


def equalise_rows(update_BMN: Tensor) -> Tensor:
    """Divide each row by its Euclidean norm, taken in at least fp32 (MuonEq-R, arXiv 2603.28254)."""
    wide = update_BMN if update_BMN.dtype == torch.float64 else update_BMN.float()
    norm_BM1 = wide.norm(dim=-1, keepdim=True).clamp_min(_EPS)
    return (wide / norm_BM1).to(update_BMN.dtype)
