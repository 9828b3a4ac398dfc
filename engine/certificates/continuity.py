"""Decide whether the same CA signed the old and the new certificate, by its key and not by key identifiers.

An equal authority key identifier proves nothing: it is copied by a foreign CA, shared by two names of one key, and
absent, or changed by a renewal of the CA, where the key stayed the same (RFC 5280 section 4.2.1.1 leaves its value
free). So a signature decides. Read-only.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from cryptography import x509

from engine.certificates.chain import is_self_signed, same_dn, unique
from engine.certificates.facts import Decoded, authority_key_identifier, key_digest, name_fields, public_key
from engine.certificates.naming import normal_dn, normal_fields
from engine.certificates.signatures import signed_by
from engine.text import escape


class Grade(StrEnum):
    """Say how the CA of the new certificate relates to that of the old one."""

    SAME = "same"
    RENEWED = "renewed CA certificate with the same key"
    REKEYED = "re-keyed under the same name"
    CROSS_SIGNED = "cross-signed"
    RENAMED = "same CA key under another name"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


_TEXTS = {
    Grade.SAME: "The same CA, with the same key, signed the old and the new certificate.",
    Grade.RENEWED: "The same CA key signed both; more than one CA certificate is at hand for that key, so peers may"
    " hold the older one.",
    Grade.CROSS_SIGNED: "The same CA key signed both, but other CAs have certified that key, too: peers may end at"
    " another root.",
    Grade.RENAMED: "The same key signed both, but the CA has another name now: peers that know the old name can't"
    " verify the new certificate.",
    Grade.REKEYED: "The CA has the same name, but another key: peers that hold its old certificate can't verify the"
    " new one. Spread the new CA certificate first.",
    Grade.DIFFERENT: "Another CA signed the new certificate: peers need its chain first.",
    Grade.UNKNOWN: "It can't be shown whether the same CA signed both, for the CA certificate of the old one is not at"
    " hand: treat it as a new CA.",
}


class SameCa(NamedTuple):
    """Be the answer: `verdict` true (one CA key signed both), false (shown that not), None (neither can be shown)."""

    verdict: bool | None
    grade: Grade
    text: str


def same_ca(old: x509.Certificate, new: x509.Certificate, pool: Iterable[x509.Certificate]) -> SameCa:
    """Compare the CAs of two certificates with the CA certificates at hand (`pool`); see Grade. Read-only."""
    at_hand = unique(one for one in pool if one not in (old, new))
    of_old, of_new = _signers(old, at_hand), _signers(new, at_hand)
    if is_self_signed(old):
        of_old = unique([*of_old, old])
    keys = {_key(one) for one in of_old} & {_key(one) for one in of_new}
    if keys:
        return _answer(True, _shared(old, new, [one for one in of_old if _key(one) in keys]), old, new)
    if not of_old:
        return _answer(None, Grade.UNKNOWN, old, new)
    return _answer(False, Grade.REKEYED if same_dn(old.issuer, new.issuer) else Grade.DIFFERENT, old, new)


def same_ca_by_text(old: Decoded, new: x509.Certificate) -> SameCa:
    """Compare with the text of a certificate: there is no signature to verify, so this only says what to expect."""
    same_name = normal_fields(old.issuer) == normal_fields(name_fields(new.issuer))
    before, after = old.description.aki, authority_key_identifier(new)
    hints = [
        f"The issuer's name is {'the same' if same_name else 'another one'}"
        f' ("{escape(new.issuer.rfc4514_string(), 120)}").'
    ]
    if before and after:
        hints.append(f"The authority key identifiers are {'equal' if before == after else 'different'}.")
    text = "The old certificate is at hand as text only, and no signature can be verified: treat the CA as new."
    return SameCa(None, Grade.UNKNOWN, " ".join([text, *hints]))


def _signers(certificate: x509.Certificate, at_hand: list[x509.Certificate]) -> list[x509.Certificate]:
    return [one for one in at_hand if signed_by(one, certificate) is True]


def _key(certificate: x509.Certificate) -> str:
    key = public_key(certificate)
    return key_digest(key) if key else ""


def _shared(old: x509.Certificate, new: x509.Certificate, authorities: list[x509.Certificate]) -> Grade:
    """Grade one key that signed both, by the CA certificates at hand for that key."""
    if not same_dn(old.issuer, new.issuer):
        return Grade.RENAMED
    named = [one for one in authorities if same_dn(one.subject, new.issuer)]
    if len({normal_dn(one.issuer) for one in named}) > 1:
        return Grade.CROSS_SIGNED
    return Grade.RENEWED if len(named) > 1 else Grade.SAME


def _answer(verdict: bool | None, grade: Grade, old: x509.Certificate, new: x509.Certificate) -> SameCa:
    before, after = escape(old.issuer.rfc4514_string(), 120), escape(new.issuer.rfc4514_string(), 120)
    who = f'Old: "{before}"; new: "{after}".' if before != after else f'It is "{after}".'
    return SameCa(verdict, grade, f"{_TEXTS[grade]} {who}{_hint(verdict, old, new)}")


def _hint(verdict: bool | None, old: x509.Certificate, new: x509.Certificate) -> str:
    """Warn of an authority key identifier that says the opposite of the proof."""
    ours, theirs = authority_key_identifier(old), authority_key_identifier(new)
    if verdict and ours != theirs:
        return " The authority key identifiers differ; the signatures prove more."
    if not verdict and ours and ours == theirs:
        return " The authority key identifiers are equal, which alone proves nothing."
    return ""
