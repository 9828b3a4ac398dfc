"""Hold the site file to its word: what it says is what is meant, and what is wrong is named to the key."""

import tempfile
import tomllib
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import SiteError
from engine.estate import Policy
from engine.model import Json
from engine.relations import certificates_of
from engine.site import TABLES, load
from plugins.lab.estate import NODES, Place
from plugins.lab.site import site_text

GOOD = """
schema = 1

[nodes.expc]
kind = "expressway-c"
driver = "expressway"
address = "expc.example:443"
hostname = "expc.example"
username = "admin"
password = "env:EXPC"

[nodes.expe]
kind = "expressway-e"
driver = "expressway"
address = "[2001:db8::1]:8443"
hostname = "expe.example"
password = ["pass", "show", "expe"]
pin = "sha256:PIN"

[[connections]]
kind = "traversal"
client = "expc"
server = "expe"

[authorities.corp]
plugin = "manual"
roots = ["ca/root.pem"]

[certificates.expc-server]
node = "expc"
authority = "corp"

[people.ann]
name = "Ann"
uid = 1000
roles = ["change-manager"]

[[approval.rules]]
effects = ["serve"]
roles = ["change-manager"]

[observers.ops]
plugin = "mail"
events = ["approval", "fault"]
states = ["Installed"]

[windows.weekend]
zone = "Europe/London"
weekly = ["Sat 22:00 - Sun 06:00", "Tue 01:00 - 04:00"]
nodes = ["expc"]

[windows.monthly]
zone = "America/New_York"
cron = "0 22 1 * *"
hours = 8

[windows.move]
zone = "UTC"
dates = ["2026-12-05T22:00 - 2026-12-06T04:00"]

[[freezes]]
from = "2026-12-18T18:00"
until = "2027-01-04T06:00"
zone = "Europe/London"
reason = "year end"

[lead_times]
authority = 120

[clean_up]
after_days = 30
keep = ["ca/directory.pem"]
""".replace("PIN", "0f" * 32)

