"""Artifacts that real runs left: trained on this project's documentation by `packed/recipe.toml` and packed by

    golfctl pack run -o entropy-rans.golf
    golfctl pack run -o gptq-rans-lp.golf --quantizer gptq --bits 6 --clip sd:10 --coder rans-lp --calibration self:4096

They open, decode and predict for ever as they did then; `digests.json` is append-only like that of the made ones.
"""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from golfctl.artifact import read_artifact
from golfctl.inspection.verify import verify_payloads
from golfctl.packing.unpack import load_artifact
from tests.golden.make import tensor_digests
from tests.oracles import golf_reader
from tests.oracles.golf_further import FURTHER_CODERS, FURTHER_SCHEMES

FILES = Path(__file__).parent / "packed"
ENTRIES = json.loads((FILES / "digests.json").read_text())
IDS_BT = (torch.arange(256).square() * 7 % 448).view(4, 64)


def test_files_and_digests_are_the_same_set():
    assert {path.stem for path in FILES.glob("*.golf")} == set(ENTRIES)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_it_decodes_as_it_did(name):
    data = (FILES / f"{name}.golf").read_bytes()
    assert hashlib.sha256(data).hexdigest() == ENTRIES[name]["sha256"], "a golden file is never changed"
    verify_payloads(read_artifact(data))
    assert tensor_digests(data) == ENTRIES[name]["tensors"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_the_reader_written_from_the_page_decodes_it(name):
    data = (FILES / f"{name}.golf").read_bytes()
    by_the_page = golf_reader.read(data, FURTHER_CODERS, FURTHER_SCHEMES)
    assert {key: hashlib.sha256(raw).hexdigest() for key, (_, raw) in by_the_page.items()} == ENTRIES[name]["tensors"]


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_it_predicts_as_it_did(name, one_thread):
    model = load_artifact(FILES / f"{name}.golf").model
    with torch.no_grad():
        nats = model.loss(IDS_BT[:, :-1], IDS_BT[:, 1:]).item()
    assert nats == pytest.approx(ENTRIES[name]["nats"], rel=1e-5)  # float sums differ between machines
