"""Say what to do on the pages of an Expressway or VCS, in the vendor's own words. Pure.

Menus: Cisco 218034 and the Certificate Creation and Use Deployment Guide X14.0; docs/reference/guided.md has each with
its source. Old releases of VCS call the menu Security certificates.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engine.certificates import Release
from engine.contracts import CsrSpec
from engine.errors import UsageError
from engine.text import escape

SERVER = "Maintenance > Security > Server certificate"
TRUSTED_CAS = "Maintenance > Security > Trusted CA certificate"
RESTART = "Maintenance > Restart options"
ZONES = "Status > Zones"

KEYS = {"RSA 2048": "2048", "RSA 4096": "4096"}
CURVES = {"EC P-256": "256", "EC P-384": "384", "EC P-521": "521"}
CURVES_SINCE = Release.parse("X14.3")
DIGESTS = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
SUBJECT = {
    "C": "Country",
    "ST": "State or province",
    "L": "Locality (town name)",
    "O": "Organization (company name)",
    "OU": "Organizational unit",
    "emailAddress": "Email address",
}
"""The fields of the page by the short names of subject attributes; that they are called so is inferred."""


class Place(NamedTuple):
    """Be a box as its steps name it: the node, the address of its web page, and the renewal that commands take."""

    node: str
    address: str
    renewal: str

    def step(self, page: str, what: str) -> str:
        """Write a step on one page."""
        return f"{escape(self.node)} (https://{escape(self.address)}), {page}: {what}"

    @property
    def supply(self) -> str:
        """Return the command that takes a file from this box."""
        return f"certrenew supply {self.renewal} FILE --node {escape(self.node)}"

    @property
    def paste(self) -> str:
        """Return the command that takes what is pasted."""
        return self.supply.replace("FILE", "-")

    @property
    def confirm(self) -> str:
        """Return the command that takes a person's word."""
        return f"certrenew confirm {self.renewal} --node {escape(self.node)}"

    @property
    def run(self) -> str:
        """Return the command that goes on."""
        return f"certrenew run {self.renewal}"


def show_certificate(place: Place) -> str:
    """Have the text of what the server slot holds brought (procedure A)."""
    return place.step(
        SERVER, f"press Show (decoded), copy the whole text, type {place.paste}, paste it, and press Enter and Ctrl-D."
    )


def show_trusted(place: Place) -> str:
    """Have the list of trusted CA certificates brought."""
    return place.step(TRUSTED_CAS, f"press Show all (PEM file), save what it shows, and: {place.supply}")


def show_pending(place: Place) -> str:
    """Have it found out whether a CSR is pending, and that brought."""
    return place.step(
        SERVER,
        "where the page offers Discard CSR, a CSR is pending: press Download, never Discard CSR, and: "
        f"{place.supply}. Where it offers Generate CSR in its place, none is pending: {place.confirm}",
    )


def download(place: Place) -> str:
    """Have the CSR that was just made brought."""
    return place.step(SERVER, f"press Download, and: {place.supply}")


def generate(place: Place, spec: CsrSpec, file: str) -> list[str]:
    """Say how to make the CSR (procedure B); `file` has the same values, each on a line of its own."""
    return [
        place.step(
            SERVER,
            "press Generate CSR. Where Discard CSR is offered in its place, stop: a CSR is pending, and discarding it "
            "would destroy its key. Then bring that one, as the last step says.",
        ),
        f"Fill in the fields that follow; each value stands whole, to be copied, in {escape(file)}",
        *(f"Field {label}: {value}" for label, value in fields(spec).items()),
        "Press Generate CSR at the bottom. The private key stays inside the box.",
        download(place),
    ]


def fields(spec: CsrSpec) -> Mapping[str, str]:
    """Return what to fill in on the page Generate CSR, by its labels; the names without ``DNS:`` (procedure B.2)."""
    common = next((value for name, value in spec.subject if name == "CN"), "")
    found = {"Common name": f"the choice that gives {common}"} if common else {}
    found["Additional alternative names (comma separated)"] = ",".join(name.removeprefix("DNS:") for name in spec.names)
    found["Key length (in bits)"] = KEYS.get(spec.key) or f"{CURVES.get(spec.key, '?')}, with ECDSA as key type"
    found["Digest algorithm"] = DIGESTS.get(spec.digest, "?")
    found |= {SUBJECT[name]: value for name, value in spec.subject if name in SUBJECT}
    return {label: escape(value) for label, value in found.items()}


def limits(spec: CsrSpec, release: str) -> Iterator[str]:
    """Yield a sentence for each thing in `spec` that the page can't express."""
    others = [escape(name, 120) for name in spec.names if not name.startswith("DNS:") or name.startswith("DNS:*.")]
    if others:
        yield f"The page takes host names only and no wildcards, so the CSR would lack {', '.join(others)}."
    curves = CURVES if _since(release, CURVES_SINCE) else {}
    if spec.key not in {**KEYS, **curves}:
        yield f"The page of {escape(release, 20) or 'this release'} offers no key of {escape(spec.key, 40)}."
    if spec.digest not in DIGESTS:
        yield f"The page offers no digest {escape(spec.digest, 40)}."
    known = [name for name, _ in spec.subject]
    for name in dict.fromkeys(known):
        if name not in SUBJECT and name != "CN":
            yield f"The page has no field for the subject attribute {escape(name, 40)}."
        elif known.count(name) > 1:
            yield f"The page takes one value of the subject attribute {escape(name, 40)}, not {known.count(name)}."


def _since(release: str, first: Release) -> bool:
    try:
        return Release.parse(release) >= first
    except UsageError:
        return False


def append(place: Place, title: str, file: str) -> str:
    """Have one CA certificate added (procedure D.2)."""
    return place.step(
        TRUSTED_CAS, f"press Browse, choose {escape(file)} ({title}), and press Append CA certificate. Remove nothing."
    )


def delete(place: Place, title: str) -> str:
    """Have one CA certificate taken out; the button's word is inferred."""
    return place.step(TRUSTED_CAS, f"select {title}, and press Delete. Take no other one out.")


def upload(place: Place, title: str, file: str) -> list[str]:
    """Say how to install the new certificate (procedure E)."""
    return [
        place.step(
            SERVER,
            "where Show (decoded) has the new certificate already, go on with the last step. Else the page must offer "
            "Discard CSR, which you don't press; where it does not, the key of the new certificate is gone: stop, and: "
            f"certrenew restage {place.renewal} --reason TEXT",
        ),
        f"There, for the server certificate file press Browse and choose {escape(file)} ({title}). Choose no private "
        "key file. Press Upload server certificate data.",
        "Don't restart yet, whatever the page says: that comes next. When the box refuses the file, change nothing "
        "else; docs/how-to/work-a-box-by-hand.md tells what its words mean.",
        show_certificate(place),
    ]


def restart(place: Place) -> list[str]:
    """Say how to restart the box (procedure E), which the ports then show."""
    return [
        place.step(ZONES, "note which zones are Active."),
        place.step(RESTART, "press Restart (not Reboot, not Shutdown), and wait about 3 minutes until it is back."),
    ]
