"""Write a commented site file from what was said; what was not said stands in it as text to be filled in. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import combinations

from engine.site import FILL_IN

E, C, CUCM = "expressway-e", "expressway-c", "cucm"


@dataclass(frozen=True)
class Box:
    """Be one node as it was said: `hostname` is "" where only an IP address is known."""

    name: str
    kind: str
    hostname: str
    address: str


@dataclass(frozen=True)
class Draft:
    """Be everything that the file will say; empty texts become places to be filled in.

    `password` is a reference in which ``{node}`` stands for a node's name; `pins` are by node, `uid` is the account of
    the engineer.
    """

    boxes: Sequence[Box]
    user: str = ""
    cucm_user: str = ""
    password: str = ""
    ca: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)
    authority: str = "manual"
    roots: Sequence[str] = ()
    engineer: str = ""
    uid: int = 0
    approvers: Sequence[str] = ()

    def of(self, kind: str) -> list[Box]:
        """Return the boxes of a kind."""
        return [box for box in self.boxes if box.kind == kind]


def fill_in(wanted: str) -> str:
    """Return the text that stands for something to be filled in."""
    return f"{FILL_IN}: {wanted}>"


def boxes(kind: str, said: Sequence[str], taken: Sequence[str] = ()) -> list[Box]:
    """Read ``HOST``, ``HOST:PORT`` or ``HOSTNAME=HOST:PORT`` for each box, and give it a name that none has yet."""
    found: list[Box] = []
    for text in said:
        named, equals, address = text.partition("=")
        host = named if equals else re.sub(r":[0-9]+$", "", text)
        address = address if equals else text
        hostname = "" if _is_ip(host.strip("[]")) else host
        name = _free(_slug(hostname.split(".")[0]) or kind, [*taken, *(box.name for box in found)])
        found.append(Box(name, kind, hostname, address))
    return found


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50]


def _free(name: str, taken: Sequence[str]) -> str:
    return name if name not in taken else next(new for n in range(2, 999) if (new := f"{name}-{n}") not in taken)


def text(draft: Draft) -> str:
    """Return the whole file."""
    parts = [
        HEAD,
        *(_node(draft, box) for box in draft.boxes),
        CONNECTIONS,
        *_connections(draft),
        _authority(draft),
        *(_certificate(box) for box in draft.boxes if box.kind != CUCM),
        PEOPLE,
        *_people(draft),
        APPROVAL,
    ]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


HEAD = """# The site of certrenew: boxes, who talks to whom, who signs, who approves.
# Every key: docs/reference/site-file.md. Check this file and the boxes at any time: certrenew doctor
schema = 1

[plugins]
distributions = ["certrenew"]   # which installed packages may bring plugins

# --- Boxes ---
"""

CONNECTIONS = """# --- Who talks TLS to whom, and why: it decides who must trust which certificate ---
# Kinds: traversal (C to E), neighbor, cluster, mra and secure-zone (C to CUCM). Leave out what you don't use.
"""

PEOPLE = """# --- People ---
"""

APPROVAL = """# --- Who must agree to what ---

[approval]
# To begin with, whoever can log in to this account can approve as anybody. Let people sign instead, and take both out:
# allowed_signers = "signers"   # whose SSH key is whose: docs/how-to/approve-a-plan.md
unsigned_approvals = true
approve_for_others = true

