import pytest

from golfctl.core.identifiers import Identifier
from golfctl.core.table import Table
from golfctl.errors import ArtifactError, UsageError


def test_rows_are_imported_on_use():
    table = Table("thing", {"sha": "golfctl.core.canonical:sha256_bytes"})
    assert list(table) == ["sha"] and table["sha"](b"").startswith("e3b0c442")


def test_a_miss_suggests_or_lists():
    table = Table("coder", {"lzma/1": "a:b", "zstd/1": "a:c"})
    with pytest.raises(UsageError, match="unknown coder 'lzmma/1'; did you mean 'lzma/1'"):
        table.find("lzmma/1")
    with pytest.raises(ArtifactError, match="known: lzma/1, zstd/1"):
        table.find("???", ArtifactError)


def test_identifiers():
    assert Identifier.parse("int6-row/1") == ("int6-row", 1) and str(Identifier("a", 2)) == "a/2"
    for bad in ("int6", "Int6/1", "a/0", "a/01", "a//1", "-a/1", "../a/1"):
        with pytest.raises(ValueError):
            Identifier.parse(bad)
