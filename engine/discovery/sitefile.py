"""Write a commented site file, or entries of one; what was not said stands there as text to be filled in. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import combinations

from engine.errors import UsageError
from engine.site import FILL_IN

E, C, CUCM, EXTERNAL = "expressway-e", "expressway-c", "cucm", "external"
AUTHORITY = "ca"
"""What a new file calls who signs."""


@dataclass(frozen=True)
class Box:
    """Be one node as it was said: `hostname` is "" where only an IP address is known.

    `kind` is "" where it is not known, `hint` what its address may be where that is "", `sip` its SIP TLS address.
    """

    name: str
    kind: str
    hostname: str
    address: str
    hint: str = ""
    sip: str = ""


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
        hostname = "" if is_ip(host) else host
        name = label(hostname, kind, [*taken, *(box.name for box in found)])
        found.append(Box(name, kind, hostname, address))
    return found


def label(hostname: str, kind: str, taken: Sequence[str]) -> str:
    """Make a name for a node out of its host name, or its kind, that none has yet."""
    return free(_slug(hostname.split(".")[0]) or kind, taken)


def is_host(text: str) -> bool:
    """Tell whether a text can be a host name or an address; anything else from outside is shown and not written."""
    return is_ip(text) or bool(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})", text))


def pin_of(text: str, option: str) -> str:
    """Return a fingerprint as the site file has it: ``sha256:`` and 64 hex digits. Raises UsageError."""
    digits = text.removeprefix("sha256:").replace(":", "").lower()
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise UsageError(
            f"`{option}` is no SHA-256 fingerprint.",
            untouched="Nothing was written.",
            todo="Give 64 hex digits, as the box's own page or its administrator tells them.",
        )
    return f"sha256:{digits}"


def is_ip(text: str) -> bool:
    """Tell whether a host is an address."""
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50]


def free(name: str, taken: Sequence[str]) -> str:
    """Return the name, with a number behind it where it is taken."""
    return name if name not in taken else next(new for n in range(2, 999) if (new := f"{name}-{n}") not in taken)


def text(draft: Draft) -> str:
    """Return the whole file; without boxes, what surrounds them."""
    parts = [
        HEAD,
        *([BOXES, *(node(draft, box) for box in draft.boxes), CONNECTIONS] if draft.boxes else []),
        *(connection(*pair) for pair in _connections(draft)),
        _authority(draft),
        *([CERTIFICATES] if draft.boxes else []),
        *(certificate(f"{box.name}-server", box.name) for box in draft.boxes if box.kind != CUCM),
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
"""

BOXES = """# --- Boxes ---
"""

CONNECTIONS = """# --- Who talks TLS to whom, and why: it decides who must trust which certificate ---
# Kinds: traversal (C to E), neighbor, cluster, mra and secure-zone (C to CUCM). Leave out what you don't use.
"""

CERTIFICATES = """# --- Certificates: what is renewed ---
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


def node(draft: Draft, box: Box) -> str:
    """Return the tables of one node."""
    user = draft.cucm_user if box.kind == CUCM else draft.user
    whose = "an OS administrator of this node" if box.kind == CUCM else "an account that may use the API"
    wanted = f"HOST or HOST:PORT of its API; perhaps {box.hint}" if box.hint else "HOST or HOST:PORT"
    address, hostname = _known(box.address, wanted), _known(box.hostname, "the name in its certificate")
    lines = [
        f"[nodes.{box.name}]",
        f"kind = {_known(box.kind, f'{C} or {E}')}",
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
    yield f"sip = {quoted(box.sip)}" if box.sip else '# sip = "HOST:5061"           # SIP TLS, where it is on'


def _connections(draft: Draft) -> Iterator[tuple[str, str, str]]:
    pairs = [("traversal", c, e) for c in draft.of(C) for e in draft.of(E)]
    pairs += [("cluster", *pair) for kind in (C, E) for pair in combinations(draft.of(kind), 2)]
    pairs += [("mra", c, publisher) for c in draft.of(C) for publisher in draft.of(CUCM)[:1]]
    yield from ((kind, client.name, server.name) for kind, client, server in pairs)


def connection(kind: str, client: str, server: str, why: str = "") -> str:
    """Return the table of one connection; `why` stands behind its kind."""
    note = f"  # {why}" if why else ""
    return f"[[connections]]\nkind = {quoted(kind)}{note}\nclient = {quoted(client)}\nserver = {quoted(server)}\n"


def _authority(draft: Draft) -> str:
    roots = f"roots = {quoted(list(draft.roots))}" if draft.roots else '# roots = ["root.pem"]'
    return f"""# --- Who signs ---

[authorities.{AUTHORITY}]
plugin = {_known(draft.authority, "an authority plugin")}
{roots}  # its CA certificates (PEM)

[authorities.{AUTHORITY}.options]        # settings of the plugin: docs/reference/site-file.md
"""


def certificate(
    name: str, node: str, slot: str = "server", authority: str = AUTHORITY, names: Sequence[str] = ()
) -> str:
    """Return the table of the certificate in a slot of a node; an `authority` of "" is to be filled in."""
    return f"""[certificates.{name if re.fullmatch("[A-Za-z0-9_-]+", name) else quoted(name)}]
node = {quoted(node)}
slot = {quoted(slot)}
authority = {_known(authority, "an authority of this file")}
names = {quoted(list(names))}{"" if names else " " * 20}{NAMES}
"""


NAMES = '  # names beyond those of the certificate in use, such as "DNS:new.example.org"'


def _people(draft: Draft) -> Iterator[str]:
    taken: list[str] = []
    every = [(draft.engineer, draft.uid), *((name, None) for name in draft.approvers or [""])]
    for number, (name, uid) in enumerate(every):
        label = free(_slug(name) or ("approver" if number else "engineer"), taken)
        taken.append(label)
        account = (
            f"\nuid = {uid}                     # the account that is this person: id -u" if uid is not None else ""
        )
        hint = "" if uid is not None else "\n# uid = 1001                    # their own account here, if they have one"
        wanted = "the name of somebody else, who may approve" if number else "your name"
        yield f"[people.{label}]\nname = {_known(name, wanted)}{account}{hint}\n"
