"""Play who signs, for each kind of authority: what is prepared, what people do there, how often it was asked."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography import x509

from engine.certificates import to_pem
from engine.store import Store
from plugins.lab.adcs.ca import AdCs
from plugins.lab.authority import pem
from plugins.lab.files import write_private
from plugins.lab.lab import Lab
from tests.plugins.acme.desk import account_pem, web_server
from tests.plugins.acme.servers import Pebble, pebble


class Signing:
    """Be the team of people behind the authority ``manual``; others differ in what they override."""

    def prepare(self, lab: Lab) -> None:
        """Get ready for a new lab."""

    def signed(self, lab: Lab, id: str) -> str:
        """Return the path of what the CA issued for this renewal's CSR; it signs once, and finds it again later."""
        answer = lab.home / "answer.pem"
        if not answer.exists():
            found = next(iter(lab.authority.issued.values()), None)
            csr = Store(lab.home).artefact(id, Store(lab.home).load(id).renewal.items[0].csr)
            answer.write_bytes(pem(found[0]) if found else lab.sign(to_pem(x509.load_der_x509_csr(csr)).encode()))
        return str(answer)

    def settled(self, lab: Lab, id: str) -> tuple[str, ...]:
        """Look whether the CA got the request, and return the command that says so."""
        if lab.authority.issued:
            return "supply", id, self.signed(lab, id)
        return "confirm", id, "--not-there"

    def wait(self, lab: Lab) -> None:
        """Wait until asking again makes sense."""
        lab.effects.wait_for_more(0.2)

    def submissions(self, lab: Lab) -> int:
        """Return for how many requests the CA made a certificate, counting each time that it did."""
        return sum(len(answers) for answers in lab.authority.issued.values())


class Patient(Signing):
    """Be people whose site waits for replication as long as a busy machine takes: what it feeds itself comes twice."""

    def prepare(self, lab: Lab) -> None:
        """Set how long a CUCM subscriber is waited for."""
        text = lab.site_file.read_text()
        assert "replication = 5 " in text
        lab.site_file.write_text(text.replace("replication = 5 ", "replication = 600 "))


class WebEnrolment(Signing):
    """Be the AD CS of the lab: a request has a number, by which it can be found."""

    def settled(self, lab: Lab, id: str) -> tuple[str, ...]:
        """Say the number of the request that the CA has; its certificate, if any, is fetched by that."""
        office = lab.offices["adcs"]
        assert isinstance(office, AdCs)
        numbers = list(office.requests)
        return ("confirm", id, "--request", str(numbers[0])) if numbers else ("confirm", id, "--not-there")

    def wait(self, lab: Lab) -> None:
        """Ask again at once: it issues after having been asked so often."""

    def submissions(self, lab: Lab) -> int:
        """Return how many requests it got."""
        return len(lab.effects.of("request-submitted"))


class Acme(Signing):
    """Be a Pebble, with a web server whose folder the renewal writes its proofs into. It outlives the labs."""

    def __init__(self, server: Pebble, webroot: Path, root: Path) -> None:
        self._server, self._webroot, self._root, self._seen = server, webroot, root, 0

    def prepare(self, lab: Lab) -> None:
        """Have the site ask this server, with an account of its own."""
        site = lab.site_file.read_text()
        options = OPTIONS.format(directory=self._server.directory, ca=self._server.trust, webroot=self._webroot)
        before, _, after = site.partition("[authorities.corporate]")
        after = after[after.index("# --- Certificates") :]
        authority = f'[authorities.corporate]\nplugin = "acme"\nroots = ["{self._root}"]\n\n{options}\n'
        lab.site_file.write_text(before + authority + after)
        write_private(lab.home / "secrets" / "acme-account.pem", account_pem().encode())
        self._seen = self._issued()

    def wait(self, lab: Lab) -> None:
        """Wait until the server says something more."""
        self._server.output.more(0.1)

    def submissions(self, lab: Lab) -> int:
        """Return how many certificates it issued since this lab began: it makes one for each CSR that it gets."""
        return self._issued() - self._seen

    def _issued(self) -> int:
        return sum(bool(re.search(r"Issued certificate serial", line)) for line in self._server.output.lines)


OPTIONS = """[authorities.corporate.options]
directory = "{directory}"
account_key = "file:secrets/acme-account.pem"
ca = "{ca}"
terms_agreed = true
challenge = "http-01"
webroot = "{webroot}"
"""


@contextmanager
def people(_folder: Path) -> Iterator[Signing]:
    """Give people, or an office of the lab that needs nothing but people."""
    yield Signing()


@contextmanager
def patient(_folder: Path) -> Iterator[Signing]:
    """Give people beside a CUCM cluster."""
    yield Patient()


@contextmanager
def web_enrolment(_folder: Path) -> Iterator[Signing]:
    """Give an AD CS."""
    yield WebEnrolment()


@contextmanager
def acme(folder: Path) -> Iterator[Signing]:
    """Give a running Pebble."""
    webroot = folder / "webroot"
    webroot.mkdir(parents=True)
    with ExitStack() as running:
        server = running.enter_context(pebble(folder / "pebble"))
        running.enter_context(web_server(server.http_port, webroot))
        root = folder / "pebble-root.pem"
        root.write_text(to_pem(server.root()))
        yield Acme(server, webroot, root)
