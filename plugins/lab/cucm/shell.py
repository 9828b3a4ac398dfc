"""Carry out what is typed at a node's OS command line: services, trust stores, and the database behind them.

Commands: Command Line Interface Reference Guide 12.5 (confirmed); what they show was seen in clients, or is behind a
switch.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable

from cryptography import x509

from plugins.lab.authority import pem
from plugins.lab.cucm.node import Node, Unavailable
from plugins.lab.cucm.stores import file_name
from plugins.lab.requests import Refusal

PATIENCE = 50.0
"""How long a service may take to be back, in seconds."""

UNSUCCESSFUL = "Executed command unsuccessfully\n"


class Shell:
    """Be what commands work on. `show` shows text at once, `ask` reads a line that is typed.

    `leaving` says that the session ends before a restart is over.
    """

    def __init__(self, node: Node, show: Callable[[str], None], ask: Callable[[], Awaitable[str]]) -> None:
        self.node, self.show, self.ask = node, show, ask
        self.pages, self.leaving = True, False

    async def pages_off(self) -> str:
        """Stop paging for this session, unless the node is one that goes on."""
        self.pages = self.node.settings["pagination"] == "stays"
        return "Automatic pagination is turned off\n"

    async def services(self) -> str:
        """List every service with its state."""
        told = "".join(f"{service.name}[{service.status.upper()}]\n" for service in self.node.services.all())
        return f"Requesting service status, please wait...\nSystem SSH [STARTED]\n{told}Primary Node =true\n"

    async def restart(self, name: str) -> str:
        """Restart a service, showing each state as it comes."""
        service = self.node.services.find(name)
        if service is None or not service.activated or not self.allowed():
            return f"Service {name} is not activated\n{UNSUCCESSFUL}"
        self.show(
            "Don't press Ctrl-c while the service is getting RESTARTED.If Service has not Restarted Properly, "
            "execute the same Command Again\nService Manager is running\n"
        )
        self.node.services.restart(service)
        self.show(f"{service.name}[STOPPING]\n{service.name}[STARTING]\n")
        if not self.leaving:
            await asyncio.to_thread(self.node.services.await_restarts, PATIENCE)
        return f"{service.name}[{service.status.upper()}]\n"

    # ---- trust stores ----

    def allowed(self) -> bool:
        """Tell whether the account may do more than look around: certificates need privilege 1 (confirmed)."""
        return self.node.settings["privilege"] != "0"

    def files(self) -> dict[str, x509.Certificate]:
        """Return the certificates by the names that a listing gives them."""
        style = self.node.settings["file_names"]
        stores = {store: self.node.trusted(store) for store in self.node.stores}
        return {f"{store}/{file_name(one, style)}": one for store, held in stores.items() for one in held}

    async def list_trust(self) -> str:
        """List every trusted certificate with its description."""
        if not self.allowed():
            return UNSUCCESSFUL
        return "".join(f"{name}: Trust Certificate\n" for name in self.files())

    async def show_trust(self, name: str) -> str:
        """Show a certificate: decoded, and as PEM where the node does so."""
        certificate = self.files().get(name)
        if certificate is None or not self.allowed():
            return UNSUCCESSFUL
        issuer, subject, start, end = TAGS[self.node.settings["cert_tags"]]
        shown = (
            f"[\n  Version: V3\n  Serial Number: {certificate.serial_number:X}\n"
            f"  {issuer}: {certificate.issuer.rfc4514_string()}\n"
            f"  {start}: {certificate.not_valid_before_utc:%a %b %d %H:%M:%S UTC %Y}\n"
            f"  {end}: {certificate.not_valid_after_utc:%a %b %d %H:%M:%S UTC %Y}\n"
            f"  {subject}: {certificate.subject.rfc4514_string()}\n]\n"
        )
        return shown + (pem([certificate]).decode() if self.node.settings["cert_show"] == "pem" else "")

    async def import_trust(self, unit: str) -> str:
        """Take a certificate that is pasted, up to an empty line, into a store."""
        store = f"{unit}-trust"
        if store not in self.node.stores or not self.allowed():
            return UNSUCCESSFUL
        self.show("Paste the Certificate and Hit Enter\n")
        pasted: list[str] = []
        while (line := await self.ask()).strip() or not pasted:
            pasted.append(line)
        if self.node.settings["import_question"] == "asked":
            self.show("Do you want to continue with the import (yes/no)? ")
            if (await self.ask()).strip() != "yes":
                return UNSUCCESSFUL
        try:
            self.node.upload([store], x509.load_pem_x509_certificates("\n".join(pasted).encode()))
        except (ValueError, Refusal, Unavailable) as refusal:
            return f"{UNSUCCESSFUL}{refusal}\n"
        return (
            f"Successfully imported certificate for {unit}.\n"
            f"Please restart services related to {unit} for the new certificate to become active.\n"
        )

    async def delete_trust(self, place: str, file: str) -> str:
        """Delete a certificate from a store, on every node that it replicates to (since 11.0, confirmed)."""
        store = place if self.node.settings["cert_delete"] == "store" else f"{place}-trust"
        certificate = self.files().get(f"{store}/{file}")
        if certificate is None or not self.allowed():
            return UNSUCCESSFUL
        self.node.delete(store, certificate)
        return f"Certificate {file} deleted\n"

    async def query(self) -> str:
        """Answer with the certificates of the cluster's database, as wide as a column is."""
        rows = "\n".join(pem([one]).decode().replace("\n", " \n") for one in self.node.database())
        return f"certificate\n{'=' * 60}\n{rows}\n"


TAGS = {
    "old": ("Issuer Name", "Subject Name", "Validity From", "           To"),
    "new": ("IssuerDN", "SubjectDN", "Start Date", "Final Date"),
}
"""How a decoded certificate names its members: until 14SU1, and from 14SU2 on (Security Guide 14, confirmed)."""

Carry = Callable[..., Awaitable[str]]

COMMANDS: dict[re.Pattern[str], Carry] = {
    re.compile(r"set cli pagination off"): Shell.pages_off,
    re.compile(r"utils service list"): Shell.services,
    re.compile(r"utils service restart (\S.*)"): Shell.restart,
    re.compile(r"show cert list trust"): Shell.list_trust,
    re.compile(r"show cert trust (\S+)"): Shell.show_trust,
    re.compile(r"set cert import trust (\S+)"): Shell.import_trust,
    re.compile(r"set cert delete (\S+) (\S+\.pem)"): Shell.delete_trust,
    re.compile(r"run sql select c\.certificate from certificate as c .*"): Shell.query,
}
"""What can be typed; the groups are what the command takes."""
