"""Have dns-lexicon change a provider's zone, and look whether every name server shows it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.resolver
import requests

from engine.contracts import Office, Solver
from engine.errors import CertrenewError, Failed, LoginRefused, Unreachable, UsageError
from engine.text import escape
from engine.zones import Place, Zones, shown
from plugins.lexicon import Options

if TYPE_CHECKING:
    from lexicon.client import Client

UNKNOWN = "Whether the record was changed is not known; asking again does no harm."


class Lexicon(Solver):
    """Add and delete single TXT values at a DNS provider."""

    def __init__(self, office: Office, options: Options) -> None:
        """Raises UsageError for settings that can't be, and where dns-lexicon is not installed."""
        try:
            import_module("lexicon")
        except ImportError:
            raise UsageError(
                "The solver `lexicon` needs the library dns-lexicon, which is not installed.",
                untouched="Nothing was sent.",
                todo="Install it where certrenew is: python -m pip install 'certrenew[lexicon]'",
            ) from None
        self._secret, self._options = office.secret, options
        self._zones = Zones(options.resolver, options.nameservers)

    def present(self, name: str, value: str) -> None:
        """Add one value; the library does nothing where it is there."""
        place = self._zones.place(name, self._options.zone)
        self._change(place, lambda provider: provider.create_record("TXT", _text(place), value))

    def missing_on(self, name: str, value: str) -> Sequence[str]:
        """Name the servers that don't show the value, each with the reason."""
        return self._zones.missing(name, value, self._options.zone)

    def remove(self, name: str, value: str) -> None:
        """Delete this one value; the library does nothing where it is gone."""
        place = self._zones.place(name, self._options.zone)
        # Never without the content: that would delete all values of the name.
        self._change(place, lambda provider: provider.delete_record(rtype="TXT", name=_text(place), content=value))

    def _change(self, place: Place, change: Callable[[Any], bool]) -> None:
        """Carry out one change at the provider. Raises what its failure means, without a word of the library's."""
        import lexicon.exceptions as theirs

        settings = self._settings(place)
        try:
            with self._apart(), _client(settings) as provider:
                done = change(provider)
        except theirs.ProviderNotAvailableError as error:
            raise UsageError(
                f"dns-lexicon can't be used for this: {escape(error, 300)}",
                untouched="Nothing was sent.",
                todo="Correct `provider`, or install what the library asks for.",
            ) from None
        except Exception as error:  # each provider's code fails in ways of its own
            raise self._failure(error, place, isinstance(error, theirs.AuthenticationError)) from None
        if not done:
            raise Failed(f"{self._who()} did not change {shown(place.name)}.", untouched=UNKNOWN, todo=self._by_hand())

    def _settings(self, place: Place) -> dict[str, Any]:
        """Return the library's settings, secrets and all, for one change."""
        zone, options = shown(place.zone), self._options
        secrets = {name: self._secret(reference) for name, reference in options.credentials.items()}
        # Some providers, such as ddns, look for the zone among their own settings.
        own = {"domain": zone, **options.settings, **secrets}
        return {
            "provider_name": options.provider,
            "domain": zone,
            "delegated": zone,
            "resolve_zone_name": True,  # else the library fetches a list of public suffixes from the Internet
            "ttl": options.ttl,
            options.provider: own,
        }

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Have the library ask our resolvers, and keep what it logs, which may hold secrets, from the terminal."""
        nowhere, before = logging.NullHandler(), dns.resolver.default_resolver
        logging.getLogger().addHandler(nowhere)
        dns.resolver.default_resolver = self._zones.resolver()
        try:
            yield
        finally:
            dns.resolver.default_resolver = before
            logging.getLogger().removeHandler(nowhere)

    def _failure(self, error: Exception, place: Place, refused: bool) -> CertrenewError:
        """Say what went wrong by its kind alone: the library's words may quote an address with a token in it."""
        status = getattr(getattr(error, "response", None), "status_code", 0)
        if refused or status in (401, 403):
            return LoginRefused(
                f"{self._who()} refuses the credentials, or they are not for the zone {shown(place.zone)}.",
                untouched="Nothing in the DNS was changed.",
                todo="Check `credentials` and `zone`.",
            )
        lost = requests.ConnectionError, requests.Timeout, dns.exception.Timeout, OSError, EOFError
        if isinstance(error, lost) and not status:
            return Unreachable(
                f"{self._who()} gave no answer ({type(error).__name__}).",
                untouched=UNKNOWN,
                todo="Check the network and the provider's state, then run the same command again.",
            )
        said = f"HTTP status {status}" if status else type(error).__name__
        return Failed(f"{self._who()} failed: {said}.", untouched=UNKNOWN, todo=self._by_hand())

    def _who(self) -> str:
        return f"The DNS provider {escape(self._options.provider, 100)}"

    def _by_hand(self) -> str:
        return f"Check `settings` and `credentials` against: lexicon {escape(self._options.provider, 100)} --help"


def _client(settings: dict[str, Any]) -> "Client":
    from lexicon.client import Client
    from lexicon.config import ConfigResolver

    return Client(ConfigResolver().with_dict(settings))  # type: ignore[no-untyped-call]  # typed but for its constructor


def _text(place: Place) -> str:
    return place.name.to_text(omit_final_dot=True)
