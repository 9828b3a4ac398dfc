"""Talk to one ACME server (RFC 8555), a method for each thing that is asked of it.

Every method raises NotSent, Unreachable or Untrusted where no answer came, Problem for what the CA objects to, and
Failed for an answer that can't be read. Nothing sleeps: who is put off is told for how long.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from acme import errors, messages
from acme.client import ClientV2
from cryptography import x509
from josepy import errors as jose_errors
from josepy.interfaces import JSONDeSerializable
from josepy.jwk import JWK

from engine.certificates import NotACertificate, read_certificates
from engine.errors import Failed, LoginRefused
from engine.model import Json
from engine.text import escape
from plugins.acme import wire
from plugins.acme.client import Network, alternates
from plugins.acme.key import AccountKey

CHAINS = 8
"""How many alternate chains are looked at."""
PUT_OFF = 60
"""For how long to wait when the CA is busy and names no time, in seconds."""

if TYPE_CHECKING:
    import requests

_MALFORMED = ValueError, KeyError, TypeError, AttributeError, RecursionError
"""What the libraries raise for JSON of another shape, or deeper, than they expect."""


class Problem(Failed):
    """The CA answered with a problem document (RFC 8555 section 6.7); `code` is its kind, `said` its words, escaped.

    `retry_after` is in seconds, above 0 only where the CA puts us off for that long.
    """

    def __init__(self, what: str, *, code: str, said: str, status: int, retry_after: int) -> None:
        super().__init__(what, todo="Settle with the CA what it says, then run the same command again.")
        self.code, self.said, self.status, self.retry_after = code, said, status, retry_after

    @property
    def final(self) -> bool:
        """Tell whether asking again is useless: it is our request that the CA objects to."""
        return bool(self.code) and 400 <= self.status < 500 and not self.retry_after


class Ca:
    """Be one conversation with one CA; close it by leaving its ``with`` block, and the key is forgotten."""

    def __init__(self, directory: str, ca: Path | None, now: datetime, key: AccountKey | None = None) -> None:
        self._url, self._now = directory, now
        self._net = Network(directory, ca, key)

    def __enter__(self) -> "Ca":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _it: BaseException | None, _at: TracebackType | None) -> None:
        self._net.close()

    # ---- without an account ------------------------------------------------------------------------------------------

    @cached_property
    def directory(self) -> messages.Directory:
        """Return the directory (RFC 8555 section 7.1.1)."""
        with self._told("directory"):
            return ClientV2.get_directory(self._url, self._net)

    @property
    def meta(self) -> messages.Directory.Meta:
        """Return what the directory says of the CA."""
        found: messages.Directory.Meta = self.directory["meta"]
        return found

    @property
    def profiles(self) -> dict[str, Json]:
        """Return the profiles that the CA names, with its descriptions."""
        found: Json = self.meta.profiles
        return dict(found) if isinstance(found, Mapping) else {}

    @property
    def renewal_info(self) -> str:
        """Return where renewal information is (RFC 9773 section 4); empty when the CA has none."""
        return str(getattr(self.directory, "renewalInfo", ""))

    def suggested(self, name: str) -> Any | None:
        """Return the renewal information of a certificate as JSON; None when the CA does not know it."""
        with self._told("renewal information"):
            try:
                return self._net.get(f"{self.renewal_info.rstrip('/')}/{name}").json()
            except (messages.Error, errors.ClientError):
                if 400 <= self._net.status < 500 and self._net.status != 429:
                    return None
                raise

    # ---- account -----------------------------------------------------------------------------------------------------

    def register(self, contact: list[str], terms_agreed: bool, binding: tuple[str, str] | None) -> str:
        """Return the address of this key's account, which is made when there is none (RFC 8555 section 7.3).

        `binding` is an external account's identifier and HMAC key. Raises LoginRefused when the CA refuses the account.
        """
        try:
            with self._told("account"):
                asked = messages.NewRegistration.from_data(
                    contact=tuple(f"mailto:{one}" for one in contact),
                    terms_of_service_agreed=terms_agreed or None,
                    external_account_binding=self._bound(binding) if binding else None,
                )
                return str(self._acme.new_account(asked).uri)
        except _Known as known:
            return known.location
        except Problem as problem:
            if not problem.final:
                raise
            raise LoginRefused(
                f"The CA refuses the account: {problem.said}.",
                untouched="Nothing was ordered.",
                todo="Check `account_key`, `contact`, `eab_kid` and `eab_key` in the site against what the CA gave.",
            ) from None

    def _bound(self, binding: tuple[str, str]) -> dict[str, Any]:
        return messages.ExternalAccountBinding.from_data(self.key.public_key(), *binding, self.directory)

    def as_account(self, url: str) -> None:
        """Sign what follows as this account."""
        self._net.account = messages.RegistrationResource(uri=url, body=messages.Registration())

    @property
    def key(self) -> JWK:
        """Return the account's key, to make the values that prove it; there must be one."""
        return cast(JWK, self._net.key)

    # ---- orders ------------------------------------------------------------------------------------------------------

    def new_order(self, order: wire.NewOrder) -> tuple[str, messages.Order]:
        """Order, and return where the order is."""
        with self._told("order"):
            answer = self._post(self.directory["newOrder"], order)
            return answer.headers["Location"], _order(answer)

    def order(self, url: str) -> messages.Order:
        """Return an order as it is now."""
        with self._told("order"):
            return _order(self._post(url))

    def authorization(self, url: str) -> messages.Authorization:
        """Return an authorization as it is now."""
        with self._told("authorization"):
            found: messages.Authorization = messages.Authorization.from_json(self._post(url).json())
            needed = [found.identifier.value, *(one.uri for one in found.challenges or ())]
            if not all(isinstance(one, str) for one in needed):
                raise ValueError("a name or an address is no text")
            return found

    def answer(self, url: str) -> None:
        """Have the CA look for what was published."""
        with self._told("challenge"):
            self._post(url, wire.Published())

    def finalize(self, url: str, csr: x509.CertificateSigningRequest) -> messages.Order:
        """Hand over the CSR: from here on the CA may issue."""
        with self._told("CSR"):
            return _order(self._post(url, messages.CertificateRequest(csr=csr)))

    def chains(self, url: str) -> Iterator[list[x509.Certificate]]:
        """Yield the certificate with its chain, then with each alternate one that can be had."""
        with self._told("certificate"):
            answer = self._post(url)
            yield read_certificates(answer.content, "the CA's answer")
        for link in alternates(answer)[:CHAINS]:
            try:
                with self._told("alternate chain"):
                    found = read_certificates(self._post(link).content, "the alternate chain")
            except Failed:  # the first one is there; an alternate is only a convenience
                continue
            yield found

    def put_off(self, default: int) -> int:
        """Return for how many seconds the last answer asked to be left in peace."""
        return wire.retry_after(self._net.retry_after, self._now, default)

    # ---- below -------------------------------------------------------------------------------------------------------

    @cached_property
    def _acme(self) -> ClientV2:
        return ClientV2(self.directory, self._net)

    def _post(self, url: str, message: JSONDeSerializable | None = None) -> "requests.Response":
        """Send a signed message, or none: POST-as-GET (RFC 8555 section 6.3)."""
        return self._net.post(url, message, new_nonce_url=self.directory["newNonce"])

    @contextmanager
    def _told(self, about: str) -> Iterator[None]:
        """Turn what the libraries raise into what this project raises, escaped."""
        try:
            yield
        except messages.Error as error:
            raise self._problem(about, error) from None
        except errors.ConflictError as error:
            if about == "account":
                raise _Known(error.location) from None
            raise Problem(
                f"The CA refuses the {about}: conflict.", code="conflict", said="conflict", status=409, retry_after=0
            ) from None
        except (errors.Error, jose_errors.Error, NotACertificate, *_MALFORMED) as error:
            raise self._unreadable(about, error) from None

    def _problem(self, about: str, error: messages.Error) -> Problem:
        code, said, status = wire.code(error), wire.words(error), self._net.status
        busy = code == "rateLimited" or status in (429, 503)
        wait = self.put_off(PUT_OFF) if busy else 0
        return Problem(f"The CA refuses the {about}: {said}.", code=code, said=said, status=status, retry_after=wait)

    def _unreadable(self, about: str, error: Exception) -> Failed:
        status = self._net.status
        return Failed(
            f"{escape(self._url, 200)} answered something that is no ACME {about} (HTTP {status}, "
            f"{type(error).__name__}).",
            untouched="Nothing was kept of the answer.",
            todo="Check `directory` in the authority's options; is a proxy or a web page in between?",
        )


def _order(answer: "requests.Response") -> messages.Order:
    found: messages.Order = messages.Order.from_json(answer.json())
    return found


class _Known(Exception):
    """The key has an account already, at `location`."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location
