"""Hold the example distribution to what the how-to says: built, installed beside the application, allowed, used."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from test_cfssl import KEY, Server, server

from engine.testing import Relay
from engine.testing.situations import Situations
from tests.programs import needs

__all__ = ["server"]  # a fixture

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs/examples/certrenew-cfssl"
PAGE = ROOT / "docs/how-to/write-an-authority.md"


def _run(*command: object, cwd: Path | None = None, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def _done(*command: object, cwd: Path | None = None) -> str:
    done = _run(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the example, as an author has it."""
    copy = tmp_path_factory.mktemp("author") / EXAMPLE.name
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return copy


@pytest.fixture(scope="module")
def environment(example: Path) -> Path:
    """Return the programs of a fresh environment with both wheels; what they need is taken from this one's packages."""
    wheels, fresh = example.parent / "wheels", example.parent / "environment"
    for project in (ROOT, example):
        _done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, cwd=project)
    assert len(list(wheels.iterdir())) == 2
    venv.create(fresh, with_pip=False, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--python", fresh / "bin/python", "--disable-pip-version-check")
    _done(*pip, "install", "--quiet", "--no-index", "--no-deps", *wheels.iterdir())
    packages = next(fresh.glob("lib/python*/site-packages"))
    (packages / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for module in ("engine", "certrenew_cfssl"):
        found = _done(fresh / "bin/python", "-c", f"print(__import__('{module}').__file__)", cwd=fresh)
        assert Path(found).is_relative_to(packages), "it is the wheel that is used"
    return fresh / "bin"


class Shell:
    """Type commands of the fresh environment beside a lab."""

    def __init__(self, programs: Path, home: Path) -> None:
        self.programs, self.home = programs, home
        self.site = home / "certrenew.toml"

    def __call__(self, *words: str, expect: int = 0) -> str:
        """Run one command; return what it printed on both streams, in one line."""
        done = _run(self.programs / "certrenew", *words, CERTRENEW_HOME=str(self.home), CERTRENEW_SITE=str(self.site))
        told = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == expect, told
        return told

    def type(self, *lines: str) -> str:
        """Type lines into one shell that stops at the first that fails; return what went to standard output."""
        script = "\n".join(["set -e", f'export PATH="{self.programs}:$PATH"', *lines])
        return _done("bash", "-c", script, cwd=self.home.parent)

    def use_cfssl(self, server: Server, *, allowed: bool = True, address: str = "address") -> None:
        """Put the site's corporate CA behind the server."""
        text = self.site.read_text()
        head = '[plugins]\ndistributions = ["certrenew-cfssl"]\n' if allowed else ""
        text = re.sub(r"(\[plugins\]\n.*?\n)?(?=\[)", lambda _: head, text, count=1, flags=re.DOTALL)
        options = {address: server.address, "ca": str(server.ca), "key": "file:secrets/cfssl"}
        lines = [f"{key} = {json.dumps(value)}" for key, value in options.items()]
        table = ["[authorities.corporate]", 'plugin = "cfssl"', f'roots = ["{server.ca}"]']
        new = "\n".join([*table, "[authorities.corporate.options]", *lines, "", ""])
        pattern = r"\[authorities\.corporate\]\n.*?(?=\n\[(?!authorities\.corporate)|\Z)"
        self.site.write_text(re.sub(pattern, lambda _: new, text, flags=re.DOTALL))
        (self.home / "secrets/cfssl").write_text(KEY)
        (self.home / "secrets/cfssl").chmod(0o600)


def test_the_example_passes_the_class_where_it_is_installed(environment: Path, example: Path) -> None:
    """Its own tests pass in the fresh environment, nothing is left unprovided, and what CFSSL can't do is declared."""
    needs("cfssl")
    told = _done(environment / "python", "-m", "pytest", "-p", "no:cacheprovider", cwd=example)
    assert re.search(r"\d\d passed, \d skipped", told)
    assert "not provided" not in told
    assert "not applicable: CFSSL signs at once" in " ".join(told.split())


def test_the_how_to_leads_to_a_certificate(environment: Path, tmp_path: Path, server: Server) -> None:
    """Its commands, typed as they stand with the site edited on the way, have a box's CSR signed by CFSSL.

    Not before the site allows the distribution; a wrong option is named with what is allowed; where CFSSL's answer is
    lost nothing is sent again until a person says so.
    """
    needs("cfssl")
    lines = re.findall(r"^    \$ ((?:export|certrenew) .*)$", PAGE.read_text(), re.MULTILINE)
    export, up, *rest = lines
    assert (rest[0], rest[-1]) == ("certrenew plugins", "certrenew lab down")
    shell = Shell(environment, tmp_path / "lab")
    try:
        listed = [shell.type(export, up, rest[0])]
        shell.use_cfssl(server, allowed=False)
        shell("start", "expe-server")
        assert "`plugin` can't be `cfssl`" in shell("advance", "expe-server", "--until", "Signed", expect=2)
        shell.use_cfssl(server, address="adress")
        wrong = shell("advance", "expe-server", "--until", "Signed", expect=2)
        assert "there is no key `adress`" in wrong
        assert "Did you mean `address`? Allowed: `address`, `ca`, `key`, `profile`." in wrong
        _lose_the_answer(shell, server)
        shell.use_cfssl(server)
        told = shell.type(export, *rest[1:-1])
    finally:
        shell.type(export, rest[-1])
    listed.append(told)
    assert [re.findall(r"^ *cfssl .*(yes|no): .*$", text, re.MULTILINE) for text in listed] == [["no"], ["yes"]]
    assert "Validated" in told
    assert "CFSSL for tests" in told, "the plan names its CA"
    kept = "".join(path.read_text(errors="replace") for path in shell.home.glob("renewals/**/*") if path.is_file())
    assert kept
    assert KEY not in kept


def _lose_the_answer(shell: Shell, server: Server) -> None:
    with Relay(lambda sent: True) as relay:
        relay.lead_to(server.address, server.ca)
        shell.use_cfssl(Server(relay.address, relay.ca))
        relay.mode = "swallow"
        assert "did not answer" in shell("advance", "expe-server", "--until", "Signed", expect=5)
        for _ in range(2):
            assert "is uncertain: no answer came" in shell("advance", "expe-server", "--until", "Signed", expect=3)
        assert len(relay.submissions) == 1
        relay.mode = "forward"
        shell("confirm", "expe-server", "--not-there")
        shell("advance", "expe-server", "--until", "Signed")
        assert len(relay.submissions) == 2


def _bare(text: str) -> str:
    """Return the lines of code without indentation and empty lines, as a page and a file may differ in these."""
    return "".join(f"{line.strip()}\n" for line in text.splitlines() if line.strip())


def test_the_code_of_the_how_to_is_the_examples() -> None:
    """Each block of code on the page stands, line by line, in a file of the example; each method is told."""
    blocks = re.findall(r"^```(?:python|toml)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    files = [_bare(path.read_text()) for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml", ".md")]
    assert len(blocks) >= 7
    assert [block for block in blocks if not any(_bare(block) in file for file in files)] == []
    told = PAGE.read_text()
    provided = [name for name, one in vars(Situations).items() if callable(one) and not name.startswith(("_", "test_"))]
    assert [name for name in provided if f"`{name}`" not in told] == []


def test_the_application_does_not_know_the_example() -> None:
    """Nothing that is shipped names it."""
    sources = [path for package in ("engine", "plugins", "workflows") for path in (ROOT / package).rglob("*.py")]
    assert len(sources) > 50
    assert [path for path in sources if "certrenew_cfssl" in path.read_text()] == []
