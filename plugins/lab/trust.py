"""Hold a box's trusted CA list and judge chains by it, with OpenSSL, as the box's own OpenSSL would.

The list is one PEM list to which certificates are appended (deployment guide X14.0.1, 213872); it is not replicated
between peers (213872).
"""

from collections.abc import Sequence

from cryptography import x509
from OpenSSL import crypto

from plugins.lab.authority import fingerprint

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, for which pyOpenSSL has no name."""


def usable(trusted: Sequence[x509.Certificate], same_subject: str) -> list[x509.Certificate]:
    """Return the CA certificates that count: of several with one subject only the first, with setting ``first``."""
    if same_subject == "all":
        return list({fingerprint(certificate): certificate for certificate in trusted}.values())
    first: dict[x509.Name, x509.Certificate] = {}
    for certificate in trusted:
        first.setdefault(certificate.subject, certificate)
    return list(first.values())


def make_store(trusted: Sequence[x509.Certificate], flags: int = 0) -> crypto.X509Store:
    """Return an OpenSSL store of these CA certificates."""
    store = crypto.X509Store()
    if flags:
        store.set_flags(flags)
    for certificate in trusted:
        store.add_cert(crypto.X509.from_cryptography(certificate))
    return store


def why_untrusted(leaf: x509.Certificate, trusted: Sequence[x509.Certificate]) -> str:
    """Return OpenSSL's reason why no chain leads from the leaf to a trusted root, or nothing. Times do not matter."""
    context = crypto.X509StoreContext(make_store(trusted, NO_CHECK_TIME), crypto.X509.from_cryptography(leaf))
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as error:
        return str(error)
    return ""


def intermediates(leaf: x509.Certificate, trusted: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the CA certificates between the leaf and its root, issuing CA first, as far as the list holds them."""
    chain: list[x509.Certificate] = []
    below = leaf
    while (issuer := next((ca for ca in trusted if _signed(below, ca)), None)) and issuer.subject != issuer.issuer:
        if issuer in chain:
            break
        chain.append(issuer)
        below = issuer
    return chain


def _signed(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except Exception:  # any disagreement of name, key type or signature means: not this one
        return False
    return True
