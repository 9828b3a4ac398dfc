"""Be an Expressway in the words of `engine.contracts.Device`; sources in docs/reference/expressway.md."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine.contracts import Access, BoxStatus, CsrSpec, Device, PrivateKey, Survey, Surveyor
from engine.errors import ApiDisabled, Failed, Refused, UsageError, Waiting
from engine.https import Response
from engine.text import escape, stamp
from plugins.expressway import Options, survey, wire
from plugins.expressway.client import Client
from plugins.expressway.limits import limits
from plugins.expressway.raml import Api, read_raml
from plugins.expressway.status import read_status

if TYPE_CHECKING:
    from cryptography import x509

    from plugins.expressway.form.client import Page
    from plugins.expressway.sftp.client import Folder

BY_HAND = "Do it on the box's web page, with the node's driver set to `guided`"
SERVER_PAGE = "Maintenance > Security > Server certificate"
TRUSTED_PAGE = "Maintenance > Security > Trusted CA certificate"


class Expressway(Device, Surveyor):
    """Drive one box over its REST API, of X8.10 and later.

    Before the first other request the box is asked, once, for its status and for the description of its API. No
    write is repeated. Raises, besides what each method says: LoginRefused, ApiDisabled, Unreachable, Untrusted, Failed.
    """

    def __init__(self, access: Access, options: Options) -> None:
        self._access, self._node, self._address, self._options = access, access.node, access.address, options
        self._client = Client(access)

    @property
    def restart_timeout(self) -> int:
        """Return the setting `restart_timeout`, in seconds."""
        return self._options.restart_timeout

    @property
    def poll_interval(self) -> int:
        """Return the setting `poll_interval`, in seconds."""
        return self._options.poll_interval

    @property
    def trust_needs_restart(self) -> bool:
        """Return the setting `trust_needs_restart`: the vendor's documents contradict each other."""
        return self._options.trust_needs_restart

    def slots(self) -> tuple[str, ...]:
        """Name ``server``, and ``client`` where the setting `client_store` says how it is reached. Sends nothing."""
        return ("server", "client") if self._options.client_store else ("server",)

    def status(self) -> BoxStatus:
        """Read ``/status.xml``, one request; the release is the box's own text, such as ``X14.3.1``. Read-only.

        The box's clock is taken from the answer's header ``Date``, whose zone is never in doubt.
        """
        answer = self._expect(wire.STATUS, self._client.get(wire.STATUS))
        self._client.status = read_status(answer.body, self._node)
        return replace(self._client.status.box, clock=stamp(answer.date) if answer.date else "")

    def certificate(self, slot: str) -> "x509.Certificate":
        """Read the slot's certificate, the first one if the box gives several. Read-only."""
        found = wire.certificates(self._read(self._path(slot)).body, self._node, f"{slot} certificate")
        if not found:
            raise Failed(
                f"{escape(self._node)} gave no {slot} certificate.",
                untouched="Nothing was changed.",
                todo=f"Look at it on the box's web page ({SERVER_PAGE}).",
            )
        return found[0]

    def trusted(self, store: str = "") -> "list[x509.Certificate]":
        """Read the one list of trusted CA certificates, in the box's order. Read-only."""
        return wire.certificates(self._read(wire.ROOT).body, self._node, "list of trusted CA certificates")

    def add_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        """Append one CA certificate to the list; what is there stays (seen in the only capture)."""
        self._upload(wire.ROOT, certificate, "add the CA certificate")

    def remove_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        """Have people take it out on the box's page: no way to delete by the API is known. Sends nothing."""
        from engine.certificates import fingerprint
        from engine.certificates.facts import label

        box = f"{escape(self._node)} (https://{escape(self._address)})"
        named = f"{label(certificate)}, serial {certificate.serial_number:x}, SHA-256 {fingerprint(certificate)}"
        step = f"{box}, {TRUSTED_PAGE}: select {named}, and press Delete. Take no other one out."
        raise Waiting(
            f"A person has to take CA certificates out of the list of {escape(self._node)}.",
            on="person",
            todo="When it is done, run the same command again.",
        ).asking(steps=[step])

    def pending_csr(self) -> "x509.CertificateSigningRequest | None":
        """Read the pending CSR; None only when the box says in its own form that there is none. Read-only."""
        self._require("GET", wire.CSR)
        answer = self._client.get(wire.CSR)
        if wire.no_csr(answer.status, answer.body):
            return None
        return wire.request(self._expect(wire.CSR, answer).body, self._node)

    def csr_limits(self, spec: CsrSpec) -> Sequence[str]:
        """Say what of `spec` the API can't express; reads the box's own name, which becomes the CSR's. Read-only."""
        _ = self._api
        status = self._client.status
        name = self._options.csr_common_name or self._own_name()
        return limits(spec, status.box.release if status else "", name)

    def generate_csr(self, spec: CsrSpec) -> None:
        """Have the box make a key and a CSR.

        Refuses (Refused) what the API can't express, and when a CSR is pending; also when the box says so, because
        somebody made one in between. An answer in unknown words is settled by looking whether a CSR is pending now.
        """
        self._require("POST", wire.CSR)
        if short := self.csr_limits(spec):
            raise Refused(
                f"The API of {escape(self._node)} can't make this CSR. {' '.join(short)}",
                untouched="No key and no CSR was made.",
                todo=f"Make it by hand: {SERVER_PAGE} > Generate CSR.",
            )
        if self.pending_csr() is not None:
            raise self._pending()
        answer = self._client.post(wire.CSR, wire.csr_body(spec))
        if wire.conflicts(answer.status, answer.body):
            raise self._pending()
        if wire.unclear(answer.status, answer.body) and self.pending_csr() is not None:
            return
        self._judge(wire.CSR, answer, "make a CSR", "Correct what it names, then run the command again.")

    def install(self, slot: str, leaf: "x509.Certificate") -> None:
        """Upload the leaf alone, as PEM, of the pending CSR's key; the box presents it after a restart."""
        self._upload(self._path(slot), leaf, f"take the {slot} certificate")

    def install_in_both(self, leaf: "x509.Certificate") -> None:
        """Upload the leaf as server certificate with the form's field that has the box copy it into the client slot.

        Raises Refused where the setting `copy_to_client` does not name that field. What could not be read back is
        refused, too, so `client_store` is needed besides.
        """
        if not (self._options.copy_to_client and self._options.client_store):
            raise Refused(
                f"How the API of {escape(self._node)} copies a server certificate into the client slot is not known.",
                untouched="Nothing was uploaded.",
                todo=f"Set `copy_to_client` and `client_store` in [nodes.{escape(self._node)}.options], see "
                "docs/reference/expressway.md; or renew the two slots with a certificate each.",
            )
        self._upload(wire.SERVER, leaf, "take the certificate for both slots", also=self._options.copy_to_client)

    @property
    def gives_keys(self) -> bool:
        """Tell whether the settings `sftp` are there."""
        return self._options.sftp is not None

    @property
    def takes_keys(self) -> bool:
        """Tell whether the settings `web_form` are there."""
        return self._options.web_form is not None

    def private_key(self, key: str) -> PrivateKey:
        """Find the key among the regular files of the box's folder, by its public key, over SFTP.

        Files over `sftp.wire.CAP` are passed over; what is not this key is forgotten at once.
        """
        return self._folder.find(key) if self._folder else super().private_key(key)

    def check_keys(self) -> None:
        """Log in by SFTP, where that is set, and list the folder; no file is read."""
        if self._folder:
            self._folder.check()

    def install_with_key(self, slot: str, leaf: "x509.Certificate", private: bytes) -> None:
        """Upload leaf and key, as PEM, on the page of the server certificate, logged in as on the web."""
        if slot != "server" or self._form is None:
            return super().install_with_key(slot, leaf, private)
        from cryptography.hazmat.primitives.serialization import Encoding

        return self._form.upload(leaf.public_bytes(Encoding.PEM), private)

    @cached_property
    def _folder(self) -> "Folder | None":
        from plugins.expressway.sftp.client import Folder

        return Folder(self._access, self._options.sftp) if self._options.sftp else None

    @cached_property
    def _form(self) -> "Page | None":
        from plugins.expressway.form.client import Page

        return Page(self._access, self._options.web_form) if self._options.web_form else None

    def restart(self) -> None:
        """Ask for a restart of the application, not of the machine.

        Raises Unreachable when the connection breaks before the answer, which a box that goes down at once may do:
        whether it took the request shows only in what it does next, so the caller looks.
        """
        self._write(wire.RESTART, None, "restart", f"{BY_HAND}: Maintenance > Restart options > Restart.")

    def survey(self) -> Survey:
        """Read what the box says of the estate around it: one request for each resource of `survey.PARTS` it lists."""
        answers: dict[str, bytes] = {}
        unread: dict[str, str] = {}
        for path in (part.path for part in survey.PARTS):
            if not self._offers("GET", path):
                unread[path] = "the description of its API does not list it"
                continue
            answer = self._client.get(path)
            if answer.status == 200:
                answers[path] = answer.body
            else:
                unread[path] = wire.words(answer.status, answer.body)
        release = self._client.status.box.release if self._client.status else ""
        return survey.survey(answers, release, unread)

    @cached_property
    def _api(self) -> Api:
        """Ask for the release, then for the description of the API. Raises Failed when it is needed and not there."""
        release = escape(self.status().release, 20)
        answer = self._client.get(wire.RAML)
        api = read_raml(answer.body) if answer.status == 200 else Api({})
        if api.resources or self._options.api_description == "advisory":
            return api
        raise Failed(
            f"{escape(self._node)} ({release}) tells its status, but the description of its API, {wire.RAML}, "
            f"can't be read: {wire.words(answer.status, answer.body)}.",
            untouched="Nothing was changed; which certificate functions this box has is not known.",
            todo="Open it in a browser with the same account. Where it lists provisioning/certs, set "
            f'`api_description = "advisory"` in [nodes.{escape(self._node)}.options].',
        )

    def _require(self, method: str, path: str) -> None:
        """Refuse what the box's own description does not list. Raises ApiDisabled."""
        if self._offers(method, path):
            return
        release = self._client.status.box.release if self._client.status else "?"
        raise ApiDisabled(
            f"{escape(self._node)} ({escape(release, 20)}) has no {method} {path}, by the description of its own API.",
            untouched="Nothing was sent to it.",
            todo=f'{BY_HAND}, or set `api_description = "advisory"` if the description is incomplete.',
        )

    def _offers(self, method: str, path: str) -> bool:
        """Tell whether a function may be asked for: the box lists it, or its list does not count."""
        return self._api.has(method, path) or self._options.api_description == "advisory"

    def _own_name(self) -> str:
        """Return the FQDN that the box puts as common name; empty where it does not tell."""
        if not self._offers("GET", wire.DNS):
            return ""
        answer = self._client.get(wire.DNS)
        return wire.own_name(answer.body) if answer.status == 200 else ""

    def _read(self, path: str) -> Response:
        self._require("GET", path)
        return self._expect(path, self._client.get(path))

    def _expect(self, path: str, answer: Response) -> Response:
        if answer.status != 200:
            raise Failed(
                f"{escape(self._node)} did not answer {path}: {wire.words(answer.status, answer.body)}.",
                untouched="Nothing was changed.",
                todo="If the box is starting, wait a few minutes; then run the same command again.",
            )
        return answer

    def _upload(self, path: str, certificate: "x509.Certificate", what: str, also: str = "") -> None:
        from cryptography.hazmat.primitives.serialization import Encoding

        self._require("POST", path)
        setting = self._options.upload
        body = wire.upload_body(certificate.public_bytes(Encoding.PEM), setting, self._api, path, also)
        sent = "multipart" if body.media.startswith("multipart/") else "raw"
        advice = (
            "A box refuses a certificate whose CA chain it does not trust, that is not of the pending CSR's key, or "
            f"that lacks a usage. If none is so, try the other encoding: `upload` was {sent}."
        )
        self._write(path, body, what, advice)

    def _write(self, path: str, body: wire.Body | None, what: str, todo: str) -> None:
        self._require("POST", path)
        self._judge(path, self._client.post(path, body), what, todo)

    def _judge(self, path: str, answer: Response, what: str, todo: str) -> None:
        if not wire.accepted(path, answer.status, answer.body, self._options.success_texts):
            raise wire.refusal(self._node, what, answer.status, answer.body, todo)

    def _pending(self) -> Refused:
        return Refused(
            f"A CSR is pending on {escape(self._node)} already; a second one would destroy the key of the first.",
            untouched="It was left as it is.",
            todo=f"Use it (`--adopt-csr`), or have somebody discard it at {SERVER_PAGE}, if no CA is signing it.",
        )

    def _path(self, slot: str) -> str:
        """Return the function of a slot. Raises UsageError for one that is out of reach."""
        if slot in self.slots():
            return self._options.client_store if slot == "client" else wire.SERVER
        listed = self._api.like("client") if slot == "client" else []
        found = f"Its own description lists {', '.join(listed)}: if that is it, set" if listed else "Set"
        raise UsageError(
            f"How the API of {escape(self._node)} reaches the slot {escape(slot, 40)} is not known.",
            untouched="Nothing was changed.",
            todo=f"{found} `client_store` in [nodes.{escape(self._node)}.options]. {BY_HAND}."
            if slot == "client"
            else f"It has: {', '.join(self.slots())}.",
        )
