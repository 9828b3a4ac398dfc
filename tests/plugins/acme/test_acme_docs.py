"""The pages about acme fit the code."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from engine.settings import convert
from plugins.acme import Options
from plugins.acme.key import MAKE

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "reference" / "acme.md"
HOW_TO = DOCS / "how-to" / "renew-with-acme.md"


def test_every_setting_stands_on_the_page() -> None:
    """The table names each setting, and none that there is not."""
    rows = [line.split("|")[1] for line in PAGE.read_text().splitlines() if re.match(r"\| `\w+`.* \| .* \| ", line)]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} >= {
        field.name for field in msgspec.structs.fields(Options)
    }


@pytest.mark.parametrize("page", [PAGE, HOW_TO])
def test_the_examples_can_be_used(page: Path) -> None:
    """Each example of a site file that is whole becomes settings."""
    examples = [tomllib.loads(one) for one in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)]
    whole = [
        one["authorities"]["corporate"]["options"] for one in examples if "plugin" in one["authorities"]["corporate"]
    ]
    assert whole
    for table in whole:
        assert convert(table, Options, "example").directory.startswith("https://")


def test_the_command_that_makes_a_key_is_the_one_of_the_messages() -> None:
    """Message, reference and how-to say the same."""
    assert MAKE in PAGE.read_text()
    assert MAKE in HOW_TO.read_text()
