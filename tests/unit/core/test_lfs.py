"""git-LFS pointers are named as such wherever a file is read that may be one."""

import pytest

from golfctl.artifact import open_artifact, read_artifact
from golfctl.cli.main import exit_code_of
from golfctl.core.files import read_bytes
from golfctl.core.lfs import LfsPointerError, refuse_pointer
from golfctl.data.shards import token_count
from golfctl.packing.checkpoint import read_safetensors
from golfctl.packing.unpack import load_artifact

OID = b"oid sha256:" + b"4d" * 32 + b"\n"
HEAD = b"version https://git-lfs.github.com/spec/v1\n"
POINTER = HEAD + OID + b"size 15900000\n"


@pytest.mark.parametrize(
    "data",
    [
        POINTER,
        POINTER.replace(b"\n", b"\r\n"),
        HEAD + b"ext-0-foo sha256:" + b"ab" * 32 + b"\n" + OID + b"size 15900000\n",
        b"version https://hawser.github.com/spec/v1\n" + OID + b"size 15900000\n",
    ],
)
def test_every_form_of_a_pointer_is_known_with_its_size(data):
    with pytest.raises(LfsPointerError, match=r"of 15,900,000 bytes: run `git lfs pull`"):
        refuse_pointer(data, "m.golf")


@pytest.mark.parametrize(
    "data", [b"", HEAD, HEAD + OID, POINTER + b"x", b" " + POINTER, HEAD + b"k v\n" * 300 + b"size 1\n", b"size 1\n"]
)
def test_what_is_no_pointer_passes(data):
    refuse_pointer(data, "m.golf")


@pytest.mark.parametrize("read", [open_artifact, load_artifact, read_bytes, token_count, read_safetensors])
def test_every_reader_names_it(read, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(POINTER)
    with pytest.raises(LfsPointerError, match="file: this is a git-LFS pointer") as caught:
        read(path)
    assert caught.value.details == {"object_bytes": 15_900_000}


def test_bytes_of_an_artifact_too():
    with pytest.raises(LfsPointerError, match="artifact: this is"):
        read_artifact(POINTER)


@pytest.mark.parametrize("command", [["inspect"], ["import"], ["inspect", "--source"]])
def test_every_command_that_reads_an_artifact_ends_with_3(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.golf").write_bytes(POINTER)
    assert exit_code_of([*command, "m.golf"]) == 3
    assert "m.golf: this is a git-LFS pointer for an object of 15,900,000 bytes" in capsys.readouterr().err
