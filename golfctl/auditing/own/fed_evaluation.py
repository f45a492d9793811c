"""`python -m golfctl.auditing.own.fed_evaluation SETTINGS.json`: golfctl's own scorer, fed a token at a time."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from golfctl.auditing.own.evaluation import OwnSession
from golfctl.evaluation.scored_model import load_source
from golfctl.scoring.config import EvalConfig


def main(settings: Path) -> None:
    """Answer every token with the row of the next until the text or the input ends."""
    values = json.loads(settings.read_text(encoding="utf-8"))
    config = EvalConfig.from_dict({**values["config"], "stepwise": True}, str(settings))
    device = torch.device(values["device"])
    torch.set_num_threads(1)
    model = load_source(Path(values["artifact"]), device)
    known_N = np.zeros(values["tokens"], np.uint16)  # filled as tokens arrive
    known_N[0] = int(sys.stdin.readline())
    session = OwnSession(model, config, device, known_N)
    for block in session.blocks():
        row_V = session.predict(block)[0]
        sys.stdout.write(" ".join(map(repr, row_V.tolist())) + "\n")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            return
        known_N[block.stop] = int(line)
        session.observe(block, known_N[block.stop : block.stop + 1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
