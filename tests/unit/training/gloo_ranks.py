"""Run as a program: trains on 1, 2, 3, 4 and 8 gloo processes in turn and writes what every rank ended with.

    python gloo_ranks.py RECIPE DATA STEPS OUT

Ranks are forked from one process that has loaded everything and trained nothing. Rank R of W writes its weights to
OUT/W-R-DTYPE.safetensors, and to OUT/W-R-DTYPE.json its collectives as started and the plan of one step.
"""

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file

from golfctl.core.recipe import Recipe
from golfctl.optim.collectives import current_group
from golfctl.optim.schedule import RunPoint
from golfctl.training.setup import prepare
from golfctl.training.trainer import Trainer

WORLDS = (1, 2, 3, 4, 8)


def train(recipe, data, dtype, steps, stem):
    tables = {**recipe.tables, "train": {**recipe.tables["train"], "dtype": dtype}}
    trace = []
    trainer = Trainer(prepare(Recipe(tables, recipe.where), data, torch.device("cpu")), current_group(trace))
    for step in range(steps):
        trainer.step(RunPoint(step, 0.0, steps, None))
    trainer.close()
    save_file({name: p.detach().clone() for name, p in trainer.parameters.items()}, f"{stem}.safetensors")
    Path(f"{stem}.json").write_text(json.dumps({"trace": trace, "plan": trainer.optimizers.plan()}))


def rank_body(rank, world, recipe, data, steps, out):
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{out}/meet-{world}", rank=rank, world_size=world)
    for dtype in ("float64", "float32"):
        train(recipe, data, dtype, steps, out / f"{world}-{rank}-{dtype}")
    if world > 1:
        dist.destroy_process_group()


def main():
    recipe, data, steps, out = Recipe.load(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    torch.set_num_threads(1)
    for world in WORLDS:
        children = []
        for rank in range(world):
            child = os.fork()
            if not child:
                status = 1
                try:
                    rank_body(rank, world, recipe, data, steps, out)
                    status = 0
                finally:
                    sys.stderr.flush()
                    os._exit(status)
            children.append(child)
        if any(os.waitpid(child, 0)[1] for child in children):
            sys.exit(f"a rank of {world} failed")


if __name__ == "__main__":
    main()
