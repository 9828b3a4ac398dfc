"""What the pages say is what happens: their configurations run, their settings are taken, their messages exist."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from engine.contracts import Office, Solver
from engine.errors import Refused
from engine.registry import Registry
from engine.settings import convert
from plugins.lexicon import Options as LexiconOptions
from plugins.rfc2136 import Options, connect
from plugins.rfc2136.wire import MEANINGS
from tests.nameservers import bind, knot, zone_file
from tests.plugins.rfc2136 import NOW
from tests.programs import needs

DOCS = Path(__file__).parents[3] / "docs"
HOW_TO = (DOCS / "how-to" / "prove-names-by-dns.md").read_text()
REFERENCE = (DOCS / "reference" / "dns.md").read_text()
NAME = "_acme-challenge.expe.corp.example"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", HOW_TO, re.MULTILINE | re.DOTALL)


RFC2136, VIEWS, LEXICON = (tomllib.loads(block) for block in _blocks("toml"))


@pytest.fixture
def key(tmp_path: Path) -> tuple[str, str]:
    """Make a key as the page does; return the server's configuration of it and the secret alone."""
    command = next(line for line in HOW_TO.splitlines() if line.startswith("$ tsig-keygen"))
    arguments = command.removeprefix("$ ").partition(" > ")[0].split()
    made = subprocess.run([needs(arguments[0]), *arguments[1:]], capture_output=True, text=True, check=True).stdout
    return made, re.findall(r'secret "(.+)"', made)[0]


def _solver(address: str, secret: str) -> Solver:
    """Make the solver from the page's settings, but for where the server is."""
    given = RFC2136["authorities"]["public"]["options"]["solver_options"]
    options = convert({**given, "server": address, "resolver": [address], "nameservers": [address]}, Options, "page")
    return connect(Office("public", lambda: NOW, secret={"file:acme-dns.key": secret}.__getitem__), options)  # type: ignore[arg-type]


def _goes_round(solver: Solver) -> None:
    solver.present(NAME, "v")
    assert solver.missing_on(NAME, "v") == []
    solver.remove(NAME, "v")
    assert solver.missing_on(NAME, "v")


def _here(snippet: str, folder: Path) -> str:
    return re.sub(r"/(var/lib/bind|etc/bind|var/lib/knot)\b", str(folder), snippet)


def test_the_configuration_of_bind_works(key: tuple[str, str], tmp_path: Path) -> None:
    """With the page's BIND and the page's settings a value comes and goes; another name is refused."""
    zone_file(tmp_path, "corp.example")
    (tmp_path / "certrenew.key").write_text(key[0])
    with bind(tmp_path, _here(_blocks("named")[0], tmp_path)) as server:
        solver = _solver(server.address, key[1])
        _goes_round(solver)
        with pytest.raises(Refused):
            solver.present("_acme-challenge.expc.corp.example", "v")


def test_the_configuration_of_knot_works(key: tuple[str, str], tmp_path: Path) -> None:
    """So it is with Knot."""
    shutil.move(zone_file(tmp_path, "corp.example"), tmp_path / "corp.example.zone")
    configuration = _here(_blocks("knot")[0], tmp_path).replace('"SECRET"', key[1])
    with knot(tmp_path, configuration) as server:
        _goes_round(_solver(server.address, key[1]))


def test_the_alias_works(key: tuple[str, str], tmp_path: Path) -> None:
    """With the alias the value goes into the zone for validation, though the zone itself takes no updates."""
    zone_file(tmp_path, "corp.example", _blocks("zone")[0])
    zone_file(tmp_path, "validation.example")
    fixed = 'zone "corp.example" { type primary; file "corp.example.zone"; };\n'
    with bind(tmp_path, key[0] + fixed + _here(_blocks("named-validation")[0], tmp_path)) as server:
        _goes_round(_solver(server.address, key[1]))


def _settings(page: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = page["authorities"]["public"]["options"]
    assert options["solver"] in Registry().solvers
    return dict(options["solver_options"])


def test_the_settings_on_the_page_are_taken() -> None:
    """Each example converts as a site file's table does."""
    assert convert({**_settings(RFC2136), **VIEWS}, Options, "page").nameservers == VIEWS["nameservers"]
    assert convert(_settings(LEXICON), LexiconOptions, "page").credentials == {"auth_token": "file:pdns.token"}


def test_every_code_is_documented() -> None:
    """Each answer of a server that has words of its own stands on the reference page."""
    rows = " ".join(line.split("|")[1] for line in REFERENCE.splitlines() if line.startswith("| `"))
    assert [code for code in MEANINGS if f"`{code}`" not in rows] == []


def test_every_message_of_the_how_to_exists() -> None:
    """Each message in its last table is one that the code can give."""
    rows = re.findall(r"^\| (.+?) \| ", HOW_TO.partition("## When it does not work")[2], re.MULTILINE)[1:]
    sources = "".join(
        path.read_text() for path in (DOCS.parent / "engine/zones.py", DOCS.parent / "plugins/rfc2136/wire.py")
    )
    words = [re.sub(r" of NAME| NAME$|^`.*\(|\)`$| the key\b.*", "", row) for row in rows if not row.startswith("-")]
    assert len(words) > 6
    assert [one for one in words if one not in sources and one.partition(",")[0] not in sources] == []
