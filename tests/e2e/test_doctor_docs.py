"""Hold the how-to pages of `doctor`, `inspect`, `init`, `discover` and `inventory` to what these do."""

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.doctor import ends, home, patient
from engine.doctor.checks import CHECKS
from plugins.lab.lab import Lab
from tests.e2e.typed import Typed
from tests.reference import DOCS

Labs = Callable[..., Lab]
CHECKING, DESCRIBING = DOCS / "how-to/check-your-site.md", DOCS / "how-to/describe-your-site.md"
SEEING = DOCS / "how-to/see-what-you-have.md"


def examples(page: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the words of each command of a page with the lines that it shows below it."""
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for command, shown in re.findall(r"^\$ certrenew (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            yield shlex.split(command), [line for line in shown.splitlines() if line != "…"]


def _undated(line: str) -> str:
    """Leave out an end and how far it is away: the lab's certificates end so many days after it was started."""
    return re.sub(r"^\d{4}-\d\d-\d\d +\d+ d", "", line)


@pytest.mark.parametrize("page", [CHECKING, DESCRIBING, SEEING])
def test_an_example_prints_what_the_page_shows(
    page: Path, labs: Labs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line shown begins a line of the output, in that order."""
    lab = labs()
    monkeypatch.chdir(lab.home)
    monkeypatch.setenv("CERTRENEW_SITE", str(lab.site_file))
    monkeypatch.setenv("CERTRENEW_HOME", str(lab.home))
    shown_at_all = 0
    for words, shown in (one for one in examples(page) if one[0][0] != "discover"):
        lines = iter(_undated(line) for line in Typed(lab, capsys).anywhere(*words)[1].splitlines())
        for wanted in shown:
            assert any(line.startswith(_undated(wanted)) for line in lines), wanted
        shown_at_all += len(shown)
    assert shown_at_all > 2


def test_the_example_of_discover_prints_what_the_page_shows(
    labs: Labs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty folder, with the lab's names and address in place of the page's."""
    lab = labs(cucm=True)
    folder = lab.home / "empty"
    shutil.copytree(lab.home / "secrets", folder / "secrets")
    shutil.copy(lab.home / "trust/boxes.pem", folder)
    monkeypatch.chdir(folder)
    ((words, shown),) = [one for one in examples(DESCRIBING) if one[0][0] == "discover"]
    address = f"https://{lab.machines['expc'].ports['https'].address}"
    names = {"https://expc.example.org": address, "certrenew": "admin"}
    typed = [names.get(word, word) for word in words]
    lines = iter(Typed(lab, capsys).anywhere(*typed, "--hostname", "expc.corp.example")[1].splitlines())
    for wanted in shown:
        assert any(line.startswith(wanted.replace("example.org", "corp.example")) for line in lines), wanted
    assert len(shown) > 5


def test_every_check_stands_on_the_page_with_its_bounds() -> None:
    """Each check of the table has a row, in its order, and the numbers on the page are those of the code."""
    text = CHECKING.read_text()
    assert re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE) == [check.name for check in CHECKS]
    mebi = 1024 * 1024
    assert f"less than {home.FULL // mebi} MiB are free" in text
    assert f"less than {home.LOW // mebi} MiB are free" in text
    assert f"less than {ends.SOON.days} days" in text
    assert (ends.SHARE, 47 // ends.SHARE) == (3, 15)
    assert f"Up to {patient.AT_ONCE} boxes" in text


def test_every_check_says_what_it_does() -> None:
    """The function behind each check has a docstring that says when it fails or warns."""
    assert all(re.match("(Fail|Warn) ", check.run.__doc__ or "") for check in CHECKS)


@pytest.mark.parametrize(("name", "least"), [("init", 8), ("discover", 6)])
def test_every_option_stands_on_its_page(name: str, least: int) -> None:
    """No question of `init` or `discover` is left unexplained."""
    from tests.reference import walk_commands

    text = DESCRIBING.read_text()
    (command,) = [command for one, command, _ in walk_commands() if one == f"certrenew {name}"]
    options = [one.opts[0] for one in command.params if one.param_type_name == "option" and one.opts[0] != "--help"]
    told = {"--cucm-user", "--engineer"}  # their help says all there is
    assert len(options) > least
    assert [one for one in options if one not in text and one not in told] == []
