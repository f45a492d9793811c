import json

import numpy as np
import pytest
import safetensors.torch
import torch

from golfctl.errors import CheckpointError, ConfigError, InputError, UsageError
from golfctl.importing.import_checkpoint import ImportChoices, import_file
from golfctl.importing.spec_from_shapes import infer_model
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import named_tensors, shapes_by_name
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.packing.unpack import load_artifact
from tests.unit.importing import reference_files as files

NONE = ImportChoices()


def write(tmp_path, data, name="model.ptz"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def same(tensors, meant):
    assert set(tensors) == set(meant)
    for name, tensor in tensors.items():
        assert torch.equal(tensor.float(), meant[name].float()), name


@pytest.mark.parametrize("press", files.PRESSES)
def test_mixed_artifacts_keep_every_number(tmp_path, press):
    obj, meant = files.mixed(files.weights())
    source = write(tmp_path, files.PRESSES[press](files.saved(obj)))
    result = import_file(source, NONE, tmp_path / "m.golf")
    loaded = load_artifact(result.path)
    same(named_tensors(loaded.model), meant)
    schemes = {tensor.name: tensor.scheme for tensor in loaded.manifest.tensors}
    assert schemes["blocks.0.mlp.fc.weight"] == "int6-row/1" and schemes["tok_emb.weight"] == "int8-row/1"
    assert result.quantized == sum(name.endswith(".q") for name in obj["w"]) and result.form == "artifact"
    assert len(result.layers) == {"none": 0, "shuffle + brotli": 2, "brotli + shuffle": 2}.get(press, 1)


def test_baseline_bundles(tmp_path):
    obj, meant = files.baseline(files.weights())
    source = write(tmp_path, files.PRESSES["zlib"](files.saved(obj)))
    result = import_file(source, NONE, tmp_path / "m.golf")
    same(named_tensors(load_artifact(result.path).model), meant)
    assert result.layout == "int8_clean_per_row_v1"


def test_a_quantised_file_as_checkpoint(tmp_path):
    obj, meant = files.mixed(files.weights())
    source = write(tmp_path, files.saved(obj))
    result = import_file(source, ImportChoices(form="checkpoint"), tmp_path / "c.safetensors")
    same(read_checkpoint(result.path).tensors, meant)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("form", ["plain", "banked", "nested", "wrapped", "brain"])
def test_checkpoints(tmp_path, form, legacy):
    tensors = files.weights()
    obj = {
        "plain": tensors,
        "banked": files.banked(tensors),
        "nested": {"model": tensors, "step": 5, "optimizer": {"state": {0: torch.zeros(3)}}},
        "wrapped": {f"module._orig_mod.{name}": tensor for name, tensor in tensors.items()},
        "brain": {name: tensor.bfloat16() for name, tensor in tensors.items()},
    }[form]
    meant = {name: tensor.bfloat16() for name, tensor in tensors.items()} if form == "brain" else tensors
    result = import_file(write(tmp_path, files.saved(obj, legacy), "final.pt"), NONE, tmp_path / "c.safetensors")
    same(read_checkpoint(result.path).tensors, meant)
    assert result.left_out == (["optimizer", "step"] if form == "nested" else [])


def test_safetensors_and_views_of_one_storage(tmp_path):
    tensors = files.weights()
    path = tmp_path / "m.safetensors"
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    same(read_checkpoint(import_file(path, NONE, tmp_path / "c.safetensors").path).tensors, tensors)
    both = torch.randn(2, 96, 32)
    tensors["tok_emb.weight"], tensors["blocks.1.mlp.fc.weight"] = both[1], both[0]
    tensors["blocks.0.mlp.proj.weight"] = torch.randn(96, 32).T
    source = write(tmp_path, files.saved(tensors))
    same(read_checkpoint(import_file(source, NONE, tmp_path / "d.safetensors").path).tensors, tensors)


def test_names_of_the_reference_programs(tmp_path):
    """Weights of the parity files, saved as those programs save them, fit the inferred model."""
    for case in ("model_pr549", "model_pr549_no_extras", "model_pr761"):
        stored = safetensors.torch.load_file(f"tests/fixtures/parity/{case}.safetensors")
        tensors = {name.removeprefix("weight/"): t for name, t in stored.items() if name.startswith("weight/")}
        result = import_file(write(tmp_path, files.saved(tensors)), NONE, tmp_path / "c.safetensors")
        same(read_checkpoint(result.path).tensors, tensors)


PARTS = [
    {},
    {"bigram": {"buckets": 10, "dim": 6}},
    {"smear": {}, "value_residual": {"form": "sigmoid"}},
    {"gated_smear": {"window": 5}, "value_residual": {"form": "lambda"}},
    {"value_embedding": {"dim": 4, "layers": [1, 2]}, "gated_attention": {}},
    {"sparse_gate": {"window": 7}},
    {"dense_gate": {}, "output_gate": {"window": 3}},
]


@pytest.mark.parametrize("parts", PARTS, ids=lambda parts: "+".join(parts) or "none")
@pytest.mark.parametrize("skips", ["none", "unet", "gated"])
def test_the_inferred_model_has_the_same_tensors(parts, skips):
    tied = skips != "gated"
    residual, head = {"skips": skips, "mix": tied}, {"tied": tied}
    shapes = shapes_by_name(ModelSpec.from_dict({**files.SPEC, "parts": parts, "residual": residual, "head": head}))
    inferred = infer_model(shapes, "here")
    assert shapes_by_name(ModelSpec.from_dict(inferred.values)) == shapes
    assert any("rotary" in setting for setting in inferred.assumed)


def test_a_given_model_is_taken_and_overrides_silence_assumptions(tmp_path):
    source = write(tmp_path, files.saved(files.weights()), "m.pt")
    result = import_file(source, ImportChoices(model=files.SPEC), tmp_path / "a.safetensors")
    assert result.assumed == []
    overrides = ("model.attention.rotary.dims=4", "model.feed_forward.slope=0.5")
    result = import_file(source, ImportChoices(overrides=overrides), tmp_path / "b.safetensors")
    spec = read_checkpoint(result.path).spec
    assert spec.attention.rotary.dims == 4 and spec.feed_forward.slope == 0.5
    assert not any("slope" in setting or "rotary.dims" in setting for setting in result.assumed)
    assert any("softcap" in setting for setting in result.assumed)


def test_the_tokenizer_comes_along(tmp_path, tokenizer):
    spec = {**files.SPEC, "vocab_size": tokenizer.vocab_size}
    obj, _ = files.mixed(files.weights(spec))
    model = tmp_path / "some.model"
    model.write_bytes(tokenizer.proto)
    source = write(tmp_path, files.saved(obj))
    artifact = import_file(source, ImportChoices(tokenizer=model), tmp_path / "m.golf")
    assert load_artifact(artifact.path).tokenizer.proto == tokenizer.proto
    choices = ImportChoices(tokenizer=model, form="checkpoint")
    checkpoint = import_file(source, choices, tmp_path / "c" / "c.safetensors")
    assert read_checkpoint(checkpoint.path).tokenizer == tokenizer.proto


def test_importing_twice_gives_the_same_bytes(tmp_path):
    obj, _ = files.mixed(files.weights())
    source = write(tmp_path, files.saved(obj))
    one, two = (import_file(source, NONE, tmp_path / f"{i}.golf").path.read_bytes() for i in range(2))
    assert one == two


def test_strangers_are_named_and_can_be_left_out(tmp_path):
    tensors = files.weights() | {"mtp_heads.0.weight": torch.zeros(96, 32), "odd": torch.zeros(2)}
    source = write(tmp_path, files.saved(tensors))
    with pytest.raises(CheckpointError, match=r"no place for mtp_heads.0.weight \[96, 32\], odd \[2\]"):
        import_file(source, NONE, tmp_path / "c.safetensors")
    result = import_file(source, ImportChoices(skip=("mtp_heads.*", "odd")), tmp_path / "c.safetensors")
    assert result.left_out == ["mtp_heads.0.weight", "odd"]
    with pytest.raises(UsageError, match="no tensor has such a name"):
        import_file(source, ImportChoices(skip=("nothing*",)), tmp_path / "c.safetensors")


def test_what_cannot_be_represented_is_named(tmp_path):
    obj, _ = files.mixed(files.weights())
    name = "blocks.0.mlp.fc.weight"
    cases = {
        "scales .* lose precision": {f"{name}.scale": torch.rand(96)},
        "negative or infinite": {f"{name}.scale": -torch.ones(96).half()},
        "infinite, which no": {f"{name}.scale": torch.full((96,), float("inf")).half()},
        "one scale per row": {f"{name}.scale": torch.rand(96, 2).half()},
        "is called .*int6": {f"{name}.q": torch.full((96, 32), 100, dtype=torch.int8)},
        "holds int64": {"smear.gate": torch.zeros(32, dtype=torch.long)},
        "no place for .*lqA": {f"{name}.lqA": torch.zeros(4, 4)},
    }
    for message, change in cases.items():
        source = write(tmp_path, files.saved({**obj, "w": obj["w"] | change}))
        with pytest.raises(CheckpointError, match=message):
            import_file(source, NONE, tmp_path / "m.golf")
    assert not (tmp_path / "m.golf").exists()


def test_choices_that_contradict(tmp_path):
    source = write(tmp_path, files.saved(files.weights()), "m.pt")
    with pytest.raises(UsageError, match="golfctl pack"):
        import_file(source, ImportChoices(form="artifact"), tmp_path / "m.golf")
    with pytest.raises(UsageError, match="no effect"):
        import_file(source, ImportChoices(coder="lzma:9"), tmp_path / "c.safetensors")
    with pytest.raises(UsageError, match="overwrite itself"):
        import_file(source, NONE, source)
    with pytest.raises(ConfigError, match="slope"):
        import_file(source, ImportChoices(overrides=("model.feed_forward.slop=1",)), tmp_path / "c.safetensors")
    with pytest.raises(CheckpointError, match=r"expects \[64, 32\]"):
        import_file(source, ImportChoices(overrides=("model.feed_forward.hidden=64",)), tmp_path / "c.safetensors")
    with pytest.raises(InputError, match="no such file"):
        import_file(tmp_path / "nowhere.pt", NONE, None)


def test_the_command(tmp_path, monkeypatch, capsys):
    from golfctl.cli.main import exit_code_of

    monkeypatch.chdir(tmp_path)
    obj, _ = files.mixed(files.weights())
    write(tmp_path, files.PRESSES["xz"](files.saved(obj)), "final_model.int6.ptz")
    assert exit_code_of(["import", "final_model.int6.ptz", "--json", "--set", "model.head.softcap=15.0"]) == 0
    out, err = capsys.readouterr()
    printed = json.loads(out)
    assert printed["path"] == "final_model.golf" and printed["layers"] == ["xz"]
    assert "rotary.dims" in err and "softcap" not in err
    assert exit_code_of(["inspect", "final_model.golf", "--verify"]) == 0
    assert exit_code_of(["import", "final_model.int6.ptz", "--set", "train.steps=5"]) == 2
    assert exit_code_of(["import", "absent.pt"]) == 3


def test_numbers_survive_scoring(tmp_path):
    """An imported artifact and an imported checkpoint of one file give the same logits."""
    obj, _ = files.mixed(files.weights())
    source = write(tmp_path, files.saved(obj))
    from golfctl.model.weights.names import load_named_tensors
    from golfctl.model.weights.new_model import empty_model

    loaded = load_artifact(import_file(source, NONE, tmp_path / "m.golf").path).model
    checkpoint = read_checkpoint(import_file(source, ImportChoices(form="checkpoint"), tmp_path / "c.safetensors").path)
    model = empty_model(checkpoint.spec)
    load_named_tensors(model, checkpoint.tensors)
    ids = torch.from_numpy(np.arange(40).reshape(1, 40) % 96)
    with torch.no_grad():
        assert torch.equal(model(ids), loaded(ids))
