"""Read trust stores at a node's OS command line, and import into them. Pure; sources in docs/reference/cucm.md.

A certificate is shown as PEM, or only decoded: then its PEM is taken from the cluster's database, and it counts as
being on this node when the node's own file shows its serial number and bears its name. What the database alone has does
not count: services read the files of their node.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from engine.errors import Failed
from engine.text import escape
from plugins.cucm.cli.wire import Command, Script, left, unusable, words
from plugins.cucm.wire import Snapshot, certificates

if TYPE_CHECKING:
    from cryptography import x509

LIST = Command("show cert list trust", patience=180)

DATABASE = Command(
    "run sql select c.certificate from certificate as c inner join certificateservicecertificatemap as m on "
    "c.pkid = m.fkcertificate inner join typecertificateservice as t on m.tkcertificateservice = t.enum "
    "where t.name like '%-trust'",
    patience=180,
)
"""Every trusted certificate of the cluster (tables: confirmed in a query of the vendor's; this query: inferred)."""

FILES = 2000
"""Most files of the wanted stores that are looked at; a store of hundreds is large."""

IMPORTED = "successfully imported"
"""Words of an import that was taken (confirmed)."""

_LISTED = re.compile(r"^\s*(?P<store>[\w.-]{1,60})/(?P<file>[^\s/]{1,200}\.pem)\s*:", re.MULTILINE)
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_PEM = re.compile(f"{_BEGIN}(.{{1,20000}}?){_END}", re.DOTALL)
_SERIAL = re.compile(r"serial\s*number\s*:?\s*(?:0x)?([0-9a-f][0-9a-f: ]{0,80})$", re.IGNORECASE | re.MULTILINE)


def read(node: str, stores: Sequence[str]) -> Script[Snapshot]:
    """Read these stores of a node. Raises Failed when they can't be listed, or something is cut off."""
    listed = yield LIST
    files = read_listing(listed, stores)
    if not _LISTED.search(listed):
        raise unusable(node, LIST, listed)
    if len(files) > FILES:
        raise unusable(node, LIST, f"{len(files)} files")
    trusts: dict[str, list[str]] = {store: [] for store in stores}
    decoded: list[tuple[str, str, int]] = []
    for store, file in files:
        show = Command(f"show cert trust {store}/{file}")
        shown = yield show
        found, serial = read_pems(node, show, shown), read_serial(shown)
        if not found and serial is not None:
            decoded.append((store, file, serial))
        else:
            trusts[store] += found or [""]  # one that can't be read is passed over where others can
    if decoded:
        shown = yield DATABASE
        known = certificates(read_pems(node, DATABASE, shown), node, "database")
        for store, file, serial in decoded:
            trusts[store].append(_on_file(known, file, serial))
    return Snapshot(trusts)


def read_listing(listed: str, stores: Sequence[str]) -> list[tuple[str, str]]:
    """Return store and file of each line ``STORE/FILE.pem: description`` (seen) of these stores, as we spell them."""
    spelled = {store.casefold(): store for store in stores}
    found = [(spelled.get(one["store"].casefold(), ""), one["file"]) for one in _LISTED.finditer(listed)]
    return list(dict.fromkeys((store, file) for store, file in found if store and file.isprintable()))


def read_pems(node: str, command: Command, shown: str) -> list[str]:
    """Return the PEM certificates in what was shown, with line ends as they should be. Raises Failed if cut off."""
    if shown.count(_BEGIN) != shown.count(_END):
        raise unusable(node, command, "a certificate that is cut off")
    return ["\n".join([_BEGIN, *_in_lines(body), _END, ""]) for body in _PEM.findall(shown)]


def _in_lines(body: str) -> Iterator[str]:
    packed = "".join(body.split())
    yield from (packed[begin : begin + 64] for begin in range(0, len(packed), 64))


def read_serial(shown: str) -> int | None:
    """Return the serial number of a certificate that is shown decoded, in hexadecimal (seen); None without one."""
    found = _SERIAL.search(shown)
    return int(re.sub(r"[: ]", "", found[1]), 16) if found else None


def _on_file(known: "Sequence[x509.Certificate]", file: str, serial: int) -> str:
    """Return the PEM of the one certificate with this serial number whose name the file bears; empty without one."""
    from engine.certificates import to_pem

    fitting = {to_pem(one) for one in known if one.serial_number == serial and _bears(file, one)}
    return fitting.pop() if len(fitting) == 1 else ""


def _bears(file: str, certificate: "x509.Certificate") -> bool:
    """Tell whether a file is named after a certificate: ``CN.pem`` or ``CN_SERIAL.pem`` (confirmed)."""
    from cryptography.x509.oid import NameOID

    names = [
        str(one.value).replace(" ", "_") for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    return any(file == f"{name}.pem" or file.startswith(f"{name}_") for name in names)


def add(node: str, store: str, pem: str) -> Script[None]:
    """Import one CA certificate into a store. Raises Failed, in the node's words, unless it says that it did."""
    command = Command(f"set cert import trust {unit(store)}", paste=pem, writes=True, patience=180)
    shown = yield command
    if IMPORTED in shown.casefold():
        return
    raise Failed(
        f"{escape(node)} did not add the CA certificate to {escape(store)}: {words(shown)}.",
        untouched=left(command),
        todo="A node refuses an expired certificate, and an intermediate before its root. Look at Security > "
        "Certificate Management on its OS administration page, then run the same command again.",
    )


def remove(node: str, store: str, pem: str, command_unit: str) -> Script[None]:
    """Take a certificate out of a store, if it is there. Raises Failed when it is listed afterwards."""
    file = yield from _file_of(node, store, pem)
    if file:
        yield from _delete(node, store, file, command_unit)


def swap(node: str, store: str, pems: tuple[str, str], command_unit: str) -> Script[None]:
    """Take the second of two certificates out of a store, and put the first in. Raises Failed.

    Where the first is refused the second is put back, so that the store does not lack both.
    """
    wanted, unwanted = pems
    file = yield from _file_of(node, store, unwanted)
    if file:
        yield from _delete(node, store, file, command_unit)
    try:
        yield from add(node, store, wanted)
    except Failed:
        if file:
            yield from add(node, store, unwanted)
        raise


def _file_of(node: str, store: str, pem: str) -> Script[str]:
    """Return the name of the file that holds a certificate; empty without one."""
    from engine.certificates import fingerprint

    [certificate] = certificates([pem], node, store)
    listed = yield LIST
    for _, file in read_listing(listed, [store]):
        if _bears(file, certificate):
            show = Command(f"show cert trust {store}/{file}")
            shown = yield show
            found = [fingerprint(one) for one in certificates(read_pems(node, show, shown), node, store)]
            if found == [fingerprint(certificate)] or (not found and read_serial(shown) == certificate.serial_number):
                return file
    return ""


def _delete(node: str, store: str, file: str, command_unit: str) -> Script[None]:
    """Delete a file, and believe it when it is not listed any more. Raises Failed."""
    command = Command(f"set cert delete {command_unit} {file}", writes=True, patience=180)
    shown = yield command
    listed = yield LIST
    if (store, file) in read_listing(listed, [store]):
        raise Failed(
            f"{escape(node)} did not delete {escape(file)} from {escape(store)}: {words(shown)}.",
            untouched="It is still there.",
            todo="Look at Security > Certificate Management on its OS administration page; see `cert_delete` in the "
            "node's options.",
        )


def unit(store: str) -> str:
    """Return what the command line calls a store: without its ending (confirmed for tomcat)."""
    return store.removesuffix("-trust")
