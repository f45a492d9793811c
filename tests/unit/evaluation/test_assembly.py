"""The plan of blocks that evaluation and audit share."""

import pytest
import torch

from golfctl.evaluation.assembly import plan_of
from golfctl.scoring.compose import Setting
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import Ranks

STARTS = (0, 30, 41, 90)


def plan(world=1, **values):
    config = EvalConfig.from_dict({"seq_len": 16, "stride": 4, "batch": 3, **values})
    return plan_of(config, Setting(None, 64, 16, 120, torch.device("cpu"), Ranks(0, world)), STARTS)


def stops(plan):
    return [group[-1].stop for group in plan.groups(None)]


def test_documents_are_isolated_only_where_the_stack_says_so():
    assert plan().starts is None
    assert plan(context="documents").starts == STARTS


def test_adapters_of_documents_see_whole_ones():
    found = plan(context="documents", ttt={"form": "lora", "lanes": 2})
    assert stops(found) == [41, 120]


@pytest.mark.parametrize("world", [1, 2])
def test_every_rank_has_its_windows_of_a_block(world):
    assert next(len(group) for group in plan(world).groups(None)) == 3 * world
