"""Judge a signed certificate from files alone: read them, ask `engine.certificates`, show the verdict.

A file that can't be opened, and a `--current`, `--csr` or `--trust` that is not what it should be, end with 2. A file
of NEW that is no certificate is judged: the check `format` fails, and the command ends with 4.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from engine.certificates.evidence import Evidence
from engine.certificates.facts import fingerprint
from engine.certificates.kinds import DECODED_SEVERAL, LIMIT
from engine.certificates.leaf import find_leaf, leaves
from engine.certificates.reading import NotACertificate, Placed, read_csr, read_placed
from engine.certificates.release import Release
from engine.certificates.rules import judge
from engine.cli.render import print_json
from engine.errors import Refused, UsageError
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

    from engine.certificates.facts import Decoded


class Asked(NamedTuple):
    """Be what was typed, as it was typed."""

    new: Sequence[Path]
    current: Path | None = None
    csr: Path | None = None
    trust: Sequence[Path] = ()
    role: str = ""
    slot: str = ""
    release: str = ""
    at: str = ""
    names: Sequence[str] = ()
    server_eku_upload: bool = False


class Places:
    """Remember in which files, and where in them, each certificate was found."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self.trusted: set[str] = set()

    def note(self, path: Path, placed: Sequence[Placed]) -> "list[x509.Certificate]":
        """Remember the certificates of one file, and return them."""
        for one in placed:
            where = self.found.setdefault(fingerprint(one.certificate), [])
            text = _where(path, one, alone=len(placed) == 1 and one.block == 1)
            where += [text] if text not in where else []
        return [one.certificate for one in placed]

    def of(self, certificate: "x509.Certificate") -> str:
        """Say where a certificate was found, and whether it is a trusted one."""
        mark = fingerprint(certificate)
        return ("trusted: " if mark in self.trusted else "") + "; ".join(self.found.get(mark, []))


def check(asked: Asked, *, as_json: bool) -> None:
    """Judge and print. Ends with 4 when a check fails. Raises UsageError when a file can't be read."""
    places = Places()
    evidence = gather(asked, places, datetime.now(UTC))
    verdict = judge(evidence)
    if as_json:
        print_json(verdict.plain())
    else:
        from engine.cli.verdict import show

        show(verdict, evidence, places)
    if not verdict.ok:
        raise typer.Exit(Refused.exit_code)


def gather(asked: Asked, places: Places, now: datetime) -> Evidence:
    """Read every file that was named. Raises UsageError."""
    at = moment_of(asked.at) if asked.at else now
    release = Release.parse(asked.release) if asked.release else None
    trusted = [one for path in asked.trust for one in places.note(path, read_placed(content(path), str(path)))]
    places.trusted |= {fingerprint(one) for one in trusted}
    given, unread = _given(asked.new, places)
    current, decoded, known = _current(asked.current, places)
    return Evidence(
        given=given,
        unread=unread,
        csr=read_csr(content(asked.csr), str(asked.csr)) if asked.csr else None,
        current=current,
        decoded=decoded,
        known=known,
        trusted=trusted,
        role=asked.role,
        slot=asked.slot,
        release=release,
        names=asked.names,
        server_eku_upload=asked.server_eku_upload,
        at=at,
    )


def content(path: Path) -> bytes:
    """Return a file's bytes, at most one more than the reader takes. Raises UsageError when it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(LIMIT + 1)
    except OSError as error:
        raise UsageError(
            f"{escape(path, 200)} can't be read: {error.strerror or 'it can not be opened'}.",
            untouched="Nothing was judged.",
            todo="Give a file that is there and that you may read.",
        ) from error


def moment_of(text: str) -> datetime:
    """Read ``2027-01-31``, ``2027-01-31T12:00:00Z`` or with an offset; UTC when none is given. Raises UsageError."""
    try:
        read = datetime.fromisoformat(text.strip())
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{escape(text, 60)!r} is no time.", todo="Write it as 2027-01-31 or 2027-01-31T12:00:00Z."
        ) from None


def _given(paths: Iterable[Path], places: Places) -> "tuple[list[x509.Certificate], list[NotACertificate]]":
    found: list[x509.Certificate] = []
    unread: list[NotACertificate] = []
    for path in paths:
        try:
            found += places.note(path, read_placed(content(path), str(path)))
        except NotACertificate as error:
            unread.append(error)
    return found, unread


def _current(
    path: Path | None, places: Places
) -> "tuple[x509.Certificate | None, Decoded | None, list[x509.Certificate]]":
    """Return the certificate in use or its text, and the CA certificates beside it in its file."""
    if path is None:
        return None, None, []
    data = content(path)
    try:
        certificates = places.note(path, read_placed(data, str(path)))
    except NotACertificate as error:
        return None, _decoded(data, path, error), []
    leaf = find_leaf(certificates)
    if leaf is None:
        raise UsageError(
            f"{escape(path, 200)} holds {len(leaves(certificates))} certificates that could be the one in use.",
            untouched="Nothing was judged.",
            todo="Give a file with that one alone, or with its chain.",
        )
    return leaf, None, [one for one in certificates if one != leaf]


def _decoded(data: bytes, path: Path, error: NotACertificate) -> "Decoded":
    from engine.certificates.decoded import read_decoded

    try:
        return read_decoded(data, str(path))
    except NotACertificate as other:
        raise (other if other.kind == DECODED_SEVERAL else error) from None


def _where(path: Path, one: Placed, *, alone: bool) -> str:
    inside = f" certificate {one.inside}" if one.inside else ""
    return escape(path, 120) + ("" if alone else f" block {one.block}") + inside
