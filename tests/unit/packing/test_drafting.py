"""Which section a part goes to: integer codes apart from floats, so that the weight coder can take them."""

import pytest

from golfctl.artifact import Limits, open_artifact
from golfctl.packing.config import PackConfig
from golfctl.packing.pack import pack
from golfctl.packing.unpack import load_artifact


@pytest.mark.parametrize("coder", ["rans", "auto"])
def test_codes_are_alone_in_their_sections(run, coder):
    result = pack(run, PackConfig(coder=coder))
    artifact = open_artifact(result.path)
    dtypes = {}
    for view in artifact.streams():
        dtypes.setdefault(view.section.name, set()).update(part.dtype for _, part in view.holdings)
    assert dtypes["matrices"] == {"int8"} and dtypes["embeddings"] == {"int8"}
    assert all(name.startswith("float") for name in dtypes["small"])
    if coder == "rans":
        assert {artifact.section(name).coder for name in ("matrices", "embeddings")} == {"rans/1"}
        assert artifact.section("small").coder != "rans/1"
    load_artifact(result.path)


def test_large_floats_have_a_section_of_their_own(run, monkeypatch):
    monkeypatch.setattr("golfctl.packing.drafting._LARGE_FLOATS", 1000)
    result = pack(run, PackConfig(bits=16, bits_embed=8))
    names = {section.name for section in open_artifact(result.path).manifest.sections}
    assert {"floats", "embeddings", "small"} <= names and "matrices" not in names


def test_matrices_get_no_predictions_where_embeddings_use_up_what_a_file_may_cost(run, monkeypatch):
    limits = Limits(prediction_work=max(448 * 16**2, 16**3) + 448 * 32**2)
    for module in ("drafting", "sections"):
        monkeypatch.setattr(f"golfctl.packing.{module}.Limits", lambda: limits)
    result = pack(run, PackConfig(coder="rans-lp"))
    artifact = open_artifact(result.path)
    assert artifact.section("embeddings").coder == "rans-lp/1" and artifact.section("matrices").coder == "rans/1"
    [note] = [note for note in result.notes if "rans-lp" in note]
    assert note.startswith("section matrices: rans/1 instead of rans-lp/1")
    assert not any("rans-lp" in note for note in pack(run, PackConfig(coder="rans")).notes)
