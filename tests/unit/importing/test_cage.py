"""The whole command on hostile files: exit code 3 and one printable line, whatever is wrong."""

import json
import lzma
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from benchmarks.fuzz.zips import Item, Zip
from golfctl.cli.main import exit_code_of
from golfctl.importing import limits
from golfctl.importing.import_checkpoint import ImportChoices, import_file
from golfctl.importing.source import read_source
from golfctl.importing.torch_file import LEGACY_MAGIC
from golfctl.packing.checkpoint import read_checkpoint
from tests.patience import HANG_SECONDS
from tests.unit.importing import reference_files as files

HEAD = LEGACY_MAGIC + b"\x80\x02M\xe9\x03." + pickle.dumps({"little_endian": True}, 2)


def number(value):
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def tensor(size, stride, offset=0, storage=b"torch\nFloatStorage"):
    """Instructions for one tensor over a storage of 32 bytes."""
    key = b"(X\x07\0\0\0storagec" + storage + b"\nX\x01\0\0\x000X\x03\0\0\0cpuK\x08tQ"
    shape, steps = (b"(" + b"".join(map(number, numbers)) + b"t" for numbers in (size, stride))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + key + number(offset) + shape + steps + b"\x89}tR"


def zipped(program, storage=bytes(32)):
    return Zip([Item(b"x/data.pkl", b"\x80\x02" + program + b"."), Item(b"x/data/0", storage)]).assemble()


def legacy(program):
    return HEAD + b"\x80\x02" + program + b"." + pickle.dumps(["0"], 2) + struct.pack("<q", 8) + bytes(32)


