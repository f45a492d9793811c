"""`python -m golfctl.auditing.own.rank_evaluation SETTINGS.json`: one rank of an evaluation (`ranks_box`)."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from golfctl.auditing.foreign.posted_scores import ledger_text
from golfctl.auditing.own.evaluation import score_text
from golfctl.evaluation.scored_model import load_source
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import joined_ranks


def main(settings: Path) -> None:
    """Score every token file of the folder; the first rank writes the ledgers."""
    values = json.loads(settings.read_text(encoding="utf-8"))
    config, device = EvalConfig.from_dict(values["config"], str(settings)), torch.device("cpu")
    torch.set_num_threads(1)
    model = load_source(Path(values["artifact"]), device)
    with joined_ranks() as ranks:
        for path in sorted(Path(values["folder"]).glob("*.bin")):
            text_N = np.fromfile(path, "<u2")
            ledger = score_text(model, config, device, text_N, ranks=ranks)
            if ranks.rank == 0:
                path.with_suffix(".ledger").write_bytes(ledger_text(ledger))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
