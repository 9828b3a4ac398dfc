"""The reference page holds what the code has, so that neither grows old alone."""

import re
from pathlib import Path

import msgspec
import pytest

from plugins.adcs import Options, wire
from plugins.lab.adcs.ca import TEMPLATE

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "reference" / "adcs.md").read_text()
GUIDE = (DOCS / "how-to" / "renew-with-ad-cs.md").read_text()


def test_every_setting_is_documented_with_its_default() -> None:
    """Each setting is a row of the page with its default, and a paragraph of the docstring."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:`(.+?)` )?\|", PAGE, re.MULTILINE))
    fields = msgspec.structs.fields(Options)
    shown = {one.name: "" if one.required else msgspec.json.encode(one.default).decode() for one in fields}
    assert rows == shown
    assert all(f"`{one.name}`:" in (Options.__doc__ or "") for one in fields)


@pytest.mark.parametrize(
    "word", [wire.SUBMIT, "certnew.cer", "certnew.p7b", "locDenied", "locInfoReqID", "locDispLabel", "locMSCertSrv"]
)
def test_everything_relied_on_is_documented(word: str) -> None:
    """Each path and each element that the reader looks for stands on the page with its certainty."""
    row = next(line for line in PAGE.splitlines() if line.startswith("|") and word in line)
    assert re.search(r"\| (seen|confirmed|inferred)", row)


def test_the_guide_can_be_typed() -> None:
    """Its commands name switches, template and numbers that the lab has."""
    assert "adcs.decision=manager" in GUIDE
    assert "certrenew lab issue 83" in GUIDE
    assert f'template = "{TEMPLATE}"' in GUIDE