Site = Callable[[str], Path]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Write a site file as its owner would, and return where it is."""

    def write(text: str) -> Path:
        path = tmp_path / "certrenew.toml"
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def _error(path: Path) -> str:
    """Load a file that is wrong; return its whole message, which must name the file."""
    with pytest.raises(SiteError) as caught:
        load(path)
    assert str(path) in caught.value.what
    assert caught.value.todo
    return f"{caught.value.what.replace(str(path), 'FILE')} {caught.value.todo}"


def test_a_good_site_says_what_it_says(site: Site) -> None:
    """A complete site file loads; names come from headings, paths are relative to the file."""
    path = site(GOOD)
    estate = load(path)
    assert (estate.nodes["expc"].name, estate.people["ann"].id, estate.people["ann"].name) == ("expc", "ann", "Ann")
    assert estate.authorities["corp"].roots == [path.parent / "ca/root.pem"]
    assert estate.certificates["expc-server"].slot == "server"
    assert estate.distributions == ["certrenew"]
    assert estate.policy.rules[0].exclude == ["requester", "operator"]
    assert estate.observers["ops"].events == ["approval", "fault"]


def test_windows_freezes_and_lead_times_are_kept_as_written(site: Site) -> None:
    """Windows keep names, zones and times; freezes and lead times theirs; all but lead times bind a renewal."""
    estate = load(site(GOOD))
    assert list(estate.windows) == ["weekend", "monthly", "move"]
    assert estate.windows["weekend"].nodes == ["expc"]
    assert (estate.freezes[0].from_, estate.freezes[0].reason) == ("2026-12-18T18:00", "year end")
    assert (estate.lead_times.authority, estate.lead_times.approval) == (120, 24)
    assert (estate.clean_up.after_days, estate.clean_up.keep) == (30, [estate.file.parent / "ca/directory.pem"])
    assert estate.terms()["calendar"] == estate.calendar.plain()
    assert load(site(GOOD.replace("hours = 8", "hours = 9"))).calendar.digest != estate.calendar.digest


def test_a_publisher_in_a_window_or_freeze_means_its_cluster(site: Site) -> None:
    """A window or freeze that names a publisher is for its subscribers, too; one that names a subscriber is not."""
    boxes = "".join(
        f'[nodes.{name}]\nkind = "cucm"\ndriver = "cucm"\naddress = "{name}"\nhostname = "{name}"\n{more}\n'
        for name, more in (("pub", ""), ("sub", 'publisher = "pub"'))
    )
    text = GOOD.replace("[[connections]]", f"{boxes}\n[[connections]]")
    text = text.replace('reason = "year', 'nodes = ["sub"]\nreason = "year')
    estate = load(site(text.replace('nodes = ["expc"]', 'nodes = ["pub"]')))
    assert estate.windows["weekend"].nodes == ["pub", "sub"]
    assert estate.freezes[0].nodes == ["sub"]


def test_im_and_presence_names_the_cucm_it_belongs_to(site: Site) -> None:
    """Without a publisher no connection would reach it; one of another kind is refused, too."""
    node = '[nodes.imp]\nkind = "imp"\ndriver = "cucm"\naddress = "i"\nhostname = "i"\n'
    pub = '[nodes.pub]\nkind = "cucm"\ndriver = "cucm"\naddress = "p"\nhostname = "p"\n'
    assert "`publisher` is missing" in _error(site(GOOD.replace("[[connections]]", f"{node}\n[[connections]]")))
    wrong = GOOD.replace("[[connections]]", f'{node}publisher = "expc"\n[[connections]]')
    assert "is of kind `expressway-c`" in _error(site(wrong))
    right = load(site(GOOD.replace("[[connections]]", f'{pub}{node}publisher = "pub"\n[[connections]]')))
    assert right.nodes["imp"].publisher == "pub"


def test_without_an_approval_table_the_default_policy_holds(site: Site) -> None:
    """A site that says nothing of approvals gets the careful default; one that lists no rules gets none."""
    assert load(site("schema = 1")).policy == Policy()
    assert load(site("schema = 1\napproval.rules = []")).policy.rules == []


def test_the_labs_site_file_loads(site: Site, tmp_path: Path) -> None:
    """The site file that the lab writes, and the docs show, is a good one."""
    places = {one.name: Place(one.kind, "X15.5", one.hostname, "admin", "x", {"https": "127.0.0.1:1"}) for one in NODES}
    text = site_text(places)
    assert "there is no file" in _error(site(text))
    (tmp_path / "trust").mkdir()
    (tmp_path / "trust" / "boxes.pem").touch()
    (tmp_path / "signers").touch(mode=0o600)
    estate = load(site(text))
    assert set(estate.nodes) == {"expc", "expe"}
    assert estate.policy.unsigned_approvals


def test_a_certificate_is_shared_by_the_peers_of_a_cluster(site: Site) -> None:
    """It is for the server slot alone, and goes to every peer: relations name it for each."""
    shared = GOOD.replace('kind = "traversal"', 'kind = "cluster"', 1)
    shared = shared.replace('authority = "corp"', 'authority = "corp"\ncluster_name = "cluster.example"', 1)
    estate = load(site(shared))
    assert [one.name for one in certificates_of(estate, "expe")] == ["expc-server"]
    assert certificates_of(load(site(GOOD)), "expe") == [], "control"
    for other in ('slot = "client"', "also_client = true"):
        told = _error(site(shared.replace("cluster_name", f"{other}\ncluster_name", 1)))
        assert "for the server slot alone" in told


# ---- what is wrong, named ------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[str, str, list[str]]] = {
    "table": ("[people.ann]", "[poeple.ann]", ["no table `poeple`", "Did you mean `people`?", *TABLES]),
    "schema": ("schema = 1", "schema = 2", ["`schema` must be 1"]),
    "schema, not a number": ("schema = 1", "schema = true", ["`schema` must be 1"]),
    "no schema": ("schema = 1", "", ["`schema` must be 1"]),
    "key": ("hostname = ", "hostnam = ", ["[nodes.expc]", "no key `hostnam`", "Did you mean `hostname`?", "`address`"]),
    "own name": ("username = ", "name = ", ["[nodes.expc]", "no key `name`", "`username`"]),
    "missing": ('driver = "expressway"\n', "", ["[nodes.expc]", "`driver` is missing"]),
    "choice": ('"expressway-c"', '"expressway_c"', ["[nodes.expc]: `kind`", "mean `expressway-c`?", "`expressway-e`"]),
    "type": ("uid = 1000", 'uid = "1000"', ["[people.ann]: `uid`", "expected `int`, got `str`"]),
    "type of a choice": ('"traversal"', "3", ["[[connections]] 1: `kind`", "got `int`", "cluster, mra, neighbor"]),
    "path": ('["ca/root.pem"]', "[5]", ["[authorities.corp]: `roots[0]`", "got `int`"]),
    "home of nobody": ('"ca/root.pem"', '"~nobody-here/x"', ["`roots[0]`", "unknown account"]),
    "zero byte": ('"ca/root.pem"', '"a\\u0000b"', ["`roots[0]`", "zero byte"]),
    "rule": ("roles = [", "role = [", ["[people.ann]", "`role`", "Did you mean `roles`?"]),
    "effect": ('"serve"', '"srve"', ["[[approval.rules]] 1: `effects[0]`", "mean `serve`?", "`stage`"]),
    "event": ('"fault"', '"falt"', ["[observers.ops]: `events[1]`", "mean `fault`?", "`approval`"]),
    "observer's key": ('plugin = "mail"', 'plug = "mail"', ["[observers.ops]", "no key `plug`", "mean `plugin`?"]),
    "rule's key": ("effects", "effect", ["[[approval.rules]] 1", "no key `effect`", "`exclude`"]),
    "people of a rule": ('effects = ["serve"]', "people = 0", ["[[approval.rules]] 1", "`people`", "from 1 to"]),
    "too many people": ('effects = ["serve"]', f"people = {10**25}", ["[[approval.rules]] 1", "`people`"]),
    "address": ("expc.example:443", "https://expc.example", ["[nodes.expc]: `address`", "HOST:PORT"]),
    "port": ("expc.example:443", "expc.example:70000", ["[nodes.expc]: `address`", "HOST:PORT"]),
    "pin": ("sha256:0", "sha256:Z", ["[nodes.expe]: `pin`", "64 lower-case hex"]),
    "both": ("pin = ", 'ca = "x.pem"\npin = ', ["[nodes.expe]", "both `pin` and `ca`"]),
    "no CA file": ("pin = ", 'ca = "x.pem" #', ["[nodes.expe]: `ca`", "no file"]),
    "client": ('client = "expc"', 'client = "exp-c"', ["[[connections]] 1: `client`", "`exp-c`", "mean `expc`?"]),
    "server": ('server = "expe"', 'server = "x"', ["[[connections]] 1: `server`", "`expc`, `expe`"]),
    "node": ('node = "expc"', 'node = "x"', ["[certificates.expc-server]: `node`", "`expc`, `expe`"]),
    "authority": ('authority = "corp"', 'authority = "crop"', ["`authority`", "mean `corp`?"]),
    "role": ('effects = ["serve"]\nroles = ["ch', 'roles = ["', ["[[approval.rules]] 1: `roles`", "`change-manager`"]),
    "uid twice": ("[[approval", '[people.b]\nname = "B"\nuid = 1000\n[[approval', ["[people]", "uid 1000"]),
    "name": ("[nodes.expc]", '[nodes."exp/c"]', ["[nodes.exp/c]", "letters, digits"]),
    "long name": ("[people.ann]", f"[people.{'a' * 65}]", ["[people.aaa", "letters, digits"]),
    "tables": ("[[connections]]", "[connections]", ["`connections`", "[[connections]]"]),
    "no times": ('cron = "0 22 1 * *"\nhours = 8', "", ["[windows.monthly]: it says no times", "exactly one of"]),
    "two times": ("hours = 8", "hours = 8\nweekly = ['Tue 01:00 - 04:00']", ["`weekly` and `cron` are given"]),
    "cron without hours": ("hours = 8", "", ["[windows.monthly]: `hours`", "from 1 to 168"]),
    "hours": ("hours = 8", "hours = 169", ["[windows.monthly]: `hours`", "from 1 to 168"]),
    "cron": (
        '"0 22 1 * *"',
        '"0 22 1 * 9"',
        ["[windows.monthly]: `cron`", "`0 22 1 * 9` can't be read", "Five"],
    ),
    "cron of each minute": ('"0 22 1 * *"', '"*/5 22 1 * *"', ["[windows.monthly]: `cron`", "minute (a number)"]),
    "cron of six": ('"0 22 1 * *"', '"0 0 22 1 * *"', ["[windows.monthly]: `cron`", "Five fields"]),
    "zone": ('"America/New_York"', '"America/NewYork"', ["[windows.monthly]: `zone`", "mean `America/New_York`?"]),
    "zone, a path": ('"America/New_York"', '"../../etc/passwd"', ["[windows.monthly]: `zone`", "is no time zone"]),
    "weekly": ("Tue 01:00 -", "Tus 01:00 -", ["[windows.weekend]: `weekly[1]`", "`Sat 22:00 - Sun 06:00`"]),
    "weekly, backwards": ("Tue 01:00 - 04", "Tue 05:00 - Tue 04", ["`weekly[1]`", "ends before it begins"]),
    "dates": ("2026-12-06T04", "2026-12-04T04", ["[windows.move]: `dates[0]`", "ends before it begins"]),
    "no date": ("2026-12-06T04", "2026-13-06T04", ["[windows.move]: `dates[0]`", "`2026-13-06T04:00` is no time"]),
    "one time only": ("T22:00 - 2026-12-06T04:00", "", ["[windows.move]: `dates[0]`", "can't be read"]),
    "window's node": ('nodes = ["expc"]', 'nodes = ["expk"]', ["[windows.weekend]: `nodes`", "Allowed: `expc`"]),
    "window's key": ("weekly = ", "weakly = ", ["[windows.weekend]", "no key `weakly`", "Did you mean `weekly`?"]),
    "freeze": ('"2027-01-04T06:00"', '"2026-01-04T06:00"', ["[[freezes]] 1: `until`", "is not after `from`"]),
    "freeze, a day": ('"2027-01-04T06:00"', '"2027-01-04"', ["[[freezes]] 1: `until`", "is no time"]),
    "freeze without reason": ('reason = "year end"', "", ["[[freezes]] 1", "`reason` is missing"]),
    "lead time": ("authority = 120", "authority = -1", ["[lead_times]: `authority`", "from 0 to 8784", "hours"]),
    "lead time's key": ("authority = 120", "authorities = 1", ["[lead_times]", "Did you mean `authority`?"]),
    "soak": ("after_days = 30", "after_days = 367", ["[clean_up]: `after_days`", "from 0 to 366", "days"]),
    "clean-up's key": ("keep = ", "keeps = ", ["[clean_up]", "Did you mean `keep`?"]),
    "lead of one": (
        "roots = [",
        "lead_hours = 9000\nroots = [",
        ["[authorities.corp]: `lead_hours`", "from 0 to"],
    ),
    "shared by nobody": (
        'authority = "corp"',
        'authority = "corp"\ncluster_name = "cluster.example"',
        ["[certificates.expc-server]: `cluster_name`", "`expc` is in no cluster", '"cluster"'],
    ),
    "no name of a cluster": (
        'authority = "corp"',
        'authority = "corp"\ncluster_name = "cluster"',
        ["[certificates.expc-server]: `cluster_name`", "host name with a domain"],
    ),
    "where a shared key is kept": ("[lead_times]", "[shared_keys]\nsecrt = 'env:X'\n[lead_times]", ["mean `secret`?"]),
    "syntax": ("schema = 1", "schema = ", ["no valid TOML", "line 2"]),
    "long number": ("schema = 1", f"schema = {'9' * 5000}", ["no valid TOML"]),
    "dots": ("schema = 1", f"schema = 1\n{'a.' * 5000}a = 1", ["more than 2000 dots"]),
    "deep": ("schema = 1", f"schema = {'[' * 5000}", ["nested too deeply"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_names_file_table_key_and_what_is_allowed(name: str, site: Site) -> None:
    """One thing wrong in a good file is one error that says where it is, what it is and what would be right."""
    right, wrong, told = WRONG[name]
    assert right in GOOD
    message = _error(site(GOOD.replace(right, wrong, 1)))
    for part in told:
        assert part in message


def test_hostile_text_of_the_file_is_escaped(site: Site) -> None:
    """What stands in the file can't reach the terminal as it is."""
    message = _error(site('schema = 1\n"\\u001b[2J\\u202e" = 1'))
    assert "\x1b" not in message
    assert "\\x1b[2J\\u202e" in message


