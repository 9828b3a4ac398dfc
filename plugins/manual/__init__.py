"""Have people sign: the CSR and a ready-to-send letter go into the renewal's folder, and `supply` takes the answer.

For users: docs/reference/manual.md.
"""

from collections.abc import Sequence

from engine.contracts import Authority, AuthorityPlugin, Office
from engine.hookspecs import hookimpl
from engine.model import Value


class Options(Value, frozen=True, kw_only=True):
    """Be the settings of one such authority, ``[authorities.NAME.options]``; none is needed.

    `template`: the name of the certificate template or profile to ask for, as the PKI team calls it; empty by
    default, and then the letter only says what the certificate must contain.

    `contact`: whom the letter is for, such as a mail address or a queue of the ticket system; empty by default, and
    then the letter has no line `To`.
    """

    template: str = ""
    contact: str = ""


def connect(_office: Office, options: Options) -> Authority:
    """Make the authority; nothing is written or sent."""
    from plugins.manual.authority import Manual

    return Manual(options)


@hookimpl
def register_authorities() -> Sequence[AuthorityPlugin]:
    """Offer it as ``plugin = "manual"``."""
    return [AuthorityPlugin("manual", Options, connect)]
