"""The reference page holds what the code has, so that neither grows old alone."""

import re
from pathlib import Path

import msgspec

from plugins.est import Options, wire
from tests.plugins.est.server import CACERTS, CSRATTRS, ENROL

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "est.md").read_text()


def test_every_setting_is_documented_with_its_default() -> None:
    """Each setting is a row of the page, with the default of the code, and a paragraph of the docstring."""
    rows = dict(re.findall(r"^\| `(\w+)` \| `?(.+?)`? \|", PAGE.partition("## Settings")[2], re.MULTILINE))
    default = msgspec.to_builtins(Options(url="needed"))
    assert rows == {
        name: value if name == "url" else msgspec.json.encode(value).decode() for name, value in default.items()
    }
    assert all(f"`{name}`:" in (Options.__doc__ or "") for name in default)


def test_requests_and_bounds_are_documented() -> None:
    """Each operation that is used stands on the page, and so do the bounds that are our own choice."""
    for _, path in (CACERTS, CSRATTRS, ENROL):
        assert path.rpartition("/")[2] in PAGE
    assert (wire.LONGEST, wire.USUAL, wire.SHOWN) == (86400, 600, 300)
    for words in ("longer than a day", "10 minutes", "300 characters", "4 MiB"):
        assert words in PAGE
