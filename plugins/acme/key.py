"""Make josepy's keys of what a secret reference led to; nothing of a key gets into an error."""

import json
from contextlib import suppress
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from josepy import b64, errors, jwa, jwk

from engine.contracts import Office
from engine.errors import UsageError
from engine.text import escape
from plugins.acme import Options

MAKE = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out acme-account.pem"
"""Makes an account's key, which only its owner may read."""

_CURVES = {"secp256r1": jwa.ES256, "secp384r1": jwa.ES384, "secp521r1": jwa.ES512}


class AccountKey(NamedTuple):
    """Be the key of an account with the algorithm it signs with (RFC 7518 section 3.1)."""

    key: jwk.JWK
    algorithm: jwa.JWASignature


def account_key(office: Office, options: Options) -> AccountKey:
    """Fetch and read the account's private key, PEM or JWK. Raises UsageError that says how to make one."""
    where = f"`account_key` of {escape(office.name)}"
    try:
        text = office.secret(options.account_key)
    except UsageError as error:
        raise UsageError(
            error.what, untouched="Nothing was sent.", todo=f"{error.todo} A new key is made by: {MAKE}".lstrip()
        ) from None
    try:
        return _from_jwk(text) if text.lstrip().startswith("{") else _from_pem(text)
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm, errors.Error):
        raise UsageError(
            f"{where} leads to no private key that ACME can use.",
            untouched="Nothing was sent.",
            todo="It takes an RSA or EC key (P-256, P-384, P-521), as PEM without a password or as JWK. Make one with: "
            + MAKE,
        ) from None


def binding(office: Office, options: Options) -> tuple[str, str] | None:
    """Fetch identifier and HMAC key (Base64url) of the external account, if there is one. Raises UsageError."""
    if not options.eab_key:
        return None
    stripped = office.secret(options.eab_key).strip().rstrip("=")
    with suppress(ValueError, TypeError):
        if b64.b64decode(stripped):
            return options.eab_kid, stripped
    raise UsageError(
        f"`eab_key` of {escape(office.name)} leads to no HMAC key in Base64url.",
        untouched="Nothing was sent.",
        todo="Put there what the CA gave as HMAC key, as it is.",
    )


def _from_pem(text: str) -> AccountKey:
    key = load_pem_private_key(text.encode(), None)
    if isinstance(key, rsa.RSAPrivateKey):
        return AccountKey(jwk.JWKRSA(key=key), jwa.RS256)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return AccountKey(jwk.JWKEC(key=key), _CURVES[key.curve.name])
    raise ValueError("another kind of key")


def _from_jwk(text: str) -> AccountKey:
    found = json.loads(text)
    _ = found["d"]  # only a private key has it
    key = jwk.JWK.from_json(found)
    if isinstance(key, jwk.JWKRSA):
        return AccountKey(key, jwa.RS256)
    if isinstance(key, jwk.JWKEC):
        return AccountKey(key, _CURVES[key.key.curve.name])
    raise ValueError("another kind of key")
