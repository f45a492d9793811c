import pytest
import torch

from golfctl.optim.groups import group_by_role

PARAMETERS = {
    "bank": torch.zeros(2, 3, 3),
    "side": torch.zeros(3, 2),
    "emb": torch.zeros(5, 3),
    "gain": torch.zeros(3),
    "head": torch.zeros(5, 3),
}
ROLES = {"bank": "matrix", "side": "matrix", "emb": "embedding", "gain": "gain", "head": "head"}


def test_every_parameter_is_in_exactly_one_group():
    groups = group_by_role(PARAMETERS.items(), ROLES)
    assert [set(g) for g in groups] == [{"bank", "side"}, {"emb"}, {"head"}, {"gain"}]
    assert set(group_by_role(PARAMETERS.items(), ROLES, unbanked_to_adam=True).gains) == {"gain", "side"}


def test_a_missing_role_or_parameter_is_an_error():
    with pytest.raises(ValueError, match="gain has no role"):
        group_by_role(PARAMETERS.items(), {k: v for k, v in ROLES.items() if k != "gain"})
    with pytest.raises(ValueError, match="without a parameter"):
        group_by_role(list(PARAMETERS.items())[1:], ROLES)