def test_a_secret_in_the_wrong_place_is_not_repeated(site: Site) -> None:
    """An error about a key says nothing of its value."""
    assert "hunter2" not in _error(site(GOOD.replace('password = "env:EXPC"', 'passwort = "hunter2"')))
    assert "hunter2" not in _error(site(GOOD.replace('"env:EXPC"', '{ secret = "hunter2" }')))


# ---- the file itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o602, 0o620, 0o666])
def test_a_file_that_others_may_write_is_refused(mode: int, site: Site) -> None:
    """A site file that group or others may write is refused, with the way to close it; read access is fine."""
    path = site(GOOD)
    path.chmod(mode)
    assert "chmod go-w" in _error(path)
    path.chmod(0o644)
    assert load(path).nodes


def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    """A missing file and a folder in its place are errors that say how to name the right one."""
    assert "--site" in _error(tmp_path / "certrenew.toml")
    assert "can't be read" in _error(tmp_path)


def test_a_file_that_is_far_too_large_is_not_read(site: Site) -> None:
    """A file of more than a mebibyte is no site file."""
    assert "larger than" in _error(site("#" * 1_048_577))
    assert load(site(GOOD + "#" * 100_000)).nodes


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    """A file in another encoding than UTF-8 is refused."""
    path = tmp_path / "certrenew.toml"
    path.write_bytes(b'schema = 1 # \xff"')
    path.chmod(0o600)
    assert "no valid TOML" in _error(path)