SHAPES = {
    "100 dimensions": tensor([1] * 100, [1] * 100),
    "65 dimensions": tensor([1] * 65, [0] * 65),
    "9 dimensions": tensor([1] * 9, [1] * 9),
    "zero strides of a huge size": tensor([1 << 40, 1 << 40], [0, 0]),
    "one zero stride": tensor([1 << 30], [0]),
    "sizes whose product wraps": tensor([1 << 32, 1 << 32], [0, 0]),
    "sizes beyond 64 bits": tensor([1 << 70], [0]),
    "empty but absurd": tensor([0, 1 << 39, 1 << 39], [0, 0, 0]),
    "a negative stride": tensor([2], [-1]),
    "a negative size": tensor([-2, -4], [1, 1]),
    "a far offset": tensor([1], [1], 1 << 40),
    "an offset that wraps": tensor([1], [1], (1 << 64) + 1),
    "a far stride": tensor([2], [1 << 39]),
    "more strides than sizes": tensor([2], [1, 1]),
    "complex": tensor([2], [1], storage=b"torch\nComplexFloatStorage"),
    "an untyped storage of no type": tensor([2], [1], storage=b"torch.storage\nUntypedStorage"),
    "a type as storage": tensor([2], [1], storage=b"torch\nint8"),
    "a code asked to run": b"cposix\nsystem\nX\x02\0\0\0ls\x85R",
    "a name for a terminal": b"c\x1b[31m\nx\n",
}


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Imports a file and returns the line that came instead."""
    monkeypatch.chdir(tmp_path)

    def run(data, name="m.pt", code=3):
        (tmp_path / name).write_bytes(data)
        assert exit_code_of(["import", name]) == code
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and err[:-1].isprintable() and len(err) < 1000
        assert sorted(path.name for path in tmp_path.iterdir()) == [name]
        return err

    return run


@pytest.mark.parametrize("form", [zipped, legacy])
@pytest.mark.parametrize("kind", SHAPES)
def test_tensors_that_cannot_be(kind, form, refused):
    refused(form(b"}X\x01\0\0\0a" + SHAPES[kind] + b"s"))


def test_a_good_tensor_of_the_same_making():
    from golfctl.importing.torch_file import read_torch

    for form in (zipped, legacy):
        assert read_torch(form(b"}X\x01\0\0\0a" + tensor([2, 4], [4, 1]) + b"s"), "x")["a"].shape == (2, 4)


@pytest.mark.parametrize("form", [zipped, legacy])
def test_shapes_repeated_by_memo_do_not_add_up(form, refused):
    one = tensor([2, 4], [4, 1])
    many = b"](" + one + b"q\x00" + b"h\x00" * 5000 + b"e"
    assert "tensors" in refused(form(b"}X\x01\0\0\0a" + many + b"s"))


def test_one_storage_in_many_names_is_read_only_a_few_times(refused):
    """A megabyte named 4,000 times would be four gigabytes to look through."""
    names = b"".join(b"X\x04\0\0\0%04dh\x00" % i for i in range(4000))
    one = tensor([1 << 18], [1])
    data = zipped(b"}(X\x01\0\0\0a" + one + b"q\x00" + names + b"u", bytes(1 << 20))
    assert "repeat the same storage" in refused(data)


CODES = torch.zeros(2, 2, dtype=torch.int8)
SAVED = {
    "not a dict": [torch.zeros(2)],
    "no tensors": {"a": 1},
    "codes of three dimensions": {"w": {"a.q": torch.zeros(2, 2, 2, dtype=torch.int8), "a.scale": torch.ones(2)}},
    "codes without rows": {"w": {"a.q": torch.zeros(0, 4, dtype=torch.int8), "a.scale": torch.ones(0)}},
    "codes of a wide type": {"w": {"a.q": torch.zeros(2, 2, dtype=torch.int32), "a.scale": torch.ones(2)}},
    "scales for other rows": {"w": {"a.q": CODES, "a.scale": torch.ones(3)}},
    "scales of two dimensions": {"w": {"a.q": CODES, "a.scale": torch.ones(2, 1)}},
    "scales beyond float16": {"w": {"a.q": CODES, "a.scale": torch.tensor([1e30, 1])}},
    "scales that are NaN": {"w": {"a.q": CODES, "a.scale": torch.tensor([1, torch.nan])}},
    "scales that are text": {"w": {"a.q": CODES, "a.scale": "1"}},
    "bits that the codes exceed": {
        "w": {"a.q": CODES + 9, "a.scale": torch.ones(2)}, "m": {"a": {"type": "int3"}},
    },
    "codes without scales": {"quantized": {"a": CODES}, "scales": {}},
    "scales without codes": {"quantized": {}, "scales": {"\x1b[1m": torch.ones(2)}},
    "scales that are no dict": {"quantized": {"a": CODES}, "scales": [1]},
    "absurd bits": {
        "quantized": {"a": CODES + 99}, "scales": {"a": torch.ones(2)}, "qmeta": {"a": {"bits": 10**20}},
    },
    "a bank that is no stack": {"qo_bank": torch.zeros(3, 2)},
    "a bank of endless empty matrices": {"qo_bank": torch.zeros(0).expand(1 << 39, 0, 0)},
    "a bank of small matrices": {"mlp_up_bank": torch.zeros(300, 1, 1)},
    "a bank and its slice": {"mlp_up_bank": torch.zeros(1, 2, 2), "blocks.0.mlp.fc.weight": torch.zeros(2, 2)},
    "keys of many kinds": {"w": {"a": torch.zeros(2)}, 5: 1, None: 2, "x": 3, True: 4},
    "a bank of odd height": {"qo_bank": torch.zeros(3, 2, 2)},
    "a name for a terminal": {"\x1b[31m\u202e" * 50: torch.zeros(2)},
    "a block of 9,999 digits": {f"blocks.{'9' * 9999}.attn.c_q.weight": torch.zeros(2)},
    "blocks of other digits": {"blocks.\u0661.attn.c_q.weight": torch.zeros(2)},
    "integers": {"a": torch.zeros(2, dtype=torch.int64)},
    "float8": {"a": torch.zeros(2, dtype=torch.float8_e4m3fn)},
    "complex": {"a": torch.zeros(2, dtype=torch.complex64)},
}  # fmt: skip


@pytest.mark.parametrize("press", ["none", "zlib", "brotli"])
@pytest.mark.parametrize("kind", SAVED)
def test_layouts_that_lie(kind, press, refused):
    line = refused(files.PRESSES[press](files.saved(SAVED[kind])), "m.ptz")
    if kind in ("float8", "complex"):
        assert "tensor a holds" in line


def model_with(**changes):
    """A state dict whose model can be inferred, but for `changes`."""
    tensors = files.weights()
    for name, value in changes.items():
        tensors[name.replace("__", ".")] = value
    return files.saved(tensors)


@pytest.mark.parametrize(
    "changes",
    [
        {"bigram__embed__weight": torch.zeros(3)},
        {"bigram__embed__weight": torch.tensor(1.0)},
        {"smear_gate__weight": torch.tensor(1.0)},
        {"ve_shared__embed__weight": torch.tensor(1.0)},
        {"blocks__0__attn__attn_gate_w": torch.tensor(1.0)},
        {"blocks__999999__attn__c_q__weight": torch.zeros(2, 2)},
        {"blocks__0__attn__q_gain": torch.zeros(0)},
        {"blocks__0__mlp__fc__weight": torch.zeros(1 << 20, 0)},
        {"tok_emb__weight": torch.zeros(0, 32)},
        {"smear__gate": torch.full((32,), torch.nan)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_shapes_that_no_model_has(changes, refused):
    refused(model_with(**changes))


def test_a_float64_that_float32_cannot_hold_is_not_rounded(refused, tmp_path):
    assert "float64" in refused(model_with(smear__gate=torch.full((32,), 0.1, dtype=torch.float64)))
    source = tmp_path / "exact.pt"
    source.write_bytes(model_with(smear__gate=torch.full((32,), 0.5, dtype=torch.float64)))
    result = import_file(source, ImportChoices(), tmp_path / "c.safetensors")
    assert read_checkpoint(result.path).tensors["smear.gate"].eq(0.5).all()


@pytest.mark.parametrize("press", ["zlib", "xz", "brotli + shuffle"])
def test_safetensors_under_compression(press, tmp_path):
    data = safetensors.torch.save({name: value.bfloat16().contiguous() for name, value in files.weights().items()})
    source = tmp_path / "m.safetensors.ptz"
    source.write_bytes(files.PRESSES[press](data))
    found = read_checkpoint(import_file(source, ImportChoices(), tmp_path / "c.safetensors").path).tensors
    assert all(torch.equal(found[name], value.bfloat16().float()) for name, value in files.weights().items())


def test_arrays_are_views_whatever_their_strides(tmp_path):
    """Nothing is copied before a file is known to be good."""
    base = torch.arange(1 << 16, dtype=torch.float32).view(256, 256)
    source = tmp_path / "m.pt"
    source.write_bytes(files.saved({"a": base, "b": base.T, "c": base[:, ::2], "d": base[3].expand(2, 256)}))
    found = read_source(source).imported.floats
    assert np.array_equal(found["b"], base.T.numpy()) and np.array_equal(found["c"], base[:, ::2].numpy())
    assert all(array.base is not None and not array.flags.writeable for array in found.values())


FILES = {
    "empty": b"", "one byte": b"\0", "text": b"hello, world\n" * 20, "PNG": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "zip magic": b"PK\x03\x04", "legacy magic": LEGACY_MAGIC, "GGUF": b"GGUF" + bytes(100),
    "safetensors with a long header": (1 << 63).to_bytes(8, "little") + b'{"a":{}}',
    "an archive that is no checkpoint": Zip([Item(b"hello.txt", b"hi")]).assemble(),
    "two pickles": Zip([Item(b"a/data.pkl", b"."), Item(b"b/data.pkl", b".")]).assemble(),
    "big-endian": Zip([Item(b"x/data.pkl", b"\x80\x02}."), Item(b"x/byteorder", b"big")]).assemble(),
    "xz of nothing": lzma.compress(b""), "zlib of nothing": zlib.compress(b""),
    "zlib of text": zlib.compress(b"hello" * 100),
    "shuffled nothing": b"BSHF\x02", "shuffled by 0": b"BSHF\x00abc", "shuffled by 255": b"BSHF\xffabc",
    "shuffled by nothing": b"BSHF",
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_other_files(kind, refused):
    refused(FILES[kind])


def test_names_in_the_path_and_of_what_was_left_out_are_escaped(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "\x1b[31m.pt").write_bytes(b"nothing")
    assert exit_code_of(["import", "\x1b[31m.pt"]) == 3
    (tmp_path / "m.pt").write_bytes(files.saved({"model": files.weights(), "\x1b[31mstep\n": 5}))
    assert exit_code_of(["import", "m.pt"]) == 0
    assert "\x1b" not in capsys.readouterr().err


def checkpoint_with(tmp_path, change):
    """A checkpoint of golfctl whose header `change` made another."""
    source = tmp_path / "m.pt"
    source.write_bytes(files.saved(files.weights()))
    path = import_file(source, ImportChoices(), tmp_path / "c.safetensors").path
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    document = json.loads(data[8 : 8 + length])
    change(document)
    text = json.dumps(document).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    return path


def spec_of(document):
    return json.loads(document["__metadata__"]["golfctl"])


CHANGES = {
    "no metadata": lambda d: d.pop("__metadata__"),
    "metadata that is no JSON": lambda d: d["__metadata__"].update(golfctl="{"),
    "deep metadata": lambda d: d["__metadata__"].update(golfctl="[" * 100_000),
    "metadata of another form": lambda d: d["__metadata__"].update(golfctl="[]"),
    "absurd layers": lambda d: d["__metadata__"].update(
        golfctl=json.dumps(spec_of(d) | {"spec": spec_of(d)["spec"] | {"layers": 10**12}})
    ),
    "absurd width": lambda d: d["__metadata__"].update(
        golfctl=json.dumps(spec_of(d) | {"spec": spec_of(d)["spec"] | {"dim": 1 << 62}})
    ),
    "float8": lambda d: d["smear.gate"].update(dtype="F8_E4M3", shape=[128]),
    "six bits": lambda d: d["smear.gate"].update(dtype="F4", shape=[256]),
    "a lying shape": lambda d: d["smear.gate"].update(shape=[1 << 40]),
    "a hostile name": lambda d: d.update({"\x1b[31m": d.pop("smear.gate")}),
}


@pytest.mark.parametrize("command", ["pack", "import"])
@pytest.mark.parametrize("kind", CHANGES)
def test_checkpoints_that_lie(kind, command, tmp_path, capsys):
    path = checkpoint_with(tmp_path, CHANGES[kind])
    capsys.readouterr()
    code = exit_code_of([command, str(path), "-o", str(tmp_path / "m.golf")])
    err = capsys.readouterr().err.splitlines()
    if command == "import" and kind in ("no metadata", "metadata that is no JSON", "deep metadata",
                                        "metadata of another form", "absurd layers", "absurd width"):  # fmt: skip
        assert code == 0  # the metadata are golfctl's own; import reads shapes
        return
    assert code == 3 and err[-1].startswith("golfctl: ") and err[-1].isprintable()
    assert not (tmp_path / "m.golf").exists()


@pytest.mark.parametrize("data", [files.saved({"a": torch.zeros(2)}), zlib.compress(b"x"), b"", b"\0" * 100])
def test_pack_of_what_is_no_checkpoint(data, tmp_path, capsys):
    path = tmp_path / "m.pt"
    path.write_bytes(data)
    assert exit_code_of(["pack", str(path)]) == 3
    assert capsys.readouterr().err.splitlines()[-1].isprintable()


def test_documented_limits():
    """docs/import.md says what importing_limits says."""
    from pathlib import Path

    text = (Path(__file__).parents[3] / "docs" / "import.md").read_text(encoding="utf-8")
    for figure in (
        f"{limits.PICKLE_INSTRUCTIONS:,} instructions", f"{limits.PICKLE_BYTES >> 20} MiB",
        f"{limits.NODES:,} values", f"{limits.DEPTH} deep", f"{limits.TENSORS:,} tensors",
        f"{limits.DIMENSIONS} dimensions", f"{limits.ZIP_ENTRIES:,} entries",
        f"{limits.COMPRESSED_BYTES >> 20} MiB", f"{limits.UNPACKED_EXTRA_BYTES >> 20} MiB",
        f"{limits.DECODER_BYTES >> 20} MiB", f"{limits.REPEATED} times",
    ):  # fmt: skip
        assert figure in text, figure


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of memory")
@pytest.mark.parametrize("press", ["zlib", "xz", "zstd", "brotli"])
def test_bombs_at_full_size_in_a_process_of_their_own(press, tmp_path):
    """300 MB from a few kilobytes: refused within 512 MB over the file, by the peak of the process's own memory."""
    import subprocess
    import sys

    path = tmp_path / "bomb.ptz"
    path.write_bytes(files.PRESSES[press](bytes(300 << 20)))
    code = "import sys; from golfctl.cli.main import exit_code_of; code = exit_code_of(['import', sys.argv[1]])\n"
    code += "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    code += "sys.exit(code)"  # what `getrusage` says of a child includes the memory of the process that forked it
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.returncode == 3 and done.stderr.count("\n") == 1
    assert int(done.stdout) * 1024 < path.stat().st_size + (512 << 20)


def test_text_of_a_lone_surrogate_is_refused(refused):
    assert "pickle" in refused(zipped(b"}X\x03\0\0\0\xed\xa0\x80Ns"))
