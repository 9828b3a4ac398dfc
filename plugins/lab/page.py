"""Be the web pages of a box, as a person works them whom no API helps: the same box, the same refusals.

Buttons and fields: Certificate Creation and Use Deployment Guide X14.0 and Administrator Guide (confirmed); that the
decoded text is OpenSSL's is what 218034 shows. Whoever works the pages is logged in; the API may be off.
"""

from collections.abc import Callable, Mapping

from cryptography import x509
from OpenSSL import crypto

from engine.errors import UsageError
from engine.model import Json
from engine.text import escape
from plugins.lab.authority import fingerprint, pem
from plugins.lab.machine import Machine
from plugins.lab.requests import Refusal

LABELS = {
    "Country": "Country",
    "State or province": "Province",
    "Locality (town name)": "Locality",
    "Organization (company name)": "Organization",
    "Organizational unit": "OrganizationalUnit",
    "Email address": "Email",
}
"""Fields of the page Generate CSR, and those of the API that they fill."""

NAMES, KEY, DIGEST = "Additional alternative names (comma separated)", "Key length (in bits)", "Digest algorithm"


class Page:
    """Work the pages of one box. Each method raises UsageError where the box refuses, in its words, or is away."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self._box = machine, machine.box

    def show_decoded(self) -> str:
        """Press Show (decoded) on the page Server certificate."""
        self._must_answer()
        held = crypto.X509.from_cryptography(self._box.slots["server"].certificate)
        return crypto.dump_certificate(crypto.FILETYPE_TEXT, held).decode()

    def show_all(self) -> str:
        """Press Show all (PEM file) on the page Trusted CA certificate."""
        self._must_answer()
        return pem(self._box.trusted).decode()

    def download(self) -> str:
        """Press Download on the page Server certificate, which is there while a CSR is pending."""
        self._must_answer()
        if self._box.pending is None:
            raise self._says("no CSR is pending: the page offers Generate CSR, and no Download")
        return self._box.pending.pem.decode()

    def generate_csr(self, filled: Mapping[str, str]) -> None:
        """Fill in the page Generate CSR by its labels and press the button; it is not offered while one is pending."""
        self._must_answer()
        if self._box.pending is not None:
            raise self._says("a CSR is pending: the page offers Discard CSR, and no Generate CSR")
        fields: dict[str, Json] = {LABELS[label]: value for label, value in filled.items() if label in LABELS}
        fields["Additional_FQDNS"] = [name.strip() for name in filled.get(NAMES, "").split(",") if name.strip()]
        size = filled.get(KEY, "4096")
        kind = f"ec-{size.partition(',')[0]}" if "ECDSA" in size else f"rsa-{size}"
        digest = filled.get(DIGEST, "SHA-256").replace("-", "").lower()
        self._try(lambda: self._box.generate_csr(fields, key=kind, digest=digest))

    def append(self, text: str) -> None:
        """Choose a file on the page Trusted CA certificate and press Append CA certificate."""
        self._must_answer()
        self._try(lambda: self._box.append_trust(text.encode()))

    def delete(self, text: str) -> None:
        """Select these certificates (PEM) on the page Trusted CA certificate and press Delete."""
        self._must_answer()
        try:
            selected = [fingerprint(one) for one in x509.load_pem_x509_certificates(text.encode())]
        except ValueError:
            raise self._says("no such certificate is in the list") from None
        self._box.remove_trust(selected)

    def upload(self, text: str) -> None:
        """Upload the server certificate: alone, or with a private key that was made elsewhere, in one file with it."""
        self._must_answer()
        file, both = text.encode(), "PRIVATE KEY-----" in text
        self._try(lambda: self._box.upload_with_key(file, file) if both else self._box.upload(file))

    def discard(self) -> None:
        """Press Discard CSR."""
        self._must_answer()
        self._box.discard_csr()

    def restart(self) -> None:
        """Press Restart on the page Restart options; the box goes away at once."""
        self._must_answer()
        self._machine.restart()

    def maintenance(self, *, on: bool) -> None:
        """Set Maintenance mode on the page of that name, press Save and confirm."""
        self._must_answer()
        self._box.set_maintenance(on=on)

    def backup(self) -> str:
        """Make a backup on the page Backup and restore, and return its name; the lab keeps it, keys and all."""
        self._must_answer()
        with self._box.lock:
            name = f"{self._box.name}-backup-{len(self._box.backups) + 1}"
            self._box.backups[name] = (dict(self._box.slots), list(self._box.trusted))
        return name

    def restore(self, name: str) -> None:
        """Choose a backup by its name and press Restore: all becomes as it was, and the box restarts (inferred)."""
        self._must_answer()
        kept = self._box.backups.get(name.strip())
        if kept is None:
            raise self._says("there is no such backup")
        with self._box.lock:
            self._box.slots, self._box.trusted = dict(kept[0]), list(kept[1])
            self._box.pending = None
        self._box.effects.add(self._box.name, "backup-restored")
        self._machine.restart()

    def zones(self) -> str:
        """Look at Status > Zones."""
        self._must_answer()
        return "\n".join(f"{zone.name}: {zone.status} {zone.cause}".strip() for zone in self._box.zones.values())

    def _must_answer(self) -> None:
        if not self._machine.up:
            raise self._says("nothing: it is restarting")

    def _try(self, press: Callable[[], object]) -> None:
        try:
            press()
        except Refusal as refusal:
            raise self._says(str(refusal)) from refusal

    def _says(self, what: str) -> UsageError:
        return UsageError(f"The page of {self._box.name} says: {escape(what)}.", untouched="Nothing was changed.")


READS: dict[str, Callable[[Page], str]] = {
    "show-decoded": Page.show_decoded,
    "show-all": Page.show_all,
    "download": Page.download,
    "zones": Page.zones,
    "backup": Page.backup,
}
PRESSES: dict[str, Callable[[Page], None]] = {
    "discard": Page.discard,
    "restart": Page.restart,
    "maintenance-on": lambda page: page.maintenance(on=True),
    "maintenance-off": lambda page: page.maintenance(on=False),
}
WITH_FILE: dict[str, Callable[[Page, str], None]] = {
    "generate-csr": lambda page, text: page.generate_csr(read_fields(text)),
    "append": Page.append,
    "delete": Page.delete,
    "restore": Page.restore,
    "upload": Page.upload,
}
ACTIONS = (*READS, *WITH_FILE, *PRESSES)
"""What can be done on the pages; some take a file, some show a text."""


def work(machine: Machine, action: str, text: str = "") -> str:
    """Do one thing on the pages of a box and return what it shows, "" for nothing. Raises UsageError."""
    page = Page(machine)
    if action in READS:
        return READS[action](page)
    if action in WITH_FILE:
        if not text:
            raise UsageError(f"{action} takes a file.", untouched="Nothing was changed.", todo="Name it at the end.")
        WITH_FILE[action](page, text)
    elif action in PRESSES:
        PRESSES[action](page)
    else:
        raise UsageError(f"The pages have no {escape(action)}.", todo=f"Actions: {', '.join(ACTIONS)}.")
    return ""


def read_fields(text: str) -> dict[str, str]:
    """Read labels and values from the file for the page Generate CSR: a label, its value on the next line, a blank."""
    parts = [part.split("\n", 1) for part in text.strip().split("\n\n")]
    return {part[0].strip(): part[1].strip() if len(part) > 1 else "" for part in parts}
