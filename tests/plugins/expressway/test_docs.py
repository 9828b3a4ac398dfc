"""The reference page holds what the code has, so that neither grows old alone."""

import re
from pathlib import Path

import msgspec
import pytest

from engine.model import Value
from plugins import expressway, manual
from plugins.expressway import wire
from plugins.expressway.limits import FIELDS
from plugins.expressway.survey import PARTS, USES

DOCS = Path(__file__).parents[3] / "docs" / "reference"
PAGE = (DOCS / "expressway.md").read_text()


@pytest.mark.parametrize(("options", "page"), [(expressway.Options, "expressway"), (manual.Options, "manual")])
def test_every_setting_is_documented_with_its_default(options: type[Value], page: str) -> None:
    """Each setting is a row of the page, with the default of the code, and a paragraph of the docstring."""
    text = (DOCS / f"{page}.md").read_text()
    default = options().plain()
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.+?)` \|", text, re.MULTILINE))
    assert rows == {name: msgspec.json.encode(value).decode() for name, value in default.items()}
    assert all(f"`{name}`:" in (options.__doc__ or "") for name in default)


def test_every_path_and_text_is_documented() -> None:
    """No request is sent, and no answer is taken as success, that the page does not name with its certainty."""
    own = (wire.STATUS, wire.RAML, wire.CSR, wire.SERVER, wire.ROOT, wire.RESTART, wire.DNS)
    for path in (*own, *(part.path for part in PARTS)):
        assert f"{path}`" in PAGE
    known = {text for texts in wire.SUCCESS.values() for text in texts if text} | {wire.CONFLICT}
    assert all(f"`{text}`" in PAGE for text in known)
    assert all(f"`{field}`" in PAGE for field in [*FIELDS.values(), "Additional_FQDNS", *USES])


def test_headings_that_the_code_names_exist() -> None:
    """A comment that points at a heading of the page points at one that is there."""
    headings = set(re.findall(r"^## (.+)$", PAGE, re.MULTILINE))
    named = set(re.findall(r'\("(Answers|Uploads|Writes|[A-Z]\w+)"\)\.?"""', Path(wire.__file__).read_text()))
    assert named >= {"Answers", "Uploads", "Writes"}
    assert named <= headings


def test_every_source_is_listed_and_used() -> None:
    """A short name in brackets is one of the sources at the end, and none of those is idle."""
    body, _, listed = PAGE.partition("## Sources")
    sources = set(re.findall(r"^\| ([A-Z0-9]+) \|", listed, re.MULTILINE))
    used = {
        word for brackets in re.findall(r"\(([^()]*)\)", body) for word in re.findall(r"\b[A-Z][A-Z0-9]+\b", brackets)
    }
    assert used - {"URI", "IP", "CSR", "RFC", "MRA", "FQDN"} == sources
