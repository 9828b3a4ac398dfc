"""The reference page holds what the code has, so that neither grows old alone."""

import re
from pathlib import Path

import msgspec
import pytest

from plugins.guided import Options, pages

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "guided.md").read_text()


def test_every_setting_is_documented_with_its_default() -> None:
    """Each setting is a row of the page, with the default of the code, and a paragraph of the docstring."""
    default = Options().plain()
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.+?)` \|", PAGE, re.MULTILINE))
    assert rows == {name: msgspec.json.encode(value).decode() for name, value in default.items()}
    assert all(f"`{name}`:" in (Options.__doc__ or "") for name in default)


@pytest.mark.parametrize("page", [pages.SERVER, pages.TRUSTED_CAS, pages.RESTART, pages.ZONES])
def test_every_page_has_a_source(page: str) -> None:
    """Each menu that a step names is a row of the page, with its source and how certain it is."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {page} |"))
    assert re.search(r"\| (218034|help|administrator guide|guide)[^|]*\|[^|]*(confirmed|inferred)", row)


def test_every_field_is_documented() -> None:
    """Each field that people fill in."""
    fields = [*pages.SUBJECT.values(), "Key length", "Digest algorithm", "Common name", "Additional alternative names"]
    assert all(field.partition(" (")[0] in PAGE for field in fields)
