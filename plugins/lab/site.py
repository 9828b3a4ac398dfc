"""Write what a lab leaves in its home: the site file, lab.json, secrets (0600, folders 0700) and CA certificates."""

import json
import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import filelock

from engine.errors import UsageError
from engine.model import Json
from engine.text import escape
from plugins.lab import shared
from plugins.lab.authority import CorporateCA, pem
from plugins.lab.estate import PEOPLE, Place
from plugins.lab.files import write_private
from plugins.lab.keys import key_of, write_keys
from plugins.lab.offices import Office

SITE = "certrenew.toml"
DESCRIPTION = "lab.json"
TOKEN = "secrets/control-token"
LOCK = "lab.lock"

MARK = "# Written by certrenew lab"
"""First words of a site file that the lab may write over."""


def claim(home: Path) -> filelock.BaseFileLock:
    """Make `home` this lab's own for as long as the lock is held. Raises UsageError when it can't be."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_safe(home)
    held = lock(home)
    try:
        held.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UsageError(
            f"A lab is already running in {escape(home)}.",
            untouched="It goes on running, nothing was written.",
            todo=f"Stop it with: certrenew lab down --home {escape(home)}",
        ) from error
    _check_ours(home, held)
    (home / DESCRIPTION).unlink(missing_ok=True)
    return held


def lock(home: Path) -> filelock.BaseFileLock:
    """Return the lock that a running lab holds; any thread may release it."""
    return filelock.FileLock(home / LOCK, mode=0o600, thread_local=False)


def _check_safe(home: Path) -> None:
    status = home.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise UsageError(
            f"{escape(home)} can be written by others, and the lab keeps secrets in it.",
            untouched="Nothing was written.",
            todo="Name a folder of your own that does not exist yet.",
        )


def _check_ours(home: Path, held: filelock.BaseFileLock) -> None:
    existing = home / SITE
    if existing.exists() and not existing.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        held.release()
        raise UsageError(
            f"{escape(existing)} is not a lab's site file.",
            untouched="It was not changed.",
            todo="Start the lab in another folder: certrenew lab up --home DIR",
        )


def fresh(path: Path) -> Path:
    """Make an empty file that only its owner can read, in place of one that may be there."""
    write_private(path, b"")
    return path


def write(home: Path, places: Mapping[str, Place], authority: CorporateCA, offices: Sequence[Office]) -> None:
    """Write the site: its file, the secrets and the CA certificates that the engineer has."""
    for name, place in places.items():
        write_private(home / "secrets" / name, place.password.encode())
        if place.soap_login:
            write_private(home / "secrets" / f"{name}-soap", place.soap_login[1].encode())
    for path, secret in shared.secrets_of(places).items():
        write_private(home / path, secret)
    write_private(home / "trust" / "boxes.pem", pem(authority.old.chain))
    for label, generation in (("old", authority.old), ("new", authority.new)):
        write_private(home / "ca" / f"{label}-root.pem", pem([generation.root.certificate]))
        write_private(home / "ca" / f"{label}-issuing.pem", pem([generation.issuing.certificate]))
    for office in offices:
        for path, content in office.files.items():
            write_private(home / path, content)
    write_keys(home, [person for person, (_, roles) in PEOPLE.items() if "change-manager" in roles])
    write_private(home / SITE, site_text(places, offices).encode())
    describe(home, places, offices)


def describe(home: Path, places: Mapping[str, Place], offices: Sequence[Office], **more: Json) -> None:
    """Write lab.json, the machine-readable description of the lab; `more` are members besides the fixed ones."""
    nodes = {
        name: {
            "kind": place.kind,
            "release": place.release,
            "hostname": place.hostname,
            "api": f"https://{place.ports['https']}",
            "tls": place.ports,
            "username": place.username,
            "password": place.password,
            **_cucm_members(place),
            **shared.members(place),
        }
        for name, place in places.items()
    }
    root = {"roots": [str((home / "ca" / "new-root.pem").resolve())]}
    authorities = {office.name: {"plugin": office.plugin, "url": office.url, **root} for office in offices}
    authorities = {"corporate": {"plugin": "manual", "url": "", **root}, **authorities}
    approvers = {
        person: {"name": name, "roles": list(roles), "key": str(key_of(home, person).resolve())}
        for person, (name, roles) in PEOPLE.items()
        if "change-manager" in roles
    }
    whole = {"nodes": nodes, "authorities": authorities, "approvers": approvers, "pid": os.getpid()}
    write_private(home / DESCRIPTION, json.dumps({**whole, **more}, indent=2).encode() + b"\n")


def _cucm_members(place: Place) -> dict[str, Json]:
    publisher = {"publisher": place.publisher} if place.publisher else {}
    login = dict(zip(("soap_username", "soap_password"), place.soap_login or (), strict=False))
    return publisher | login | dict(zip(("ssh", "ssh_host_key"), place.ssh or (), strict=False))


def site_text(places: Mapping[str, Place], offices: Sequence[Office] = ()) -> str:
    """Return a complete, commented site file for these boxes; the last of `offices`, or people, sign."""
    cucm = [name for name, place in places.items() if place.kind in ("cucm", "imp")]
    external = [name for name, place in places.items() if place.kind == "external"]
    texts = {"cucm": _cucm, "imp": _cucm, "external": _external}
    nodes = "\n".join(texts.get(place.kind, _node)(name, place) for name, place in places.items())
    signs = offices[-1].name if offices else "corporate"
    slots = [
        (name, slot)
        for name, place in places.items()
        if place.kind not in texts
        for slot in ("server", *(["client"] if place.client_slot else []))
    ]
    certificates = "\n".join(_certificate(name, slot, signs) for name, slot in slots)
    certificates += shared.certificate(places, signs)
    middle = "\n".join([AUTHORITIES, *map(_office, offices), CERTIFICATES_HEAD])
    people = "\n".join(_person(person) for person in PEOPLE)
    peers = [name for name, place in places.items() if place.cluster]
    links = [*map(PEER.format, peers[1:]), *(LINKED.format(*pair) for pair in combinations(peers, 2))]
    more = [*links, *([MRA] if cucm else []), *map(_neighbour, external)]
    connections = "\n".join([CONNECTIONS, *more])
    return f"{HEAD}\n{nodes}\n{connections}\n{middle}\n{certificates}\n{PEOPLE_HEAD}\n{people}\n{APPROVAL}"


HEAD = f"""{MARK}; it is written anew each time a lab starts here, so keep changes elsewhere.
schema = 1