[[approval.rules]]
effects = ["serve"]             # what somebody may notice: uploads, restarts
people = 1                      # so many others than who began the renewal and who carries it out
"""


def quoted(value: object) -> str:
    """Write a text, or a list of texts, as TOML."""
    import tomlkit

    return tomlkit.item(value).as_string()


def _node(draft: Draft, box: Box) -> str:
    user = draft.cucm_user if box.kind == CUCM else draft.user
    whose = "an OS administrator of this node" if box.kind == CUCM else "an account that may use the API"
    address, hostname = _known(box.address, "HOST or HOST:PORT"), _known(box.hostname, "the name in its certificate")
    lines = [
        f"[nodes.{box.name}]",
        f"kind = {quoted(box.kind)}",
        f"driver = {quoted('cucm' if box.kind == CUCM else 'expressway')}",
        f"address = {address}  # HOST or HOST:PORT of its API",
        f"hostname = {hostname}  # the name that its certificate must carry when we connect",
        f"username = {_known(user, whose)}  # {whose}",
        f"password = {_password(draft, box)}  # where the password is, never the password itself",
        *_proof(draft, box),
        *_more(draft, box, address),
    ]
    return "\n".join(lines)


def _known(value: str, wanted: str) -> str:
    return quoted(value or fill_in(wanted))


def _password(draft: Draft, box: Box) -> str:
    reference = draft.password.replace("{node}", box.name)
    if reference.startswith("command:"):
        import shlex

        return quoted(shlex.split(reference.removeprefix("command:")))
    return _known(reference, "env:NAME, file:PATH or keyring:SERVICE/USER")


def _proof(draft: Draft, box: Box) -> Iterator[str]:
    if box.name in draft.pins:
        yield f"pin = {quoted(draft.pins[box.name])}  # confirmed by a person; renewals keep it up to date themselves"
    elif draft.ca:
        yield f"ca = {quoted(draft.ca)}  # CA certificates (PEM) that verify it"
    else:
        yield '# ca = "boxes.pem"            # CA certificates (PEM) that verify it; without: those of this system'
        yield '# pin = "sha256:..."          # or the fingerprint of its certificate, once a person confirmed it'


def _more(draft: Draft, box: Box, address: str) -> Iterator[str]:
    if box.kind == CUCM:
        first = draft.of(CUCM)[0]
        if box != first:
            yield f"publisher = {quoted(first.name)}"
        yield f"\n[nodes.{box.name}.options]"
        yield '# soap_username = "..."       # the application user of the Control Center, where it is another one'
        yield '# soap_password = "file:..."  # and where that user\'s password is'
        return
    yield f"\n[nodes.{box.name}.tls]  # where the certificate of the server slot is served"
    yield f"https = {address}"
    yield '# sip = "HOST:5061"           # SIP TLS, where it is on'


def _connections(draft: Draft) -> Iterator[str]:
    pairs = [("traversal", c, e) for c in draft.of(C) for e in draft.of(E)]
    pairs += [("cluster", *pair) for kind in (C, E) for pair in combinations(draft.of(kind), 2)]
    pairs += [("mra", c, publisher) for c in draft.of(C) for publisher in draft.of(CUCM)[:1]]
    for kind, client, server in pairs:
        yield (
            f"[[connections]]\nkind = {quoted(kind)}\nclient = {quoted(client.name)}\nserver = {quoted(server.name)}\n"
        )


def _authority(draft: Draft) -> str:
    roots = f"roots = {quoted(list(draft.roots))}" if draft.roots else '# roots = ["root.pem"]'
    return f"""# --- Who signs ---

[authorities.ca]
plugin = {_known(draft.authority, "an authority plugin")}
{roots}  # its CA certificates (PEM)

[authorities.ca.options]        # settings of the plugin: docs/reference/site-file.md

# --- Certificates: what is renewed ---
"""


def _certificate(box: Box) -> str:
    return f"""[certificates.{box.name}-server]
node = {quoted(box.name)}
slot = "server"
authority = "ca"
names = []                      # names beyond those of the certificate in use, such as "DNS:new.example.org"
"""


def _people(draft: Draft) -> Iterator[str]:
    taken: list[str] = []
    every = [(draft.engineer, draft.uid), *((name, None) for name in draft.approvers or [""])]
    for number, (name, uid) in enumerate(every):
        label = _free(_slug(name) or ("approver" if number else "engineer"), taken)
        taken.append(label)
        account = (
            f"\nuid = {uid}                     # the account that is this person: id -u" if uid is not None else ""
        )
        hint = "" if uid is not None else "\n# uid = 1001                    # their own account here, if they have one"
        wanted = "the name of somebody else, who may approve" if number else "your name"
        yield f"[people.{label}]\nname = {_known(name, wanted)}{account}{hint}\n"
