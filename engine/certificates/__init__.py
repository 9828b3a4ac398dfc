"""Read, describe and judge X.509 certificates, with no file, no network and no clock: time is a parameter.

    reading      bytes of any form       -> certificates, a CSR, or what the file is instead
    decoded      a certificate's text    -> what the text says, where the certificate is not at hand
    facts        a certificate           -> names, usages, key, fingerprints, in the words of the contract
    chain        leaf and CA certificates -> the best chain to a root, with what is missing or wrong
    continuity   old, new and CA certificates -> whether one CA key signed both
    rules        all evidence            -> a verdict, whose `require` raises

The names below load their module when first used, so that importing this package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.certificates.chain import Chain, build_chain, is_self_signed, issued
    from engine.certificates.continuity import Grade, SameCa, same_ca
    from engine.certificates.decoded import read_decoded
    from engine.certificates.ekus import needed_usages
    from engine.certificates.facts import (
        Decoded,
        Description,
        common_name,
        csr_fingerprint,
        describe,
        eku,
        fingerprint,
        key_digest,
        key_text,
        public_key,
        subject_fields,
        to_pem,
    )
    from engine.certificates.leaf import find_leaf, leaf_for, same_key
    from engine.certificates.naming import names, normal_name, same_name
    from engine.certificates.public import is_public
    from engine.certificates.reading import (
        NotACertificate,
        Placed,
        load_certificate,
        read_certificates,
        read_csr,
        read_placed,
    )
    from engine.certificates.release import Release
    from engine.certificates.rules import CHECKS, Evidence, Verdict, judge

_PLACES = {
    "CHECKS": "rules",
    "Chain": "chain",
    "Decoded": "facts",
    "Description": "facts",
    "Evidence": "rules",
    "Grade": "continuity",
    "NotACertificate": "reading",
    "Placed": "reading",
    "Release": "release",
    "SameCa": "continuity",
    "Verdict": "rules",
    "build_chain": "chain",
    "common_name": "facts",
    "csr_fingerprint": "facts",
    "describe": "facts",
    "eku": "facts",
    "find_leaf": "leaf",
    "fingerprint": "facts",
    "is_public": "public",
    "is_self_signed": "chain",
    "issued": "chain",
    "judge": "rules",
    "key_digest": "facts",
    "key_text": "facts",
    "leaf_for": "leaf",
    "load_certificate": "reading",
    "names": "naming",
    "needed_usages": "ekus",
    "normal_name": "naming",
    "public_key": "facts",
    "read_certificates": "reading",
    "read_csr": "reading",
    "read_decoded": "decoded",
    "read_placed": "reading",
    "same_ca": "continuity",
    "same_key": "leaf",
    "same_name": "naming",
    "subject_fields": "facts",
    "to_pem": "facts",
}

__all__ = [
    "CHECKS",
    "Chain",
    "Decoded",
    "Description",
    "Evidence",
    "Grade",
    "NotACertificate",
    "Placed",
    "Release",
    "SameCa",
    "Verdict",
    "build_chain",
    "common_name",
    "csr_fingerprint",
    "describe",
    "eku",
    "find_leaf",
    "fingerprint",
    "is_public",
    "is_self_signed",
    "issued",
    "judge",
    "key_digest",
    "key_text",
    "leaf_for",
    "load_certificate",
    "names",
    "needed_usages",
    "normal_name",
    "public_key",
    "read_certificates",
    "read_csr",
    "read_decoded",
    "read_placed",
    "same_ca",
    "same_key",
    "same_name",
    "subject_fields",
    "to_pem",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use. Raises AttributeError for any other name."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value
