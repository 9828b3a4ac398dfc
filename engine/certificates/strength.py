"""Judge the hashes and keys: what is broken, and what the box's releases take. Read-only."""

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from engine.certificates.facts import key_text, label, public_key
from engine.certificates.release import Release

RSA_LEAST, RSA_MOST = 2048, 4096
"""Sizes of RSA keys in bits: below, they are weak; above, SIP zones are known to fail."""
CURVES = {"secp256r1", "secp384r1", "secp521r1"}
CURVES_SINCE = Release.parse("X14.3")
_WEAK = {"md5", "sha1"}


def signatures(signed: Iterable[x509.Certificate]) -> tuple[list[str], list[str]]:
    """Return (refusals, doubts) about the signatures on these certificates. Leave roots out: nobody checks theirs."""
    refusals, doubts = [], []
    for one in signed:
        digest = _hash_name(one)
        if digest in _WEAK:
            refusals.append(f'The signature on "{label(one)}" uses {digest.upper()}, which is broken.')
        elif digest == "?":
            refusals.append(f'The signature on "{label(one)}" uses an algorithm that is not known here.')
        elif digest == "" or _is_pss(one):
            kind = "RSASSA-PSS" if digest else "an Edwards curve"
            doubts.append(f'The signature on "{label(one)}" uses {kind}; whether the box takes it is not documented.')
    return refusals, doubts


def leaf_key(leaf: x509.Certificate, release: Release | None) -> list[str]:
    """Return a sentence for each fault of the leaf's key on that release; without a release the newest is assumed."""
    key = public_key(leaf)
    text = key_text(key)
    if isinstance(key, rsa.RSAPublicKey):
        return _rsa(key.key_size, text)
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        return [f"The box takes RSA keys and the curves P-256, P-384 and P-521, and this key is {text}."]
    if release is not None and release < CURVES_SINCE:
        return [f"The key is {text}, which the box knows from {CURVES_SINCE} on; it runs {release}. Use RSA."]
    return []


def authority_keys(chain: Iterable[x509.Certificate]) -> list[str]:
    """Return a sentence for each CA certificate with an RSA key that is too short."""
    keys = [(one, public_key(one)) for one in chain]
    return [
        f'The CA "{label(one)}" has a key of only {key.key_size} bits.'
        for one, key in keys
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_LEAST
    ]


def _rsa(size: int, text: str) -> list[str]:
    if size < RSA_LEAST:
        return [f"The key is {text}: fewer than {RSA_LEAST} bits are weak."]
    if size > RSA_MOST:
        return [f"The key is {text}: with more than {RSA_MOST} bits SIP zones can fail."]
    return []


def _hash_name(certificate: x509.Certificate) -> str:
    """Return the hash's name, empty for a signature without one, ``?`` for an unknown one."""
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "?"
    return digest.name if digest else ""


def _is_pss(certificate: x509.Certificate) -> bool:
    return isinstance(certificate.signature_algorithm_parameters, padding.PSS)