[plugins]
distributions = ["certrenew"]   # which installed packages may bring plugins

# --- Boxes ---
"""

CONNECTIONS = """# --- Who talks TLS to whom, and why ---

[[connections]]
kind = "traversal"
client = "expc"
server = "expe"
"""

PEER = """[[connections]]
kind = "traversal"
client = "{}"
server = "expe"
"""

LINKED = """[[connections]]
kind = "cluster"                # the peers verify each other's certificates
client = "{}"
server = "{}"
"""

MRA = """[[connections]]
kind = "mra"                    # phones outside register through expc
client = "expc"
server = "cucm-pub"             # and with it its subscribers
"""

AUTHORITIES = """# --- Certification authorities ---

[authorities.corporate]
plugin = "manual"               # a person sends the CSR and brings back what came
roots = ["ca/new-root.pem"]     # CA certificates that the engineer has of this authority

[authorities.corporate.options]
template = "ExpresswayServerClient"
contact = "pki@corp.example"
"""

CERTIFICATES_HEAD = """# --- Certificates: what is renewed ---
"""

PEOPLE_HEAD = """# --- People ---
"""

APPROVAL = """# --- Who must agree to what ---

[approval]
unsigned_approvals = true       # an account is proof enough; what is not signed is marked as such
approve_for_others = true       # a lab only: whoever has this account can approve as anybody
allowed_signers = "signers"     # whose SSH key is whose; in the lab the keys lie in keys/

