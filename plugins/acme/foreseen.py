"""Know before anything is ordered what the CA would refuse, and what it would leave out. Pure.

Sources are on the page ``docs/reference/acme.md``.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from acme import messages

from engine.errors import Refused
from engine.model import Json
from engine.text import escape
from plugins.acme import Options

_CLIENT_AUTH = ("clientAuth", "1.3.6.1.5.5.7.3.2")

_LETS_ENCRYPT = ("acme-v02.api.letsencrypt.org", "acme-staging-v02.api.letsencrypt.org")

_DEFAULT_ENDED = datetime(2026, 2, 11, tzinfo=UTC)
"""From then on Let's Encrypt leaves client authentication out of every profile but `tlsclient`."""
_ALL_ENDED = datetime(2026, 7, 8, tzinfo=UTC)
"""When `tlsclient` ended, too."""

_BREAKS = (
    "The certificate will lack clientAuth, which this box needs: it would be refused on upload, or zones and MRA would "
    "fail. Have a private CA sign, or see docs/reference/certificates.md for releases that do without."
)


def acceptable(meta: messages.Directory.Meta, profiles: Collection[str], options: Options) -> None:
    """Raise Refused for what a CA's directory says that it would refuse (RFC 8555 section 7.1.1)."""
    if meta.terms_of_service and not options.terms_agreed:
        raise _not_ordered(
            f"The CA wants its terms of service agreed to: {escape(meta.terms_of_service, 300)}",
            "Read them; where you agree, set `terms_agreed = true` in the authority's options.",
        )
    if meta.external_account_required and not options.eab_key:
        raise _not_ordered(
            "The CA takes only accounts that are bound to one you have with it",
            "Get key identifier and HMAC key from the CA; set `eab_kid` and `eab_key` in the authority's options.",
        )
    if options.profile and options.profile not in profiles:
        known = ", ".join(escape(name, 40) for name in sorted(profiles)) or "none"
        raise _not_ordered(
            f"The CA has no profile {escape(options.profile, 40)}; it names: {known}",
            "Correct `profile` in the authority's options.",
        )


def _not_ordered(what: str, todo: str) -> Refused:
    return Refused(f"{what}.", untouched="Nothing was ordered.", todo=todo)


def cautions(wanted: Sequence[str], options: Options, profiles: Mapping[str, Json], now: datetime) -> Iterator[str]:
    """Yield a sentence or two for each thing to know about client authentication; none when it is not `wanted`.

    `profiles` are those that the directory names, with the CA's own description. A CA is taken for a private one where
    the site says by which CA certificates its directory is verified.
    """
    profile = options.profile
    if not any(usage in _CLIENT_AUTH for usage in wanted):
        return
    host = (urlsplit(options.directory).hostname or "").lower()
    if host in _LETS_ENCRYPT and (now >= _ALL_ENDED or (now >= _DEFAULT_ENDED and profile != "tlsclient")):
        which = "any profile" if now >= _ALL_ENDED else f"the profile {escape(profile, 40) or 'classic'}"
        yield f"Let's Encrypt no longer issues clientAuth in {which}. {_BREAKS}"
    elif options.ca is None:
        yield (
            f"If {escape(host, 100)} is a public CA, expect no clientAuth: such CAs have stopped issuing it, or will "
            "by 2027-03-15, when Chrome's rules allow none to. The certificate would be refused by the check of usages."
        )
    if profile and profiles.get(profile):
        yield f"The CA describes the profile {escape(profile, 40)} as: {escape(profiles[profile], 160)}"
