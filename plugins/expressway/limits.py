"""Say what the CSR function of the API can't express, before a key is made. Pure.

Fields: the only public client (seen); key sizes and digests: deployment guide X15.4, "Generating a CSR" (confirmed).
"""

from collections import Counter
from collections.abc import Iterator

from engine.certificates import Release
from engine.contracts import CsrSpec
from engine.errors import UsageError
from engine.text import escape

FIELDS = {
    "C": "Country",
    "ST": "Province",
    "L": "Locality",
    "O": "Organization",
    "OU": "OrganizationalUnit",
    "emailAddress": "Email",
}
"""The API's fields by the short names of subject attributes."""

KEYS = {"RSA 2048": 2048, "RSA 4096": 4096}
DIGESTS = ("sha256", "sha384", "sha512")
NAMES_LIMIT, NAMES_LIMIT_UNTIL = 999, Release.parse("X8.10")


def limits(spec: CsrSpec, release: str, own_name: str) -> list[str]:
    """Return a sentence for each thing in `spec` that the API can't express; `own_name` is the box's FQDN or empty."""
    return [*_names(spec, release), *_key(spec), *_subject(spec), *_common_name(spec, own_name)]


def dns_names(spec: CsrSpec) -> list[str]:
    """Return the host names of `spec`, each once: DNS names compare without regard to case (RFC 4343)."""
    found: dict[str, str] = {}
    for name in spec.names:
        if name.startswith("DNS:"):
            host = name.removeprefix("DNS:")
            found.setdefault(host.lower(), host)
    return list(found.values())


def _names(spec: CsrSpec, release: str) -> Iterator[str]:
    others = [escape(name, 120) for name in spec.names if not name.startswith("DNS:")]
    if others:
        yield f"It takes host names only, so the CSR would lack {', '.join(others)}."
    wild = [escape(name, 120) for name in dns_names(spec) if name.startswith("*.")]
    if wild:
        yield f"A box supports no wildcard names, such as {wild[0]}."
    if len(",".join(spec.names)) > NAMES_LIMIT and _older(release):
        yield f"Before X8.10 a box ignores all names past {NAMES_LIMIT} characters; this one has {escape(release, 20)}."


def _older(release: str) -> bool:
    """Tell whether a release is known to be before X8.10; one that can't be read is not."""
    try:
        return Release.parse(release) < NAMES_LIMIT_UNTIL
    except UsageError:
        return False


def _key(spec: CsrSpec) -> Iterator[str]:
    if spec.key not in KEYS:
        yield f"It makes keys of {' and '.join(KEYS)} only; the field for {escape(spec.key, 40)} is not known."
    if spec.digest not in DIGESTS:
        yield f"It signs a CSR with {', '.join(DIGESTS)} only, not with {escape(spec.digest, 40)}."


def _subject(spec: CsrSpec) -> Iterator[str]:
    for name, times in Counter(name for name, _ in spec.subject).items():
        if name not in FIELDS and name != "CN":
            yield f"It has no field for the subject attribute {escape(name, 40)}."
        elif times > 1:
            yield f"It takes one value of the subject attribute {escape(name, 40)}, not {times}."


def _common_name(spec: CsrSpec, own_name: str) -> Iterator[str]:
    wanted = next((value for name, value in spec.subject if name == "CN"), "")
    if not wanted or wanted.lower() == own_name.lower():
        return
    if own_name:
        yield f"It puts the box's own name, {escape(own_name, 253)}, as common name, not {escape(wanted, 253)}."
    else:
        yield f"The box does not tell its own name, which it puts as common name, so {escape(wanted, 253)} is not sure."
