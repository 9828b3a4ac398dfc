"""Say whether phones outside will trust a certificate: the series 7800 and 8800 know a fixed list of public CAs.

That they do is confirmed by Cisco 213872; which CAs these are changes with their firmware and is in no source that is
known here, so it is a setting of the site. Read-only.
"""

from collections.abc import Sequence

from cryptography import x509

from engine.certificates.chain import Chain
from engine.certificates.facts import key_digest, label
from engine.certificates.public import is_public

PHONES = "Phones of the series 7800 and 8800 that register from outside"


def judge_phones(chain: Chain, phones: Sequence[x509.Certificate], same_ca: bool | None) -> tuple[str, list[str]]:
    """Return what to say when nothing is wrong, and what to warn of.

    `phones` are the CA certificates that they trust, empty where the site does not say.
    """
    top = chain.certificates[-1] if chain.certificates else None
    named = f'"{label(top)}"' if top else "an unknown CA"
    if phones:
        known = {key_digest(one.public_key()) for one in phones}
        if any(key_digest(one.public_key()) in known for one in chain.certificates):
            return f"{PHONES} trust it, by the site's list of their CAs.", []
        why = f"{named} is not on the site's list of the CAs that they trust: they will not register through this box."
        return "", [f"{PHONES} trust a fixed list of public CAs, and {why}"]
    if same_ca:
        return "The CA stays, so nothing changes for phones of the series 7800 and 8800, which know a fixed list.", []
    if not is_public(chain.leaf):
        return "", [f"{PHONES} trust a fixed list of public CAs only, and {named} is none: they will not trust it."]
    unsure = f"Whether {named} is on it is not known here: compare it with the list of their firmware."
    return "", [f"{PHONES} trust a fixed list of public CAs. {unsure}"]
