"""`python -m golfctl.auditing.own.traced_evaluation SETTINGS.json`: one short evaluation, for its trace alone."""

import json
import sys
from pathlib import Path

import torch

from golfctl.evaluation.evaluate import Request, evaluate
from golfctl.scoring.config import EvalConfig

_TOKENS = 512


def main(settings: Path) -> None:
    """Evaluate the first tokens as the settings say; the result is not used."""
    values = json.loads(settings.read_text(encoding="utf-8"))
    config = EvalConfig.from_dict({**values["config"], "documents": None, "max_tokens": _TOKENS}, str(settings))
    torch.set_num_threads(values["threads"])
    evaluate(Request(Path(values["artifact"]), Path(values["data"]), config, torch.device(values["device"])))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
