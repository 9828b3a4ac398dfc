"""Give tests an AD CS of the lab that keeps what it was asked, and that can be told to answer something else."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.contracts import Office, SigningRequest
from engine.testing.authorities import signing_request
from plugins.adcs import Options, connect
from plugins.adcs.authority import AdCs as Backend
from plugins.lab.adcs.ca import DOMAIN, TEMPLATE, USER, AdCs
from plugins.lab.adcs.logins import Visitor
from plugins.lab.adcs.switches import ADCS_SWITCHES
from plugins.lab.api import Answer, Request
from plugins.lab.authority import CorporateCA, pem
from plugins.lab.effects import Effects
from plugins.lab.offices import Kit
from plugins.lab.switches import Settings

Fetch = Callable[[str | list[str]], str]

HOME, SUBMIT = "/certsrv", "/certsrv/certfnsh.asp"
CERTIFICATE, CHAIN = "/certsrv/certnew.cer", "/certsrv/certnew.p7b"
REFERENCE = "env:CA_PASSWORD"


class Server(AdCs):
    """Answer like the lab's AD CS, but for paths in `before` (without a login) and `instead` (after one)."""

    def __init__(self, folder: Path, **chosen: str) -> None:
        self.folder, self.asked = folder, list[Request]()
        self.before: dict[str, Answer] = {}
        self.instead: dict[str, Answer] = {}
        authority = CorporateCA(datetime.now(UTC))
        effects = Effects(folder / "effects.jsonl")
        super().__init__(Kit(folder, authority, effects, Settings(chosen, ADCS_SWITCHES), lambda: datetime.now(UTC)))
        self.ca = folder / "boxes.pem"
        self.ca.write_bytes(pem(authority.old.chain))

    def stop(self) -> None:
        """Stop listening, and close the log."""
        super().stop()
        self.effects.close()

    def _answer(self, visitor: Visitor, asked: Request) -> Answer:
        self.asked.append(asked)
        if asked.path in self.before:
            return self.before[asked.path]
        answer = super()._answer(visitor, asked)
        return self.instead.get(asked.path, answer) if answer.status != 401 else answer

    def options(self, **options: Any) -> Options:
        """Return options for this server: NTLM with the right login, unless said otherwise."""
        given = {
            "url": self.url,
            "template": TEMPLATE,
            "ca": self.ca,
            "auth": "ntlm",
            "username": f"{DOMAIN}\\{USER}",
            "password": REFERENCE,
        }
        return Options(**{**given, **options})

    def backend(self, known: str | None = None, *, fetch: Fetch | None = None, **options: Any) -> Backend:
        """Return a backend as a process of its own would make it, with the right password unless one is given."""
        right = self.account.password if known is None else known
        return made(self.options(**options), right, fetch)

    def kinds(self) -> list[str]:
        """Return what happened at the CA, in order."""
        return self.effects.kinds()

    def seen(self, path: str = "") -> list[tuple[str, str]]:
        """Return method and path of what was asked, of one path if named."""
        return [(one.method, one.path) for one in self.asked if path in ("", one.path)]


def made(options: Options, password: str, fetch: Fetch | None = None) -> Backend:
    """Return the backend as the application would make it, in this process or another."""
    office = Office(name="corporate", now=lambda: datetime.now(UTC), secret=fetch or (lambda _reference: password))
    backend = connect(office, options)
    assert isinstance(backend, Backend)
    return backend


def page(text: str, status: int = 200) -> Answer:
    """Answer with a web page."""
    return Answer(status, text.encode(), "text/html")


REQUEST: SigningRequest = signing_request()