# ---- anything at all -----------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
KEYS = (
    st.sampled_from(
        [*TABLES, "expc", "name", "kind", "rules", "people", "ca", "pin", "tls", "uid", "roots", "options", "effects"]
    )
    | TEXT
)
SCALARS = (
    st.integers()
    | st.booleans()
    | st.floats(allow_nan=False)
    | TEXT
    | st.sampled_from(["expressway-c", "expc", "~x", "env:X", "[::1]", date(2026, 11, 23)])
)
TABLE = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(KEYS, one, max_size=4), max_leaves=12
    ),
    max_size=4,
)


def _toml(value: Json) -> str:
    """Write a value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(str(key))} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(one):08x}" for one in value) + '"'
    return str(value).lower() if isinstance(value, bool | float) else str(value)


@given(TABLE, st.sampled_from(TABLES[1:]))
@example({"expc": {"ca": "~nobody-here/x"}}, "nodes")
@example({"rules": [{"people": 2**70}]}, "approval")
@settings(max_examples=150, deadline=None)
def test_no_file_makes_it_crash(table: dict[str, Any], place: str) -> None:
    """Whatever stands in a TOML file, the answer is an estate or one clear error."""
    text = "\n".join(["schema = 1", f"{place} = {_toml(table)}"])
    tomllib.loads(text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "certrenew.toml"
        path.write_text(text)
        path.chmod(0o600)
        with suppress(SiteError):
            assert len(load(path).policy.digest) == 64
