"""Send signed updates to a zone's primary, and look whether every name server shows them."""

import base64
import binascii
import socket
from collections.abc import Sequence

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsig
from dns.rdataclass import IN
from dns.rdatatype import CNAME
from dns.rdatatype import TXT as TXT_TYPE
from dns.rdtypes.ANY.TXT import TXT
from dns.update import UpdateMessage

from engine.contracts import Office, Solver
from engine.errors import CertrenewError, Failed, NotSent, Unreachable, UsageError
from engine.text import escape
from engine.zones import Place, Zones, endpoint, parsed, shown, why
from plugins.rfc2136 import Options
from plugins.rfc2136.wire import UNCHANGED, Asked, refusal

TIMEOUT = 10.0
"""How long connecting, and the answer to an update, may take, in seconds."""

SAID: dict[type[dns.tsig.PeerError], str] = {
    dns.tsig.PeerBadKey: "BADKEY",
    dns.tsig.PeerBadSignature: "BADSIG",
    dns.tsig.PeerBadTime: "BADTIME",
    dns.tsig.PeerBadTruncation: "BADTRUNC",
}
"""What a server said of our signature, by the exception that dnspython makes of it."""


class Rfc2136(Solver):
    """Add and delete single TXT values by UPDATE over TCP; every answer must be signed with the same key."""

    def __init__(self, office: Office, options: Options) -> None:
        """Raises UsageError for settings that can't be."""
        self._secret, self._options = office.secret, options
        self._zones = Zones(options.resolver, options.nameservers)
        self._address = endpoint(options.server, "server")
        self._key_name = parsed(options.key_name)

    def present(self, name: str, value: str) -> None:
        """Add one value, beside others of the name; a server keeps it once however often it is added."""
        key, place = self._key(), self._zones.place(name, self._options.zone)
        update = UpdateMessage(place.zone, keyring=key)
        # Beside an alias the server would add nothing and say that all is well (RFC 2136 section 3.4.2.2).
        update.absent(place.name, CNAME)
        update.add(place.name, self._options.ttl, record(value))
        self._send(update, place)

    def missing_on(self, name: str, value: str) -> Sequence[str]:
        """Name the servers that don't show the value, each with the reason."""
        return self._zones.missing(name, value, self._options.zone)

    def remove(self, name: str, value: str) -> None:
        """Delete this one value; a server takes no offence when it is gone."""
        key, place = self._key(), self._zones.place(name, self._options.zone)
        update = UpdateMessage(place.zone, keyring=key)
        update.delete(place.name, record(value))
        self._send(update, place)

    def _key(self) -> dns.tsig.Key:
        """Read the secret for one message; it is kept in that message alone."""
        try:
            secret = base64.b64decode(self._secret(self._options.key), validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if not secret:
            raise UsageError(
                "`key` leads to something that is no Base64 text.",
                untouched="Nothing was sent.",
                todo="Put the secret of the TSIG key there, alone, as the server's configuration has it.",
            )
        return dns.tsig.Key(self._key_name, secret, self._options.key_algorithm)

    def _send(self, update: UpdateMessage, place: Place) -> None:
        """Send the update once. Raises what the server's answer means, or Unreachable when none came."""
        server, options = self._options.server, self._options
        asked = Asked(server, shown(place.zone), shown(place.name), options.key_name, options.key_algorithm)
        with self._connection() as connection:
            try:
                answer = _believed(_exchange(connection, update.to_wire()), update)
            except dns.tsig.PeerError as error:
                raise refusal(SAID.get(type(error), type(error).__name__), asked) from None
            except (dns.exception.DNSException, OSError, EOFError) as error:
                raise self._unclear(error) from None
        if answer.rcode() != dns.rcode.NOERROR:  # some of these are never signed, and none is worth forging
            raise refusal(dns.rcode.to_text(answer.rcode()), asked)
        if not answer.had_tsig:
            raise Failed(
                f"The answer of {escape(server)} is not signed with the key {escape(options.key_name)}.",
                untouched="Whether the record was changed is not known; asking again does no harm.",
                todo="Find out who answers there: a name server signs its answer to a signed update.",
            )

    def _connection(self) -> socket.socket:
        try:
            return socket.create_connection(self._address, TIMEOUT)
        except OSError as error:
            raise NotSent(
                f"The name server {escape(self._options.server)} takes no connection: {why(error)}.",
                untouched=UNCHANGED,
                todo="Check `server`, and that TCP to its port is let through from here.",
            ) from None

    def _unclear(self, error: Exception) -> CertrenewError:
        """Tell an answer that can't be believed from one that never came."""
        silent = isinstance(error, dns.exception.Timeout | OSError | EOFError)
        what = f"gave no answer to an update: {why(error)}" if silent else f"gave a bad answer: {type(error).__name__}"
        return (Unreachable if silent else Failed)(
            f"The name server {escape(self._options.server)} {what}.",
            untouched="Whether the record was changed is not known; asking again does no harm.",
            todo="Look whether it is up, and into its log; then run the same command again.",
        )


def _exchange(connection: socket.socket, octets: bytes) -> bytes:
    """Send a message and read the one that answers (RFC 1035 section 4.2.2). Raises OSError and EOFError."""
    connection.sendall(len(octets).to_bytes(2, "big") + octets)
    with connection.makefile("rb") as stream:
        length = int.from_bytes(stream.read(2), "big")
        answer = stream.read(length)
    if not length or len(answer) < length:
        raise EOFError
    return answer


def _believed(octets: bytes, update: UpdateMessage) -> dns.message.Message:
    """Read an answer to this update; what is signed in it was verified. Raises DNSException."""
    answer = dns.message.from_wire(octets, keyring=False)
    if not update.is_response(answer):
        raise dns.query.BadResponse
    if not answer.had_tsig:
        return answer
    return dns.message.from_wire(octets, keyring=update.keyring, request_mac=update.mac)


def record(value: str) -> TXT:
    """Make a TXT record of any text, without a way to escape: strings of at most 255 octets (RFC 1035 3.3.14)."""
    octets = value.encode()
    parts = [octets[at : at + 255] for at in range(0, len(octets), 255)] or [b""]
    return TXT(IN, TXT_TYPE, parts)
