import pytest
import torch

from golfctl.optim.newton_schulz import POLAR_EXPRESS, POLYNOMIALS, STANDARD, equalise_rows, newton_schulz
from tests.oracles.muon import orthogonalise


@pytest.mark.parametrize("name", POLYNOMIALS)
@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 12, 5), (4, 5, 12)])
def test_a_bank_equals_its_matrices_one_by_one(name, shape):
    bank = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    whole = newton_schulz(bank, POLYNOMIALS[name])
    for got, matrix in zip(whole, bank, strict=True):
        torch.testing.assert_close(got, orthogonalise(matrix, name == "polar-express"), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("polynomial", "low", "high"), [(STANDARD, 0.6, 1.25), (POLAR_EXPRESS, 0.8, 1.2)])
def test_singular_values_land_near_one(polynomial, low, high):
    bank = torch.randn(2, 24, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    values = torch.linalg.svdvals(newton_schulz(bank, polynomial))
    assert low < float(values.min()) and float(values.max()) < high


def test_zero_stays_zero_and_rows_become_unit():
    assert not newton_schulz(torch.zeros(1, 4, 6)).any()
    rows = equalise_rows(torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(3)))
    torch.testing.assert_close(rows.norm(dim=-1), torch.ones(2, 3))