[[approval.rules]]
effects = ["serve"]             # changes that somebody may notice
people = 1
roles = ["change-manager"]
exclude = ["requester", "operator"]
"""


def _node(name: str, place: Place) -> str:
    tls = "\n".join(f'{port} = "{address}"' for port, address in place.ports.items())
    more = "".join(f'{option} = "{value}"\n' for option, value in place.options.items())
    return f"""[nodes.{name}]
kind = "{place.kind}"
driver = "expressway"
address = "{place.ports["https"]}"     # its API
hostname = "{place.hostname}"    # the name that its certificate must carry
username = "{place.username}"
password = "file:secrets/{name}"  # relative to this file
ca = "trust/boxes.pem"          # the old root and issuing CA; or: pin = "sha256:<64 hex digits>"

[nodes.{name}.tls]                # where the certificate of the server slot is served
{tls}

[nodes.{name}.options]
restart_timeout = 60            # seconds
poll_interval = 1               # seconds
{more}{shared.options(name, place)}"""


def _external(name: str, place: Place) -> str:
    return f"""[nodes.{name}]
kind = "external"               # somebody else looks after it; it only has to trust
driver = "guided"
address = "{place.ports["neighbor"]}"     # where it may name the CAs that it accepts
hostname = "{place.hostname}"
"""


def _neighbour(name: str) -> str:
    return f"""[[connections]]
kind = "neighbor"
client = "expe"
server = "{name}"
"""


def _cucm(name: str, place: Place) -> str:
    publisher = f'publisher = "{place.publisher}"\n' if place.publisher else ""
    user = f'soap_username = "{place.soap_login[0]}"\n' if place.soap_login else ""
    ssh = SSH.format(*place.ssh) if place.ssh and place.opened else ""
    axl = AXL.format(place.axl, place.ports["https"]) if place.axl else ""
    ssh += BEFORE_14 if not place.has_rest else ""
    return f"""[nodes.{name}]
kind = "{place.kind}"
driver = "cucm"
address = "{place.ports["https"]}"     # certificate management, 443 in life
hostname = "{place.hostname}"
username = "{place.username}"         # an OS administrator of this node
password = "file:secrets/{name}"
ca = "trust/boxes.pem"
{publisher}
[nodes.{name}.options]
replication = 5                 # seconds to wait for another node's upload before feeding this one directly
poll_interval = 1               # seconds
soap_address = "{place.ports["https"]}"    # Control Center, 8443 in life
{user}{ssh}{axl}"""


AXL = """axl_username = "{}"    # names that expc must carry, and which nodes there are
axl_address = "{}"    # port 8443 in life
"""


SSH = """ssh_address = "{}"    # OS command line, port 22 in life: Tomcat and HAProxy are restarted there
ssh_host_key = "{}"
"""

BEFORE_14 = """certificates = "ssh"            # this release has no certificate management API
restarts = "ssh"
"""


def _office(office: Office) -> str:
    return f"""[authorities.{office.name}]
plugin = "{office.plugin}"
roots = ["ca/new-root.pem"]

[authorities.{office.name}.options]
{office.site_options}"""


def _certificate(node: str, slot: str, authority: str) -> str:
    return f"""[certificates.{node}-{slot}]
node = "{node}"
slot = "{slot}"
authority = "{authority}"
names = []                      # extra names beyond those of the old certificate
"""


def _person(person: str) -> str:
    name, roles = PEOPLE[person]
    uid = f"uid = {os.getuid()}                      # whoever started the lab\n" if person == "engineer" else ""
    listed = ", ".join(f'"{role}"' for role in roles)
    return f'[people.{person}]\nname = "{name}"\n{uid}roles = [{listed}]\n'
