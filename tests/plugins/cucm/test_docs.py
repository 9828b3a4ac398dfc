"""The reference page holds what the code has, so that neither grows old alone."""

import re
from pathlib import Path

import msgspec

from plugins.cucm import Options, soap, wire

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "cucm.md").read_text()
SETTINGS = PAGE.partition("## Driver settings")[2]


def test_every_setting_is_documented_with_its_default() -> None:
    """Each setting is a row of the page, with the default of the code, and a paragraph of the docstring."""
    default = Options().plain()
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.+?)` \|", SETTINGS, re.MULTILINE))
    assert rows == {name: msgspec.json.encode(value).decode() for name, value in default.items()}
    assert all(f"`{name}`:" in (Options.__doc__ or "") for name in default)


def test_every_request_is_documented() -> None:
    """No path, operation, store or reason code is used that the page does not name."""
    for path in (wire.SNAPSHOT, wire.TRUST, wire.UPLOAD, soap.PATH):
        assert path in SETTINGS
    for word in (soap.STATUS, soap.CONTROL, soap.NAMESPACE, *wire.STORES, *map(str, wire.SUCCESS)):
        assert word in PAGE
    assert "Exceeded allowed rate" in PAGE
    assert all(f"{code}" in PAGE for code in soap.REASONS)
