"""Verify the signature on a certificate with a CA's key, whatever the names say. Read-only."""

from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

from engine.certificates import der
from engine.certificates.extensions import Encoding
from engine.certificates.facts import public_key


@lru_cache(maxsize=4096)
def signed_by(issuer: x509.Certificate, subject: x509.Certificate) -> bool | None:
    """Tell whether the issuer's key signed the certificate; None when the algorithm is not known here.

    RSA with PKCS#1 v1.5 and PSS, ECDSA, Ed25519, Ed448 and DSA; weak hashes too, for judging them is another rule.
    """
    key = public_key(issuer)
    if key is None:
        return None
    if not well_formed(subject):
        return False
    try:
        return _verifies(key, subject)
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return None


def well_formed(certificate: x509.Certificate) -> bool:
    """Tell whether the part outside the signature is as RFC 5280 section 4.1.1 wants it.

    The signature does not cover the outer algorithm identifier, which must equal the inner one, nor the count of
    unused bits, which is zero: without this check a certificate could be altered there and still verify.
    """
    body, algorithm, signature = der.children(der.first(certificate.public_bytes(Encoding.DER)))
    parts = der.children(body)
    inner = parts[2] if parts[0].tag == 0xA0 else parts[1]
    return inner.whole == algorithm.whole and signature.content[:1] == b"\0"


def _verifies(key: object, subject: x509.Certificate) -> bool | None:
    signature, body = subject.signature, subject.tbs_certificate_bytes
    how, digest = subject.signature_algorithm_parameters, subject.signature_hash_algorithm
    try:
        match key:
            case rsa.RSAPublicKey() if digest:
                key.verify(signature, body, how if isinstance(how, padding.PSS) else padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey() if digest:
                key.verify(signature, body, ec.ECDSA(digest))
            case dsa.DSAPublicKey() if digest:
                key.verify(signature, body, digest)
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, body)
            case _:
                return False
    except InvalidSignature:
        return False
    return True
