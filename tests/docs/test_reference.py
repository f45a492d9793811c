"""Pages that are generated stay current; every command is documented."""

from pathlib import Path

import pytest

from golfctl.cli.main import COMMANDS
from golfctl.cli.reference import reference

ROOT = Path(__file__).parents[2]


def test_the_command_reference_is_current():
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m golfctl.cli.reference > docs/cli.md"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_stands_in_the_readme_or_docs(name):
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    assert any(f"golfctl {name}" in page.read_text(encoding="utf-8") for page in pages if page.name != "cli.md")
