"""Hold the pages to the command line: commands, options and unit files are what they should be."""

import configparser
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.reference import DOCS, walk_commands

ROOT = DOCS.parent
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("README.md")), *sorted(DOCS.glob("*/*.md"))]
PAGES.remove(DOCS / "reference/commands.md")  # made from the commands themselves
UNATTENDED = DOCS / "how-to/run-unattended.md"
PEOPLE = {
    "UC engineer": "describe-your-site.md",
    "PKI team": "sign-a-request.md",
    "change manager": "approve-a-plan.md",
    "on call": "when-something-goes-wrong.md",
    "author of a plugin": "write-an-authority.md",
}


@cache
def known() -> dict[str, tuple[set[str], int]]:
    """Return the options of each command, and of how many words its arguments are at least."""
    globals_ = {"--site", "--home", "--help", "-h", "--install-completion", "--show-completion"}
    found = {}
    for name, command, _ in walk_commands():
        options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
        needed = sum(one.required for one in command.params if one.param_type_name == "argument")
        found[name] = (options | globals_, needed)
    return found


def commands(text: str) -> Iterator[str]:
    """Yield every command that a page tells somebody to type: in blocks, after a prompt, in a unit or in a sentence."""
    yield from re.findall(r"^(?: {4,}|\$ | {4,}\$ )(certrenew(?: .*)?)$", text, re.MULTILINE)
    yield from re.findall(r"(?:ExecStart=|\* )\S*/(certrenew .*)$", text, re.MULTILINE)
    yield from (" ".join(one.split()) for one in re.findall(r"`(certrenew [^`]+)`", text))


def faults(line: str) -> list[str]:
    """Say what of a command the command line does not have."""
    words = shlex.split(line.partition("  #")[0].replace("…", ""), comments=True)
    while len(words) > 1 and words[1] in ("--site", "--home"):
        del words[1:3]
    depth = 3 if words[:2] == ["certrenew", "lab"] and len(words) > 2 else 2
    name = " ".join(words[:depth]) if len(words) > 1 and not words[1].startswith("-") else "certrenew"
    if name not in known():
        return [f"no command: {name}"]
    return [
        word for word in words if word.startswith("-") and word.partition("=")[0] not in known()[name][0] | {"--", "-"}
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_says_to_type_can_be_typed(page: Path) -> None:
    """Each command of each page is there, with each of its options."""
    wrong = {line: found for line in commands(page.read_text()) if (found := faults(line))}
    assert wrong == {}


def test_a_wrong_command_would_be_found() -> None:
    """Control: commands are seen wherever they stand, and a misspelt one or an unknown option is told."""
    text = "    $ certrenew rum x\n\nType `certrenew run x\n--wiat`.\n\nExecStart=/opt/bin/certrenew watch --often\n"
    assert [faults(line) for line in commands(text)] == [["no command: certrenew rum"], ["--often"], ["--wiat"]]
    assert faults("certrenew --site mine.toml doctor expc") == []
    assert sum(len(list(commands(page.read_text()))) for page in PAGES) > 200


@pytest.mark.parametrize("who", PEOPLE)
def test_each_person_has_a_page(who: str) -> None:
    """The index names a page for each person of the team."""
    row = next(line for line in (DOCS / "README.md").read_text().splitlines() if line.startswith("|") and who in line)
    assert f"(how-to/{PEOPLE[who]})" in row


def test_the_first_screen_answers() -> None:
    """The README says within 24 lines what it is, who it is for and what it will never do."""
    screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:24])
    assert screen.index("renews the certificates of Cisco Expressway") < screen.index("**It is for**")
    assert screen.index("**It is for**") < screen.index("**It will never**") < screen.index("- keep a password")


# ---- the units -----------------------------------------------------------------------------------------------------


def _units() -> dict[str, str]:
    """Return the unit files of the page by name."""
    found = re.findall(
        r"^`\S*/(certrenew\.\w+)`:\n\n```ini\n(.*?)^```", UNATTENDED.read_text(), re.MULTILINE | re.DOTALL
    )
    return dict(found)


def _option(unit: str, section: str, key: str) -> str:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(_units()[unit])
    return parsed[section][key]


def test_the_units_belong_together() -> None:
    """The timer starts the service of its name, which makes one pass and is not cut off."""
    assert set(_units()) == {"certrenew.service", "certrenew.timer"}
    assert shlex.split(_option("certrenew.service", "Service", "ExecStart"))[1:] == ["watch", "--once"]
    assert _option("certrenew.service", "Service", "Type") == "oneshot"
    assert _option("certrenew.service", "Service", "TimeoutStartSec") == "infinity"
    assert _option("certrenew.timer", "Install", "WantedBy") == "timers.target"


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Of systemd itself: it finds nothing to complain of in them, and does in one with a misspelt setting."""
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("systemd-analyze is not installed")
    assert _verified(verifier, tmp_path, _units()) == []
    wrong = {name: text.replace("UMask", "UMsak") for name, text in _units().items()}
    assert any("UMsak" in line for line in _verified(verifier, tmp_path, wrong)), "control"


def _verified(verifier: str, folder: Path, units: dict[str, str]) -> list[str]:
    """Have systemd read the units; return what it says of them, without what this machine lacks."""
    for name, text in units.items():
        # The program and the account of the page are not on this machine.
        text = re.sub(r"/opt/\S+/certrenew", shutil.which("true") or "/bin/true", text).replace(
            "User=certrenew", "User=root"
        )
        (folder / name).write_text(text)
    done = subprocess.run(
        [verifier, "verify", *(str(folder / name) for name in units)], capture_output=True, text=True, check=False
    )
    return [line for line in done.stderr.splitlines() if "certrenew." in line]
