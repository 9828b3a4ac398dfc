"""Have a CFSSL server sign, by its endpoint `authsign`: it signs at once or says no, and keeps no requests."""

import base64
import hmac
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.contracts import Answer, Authority, AuthorityPlugin, Issued, Office, Rejected, SigningRequest
from engine.errors import Failed, LoginRefused, UsageError
from engine.hookspecs import hookimpl
from engine.https import HttpsClient, Response
from engine.model import Value
from engine.net import TlsTrust, split_address
from engine.text import escape


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of one CFSSL server, ``[authorities.NAME.options]``.

    `address`: HOST:PORT of its HTTPS; the host is also the name that its certificate must carry.

    `ca`: PEM file with the CA certificates that verify it.

    `key`: reference to the authentication key that its configuration has under `auth_keys`, in hex.

    `profile`: the signing profile; empty by default, and then the server's default one is used. The server takes an
    unknown name for its default, too.
    """

    address: str
    ca: Path
    key: str | list[str]
    profile: str = ""


class Cfssl(Authority):
    """Be one server. Each submission makes a certificate, so it is not `repeatable`."""

    def __init__(self, office: Office, options: Options) -> None:
        self._office, self._options = office, options
        host, _ = split_address(options.address)
        self._client = HttpsClient(options.address, TlsTrust(host, ca=str(options.ca)))

    def submit(self, request: SigningRequest) -> Answer:
        """Send the CSR with its token, and return what the server answers, which is final."""
        asked = json.dumps({"certificate_request": request.csr, "profile": self._options.profile}).encode()
        token = hmac.digest(self._key(), asked, "sha256")
        body = json.dumps({"token": base64.b64encode(token).decode(), "request": base64.b64encode(asked).decode()})
        return _answer(self._client.request("POST", "/api/v1/cfssl/authsign", body=body.encode()))

    def collect(self, ticket: dict[str, Any]) -> Answer:
        """Raise Failed: no answer of this authority has a ticket."""
        raise Failed("A CFSSL server keeps no requests.", todo="Submit it again: certrenew resubmit ID")

    def cancel(self, ticket: dict[str, Any]) -> None:
        """Do nothing: no request is ever open."""

    def _key(self) -> bytes:
        try:
            return bytes.fromhex(self._office.secret(self._options.key))
        except ValueError:
            raise UsageError(
                "The authentication key of the CFSSL server is no text in hex.",
                untouched="Nothing was sent.",
                todo="Store it as it stands under auth_keys in the server's configuration.",
            ) from None


class _Message(msgspec.Struct):
    message: str


class _Result(msgspec.Struct):
    certificate: str


class _Reply(msgspec.Struct):
    success: bool
    result: _Result | None = None
    errors: list[_Message] = []


def _answer(response: Response) -> Answer:
    try:
        reply = msgspec.json.decode(response.body, type=_Reply)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        what = f"The CFSSL server answered {response.status} with no JSON of its own."
        raise Failed(what, todo="See what answers at its address, and whether it signed.") from None
    if reply.success and reply.result:
        return Issued(content=reply.result.certificate.encode())
    reason = "; ".join(error.message for error in reply.errors) or "it gave no reason"
    if reason == "invalid token":
        raise LoginRefused(f"The CFSSL server says: {escape(reason)}.", todo="Correct the authority's `key`.")
    return Rejected(reason=reason)


@hookimpl
def register_authorities() -> Sequence[AuthorityPlugin]:
    """Offer it as ``plugin = "cfssl"``."""
    return [AuthorityPlugin("cfssl", Options, Cfssl)]
