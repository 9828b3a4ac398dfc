"""Hold "same CA" to proof by signature, on every case in which key identifiers mislead."""

from collections.abc import Sequence

import pytest
from cryptography import x509

from engine.certificates import Grade, describe, same_ca
from tests.pki import CA, DAY, NOW, dn, ec_key, make

ROOT = CA.root()
ISSUING = ROOT.intermediate()
OLD = ISSUING.issue("a.example").certificate
NEW = ISSUING.issue("a.example").certificate
OTHER = CA.root("Other Root")


def graded(old: x509.Certificate, new: x509.Certificate, pool: Sequence[CA]) -> tuple[bool | None, Grade]:
    """Return verdict and grade, the same for both orders of the pool."""
    certificates = [one.certificate for one in pool]
    answer, again = same_ca(old, new, certificates), same_ca(old, new, [*certificates[::-1], new, old])
    assert answer == again
    return answer.verdict, answer.grade


def aki(certificate: x509.Certificate) -> str:
    """Return the authority key identifier."""
    return describe(certificate).aki


def test_the_same_ca() -> None:
    """One CA key at hand that signed both is the same CA."""
    assert graded(OLD, NEW, [ISSUING, ROOT]) == (True, Grade.SAME)


def test_without_the_ca_nothing_is_shown() -> None:
    """Equal key identifiers alone prove nothing: without the issuer's certificate the answer is unknown."""
    assert aki(OLD) == aki(NEW)
    assert graded(OLD, NEW, [ROOT, OTHER]) == (None, Grade.UNKNOWN)
    assert "alone proves nothing" in same_ca(OLD, NEW, []).text


def test_a_renewed_ca_certificate_with_the_same_key() -> None:
    """A CA that renewed its certificate and kept its key is the same CA, even when the key identifier changed."""
    renewed = ISSUING.renewed(ski=b"another method", not_after=NOW + 5000 * DAY)
    new = renewed.issue("a.example").certificate
    assert aki(new) != aki(OLD)
    assert graded(OLD, new, [ISSUING, renewed, ROOT]) == (True, Grade.RENEWED)
    assert graded(OLD, new, [renewed]) == (True, Grade.SAME)


def test_a_rekeyed_ca() -> None:
    """A CA of the same name with a new key is not the same: peers can't verify with the old one."""
    rekeyed = ISSUING.rekeyed()
    new = rekeyed.issue("a.example").certificate
    assert graded(OLD, new, [ISSUING, rekeyed, ROOT]) == (False, Grade.REKEYED)
    assert graded(OLD, new, [ISSUING]) == (False, Grade.REKEYED)
    assert graded(OLD, new, [rekeyed]) == (None, Grade.UNKNOWN)


def test_a_foreign_ca_with_a_copied_key_identifier() -> None:
    """A foreign key under a copied key identifier, and even the same name, is found out."""
    fake = CA.root("Imposter", ski=ISSUING.ski)
    new = fake.issue("a.example").certificate
    assert aki(new) == aki(OLD)
    assert graded(OLD, new, [ISSUING, fake]) == (False, Grade.DIFFERENT)
    namesake = CA.root("Test Issuing CA", ski=ISSUING.ski)
    assert graded(OLD, namesake.issue("a.example").certificate, [ISSUING, namesake]) == (False, Grade.REKEYED)


def test_a_cross_signed_ca() -> None:
    """One key with CA certificates from two issuers is the same CA, but peers may end at another root."""
    crossed = ISSUING.cross_signed_by(OTHER)
    assert graded(OLD, crossed.issue("a.example").certificate, [ISSUING, crossed, ROOT, OTHER]) == (
        True,
        Grade.CROSS_SIGNED,
    )
    assert graded(OLD, NEW, [ISSUING, crossed]) == (True, Grade.CROSS_SIGNED)


def test_one_key_under_another_name() -> None:
    """A CA that kept its key and changed its name signed both, but peers know it under the old name."""
    renamed = ISSUING.renamed("New Name")
    new = renamed.issue("a.example").certificate
    assert aki(new) == aki(OLD)
    assert graded(OLD, new, [ISSUING, renamed]) == (True, Grade.RENAMED)
    assert graded(OLD, new, [renamed]) == (True, Grade.RENAMED)


@pytest.mark.parametrize("form", ["issuer", ""])
def test_other_forms_of_key_identifiers(form: str) -> None:
    """Key identifiers of issuer and serial, which change with every renewal, or none, make no difference."""
    old = ISSUING.issue("a.example", aki=form).certificate
    renewed = ISSUING.renewed()
    new = renewed.issue("a.example", aki=form).certificate
    assert graded(old, NEW, [ISSUING]) == (True, Grade.SAME)
    assert graded(old, new, [ISSUING, renewed]) == (True, Grade.RENEWED)
    assert graded(old, OTHER.issue("a.example", aki=form).certificate, [ISSUING, OTHER]) == (False, Grade.DIFFERENT)


def test_another_ca() -> None:
    """A CA of another name and key is different."""
    new = OTHER.issue("a.example").certificate
    assert graded(OLD, new, [ISSUING, ROOT, OTHER]) == (False, Grade.DIFFERENT)
    assert graded(OLD, new, [ISSUING]) == (False, Grade.DIFFERENT)
    assert graded(OLD, new, [OTHER]) == (None, Grade.UNKNOWN)


def test_a_self_signed_old_certificate_is_its_own_ca() -> None:
    """A self-signed old certificate, as boxes have at first, is certainly not of the new CA."""
    key = ec_key()
    old = make(dn("a.example"), key.public_key(), None, own=key)
    assert graded(old, NEW, [ISSUING]) == (False, Grade.DIFFERENT)


def test_text_from_certificates_is_escaped() -> None:
    """Names in the answer can't move the cursor or turn the text around."""
    evil = CA.root("Evil\x1b[2J\u202eCA")
    text = same_ca(OLD, evil.issue("a.example").certificate, [ISSUING.certificate, evil.certificate]).text
    assert "Evil" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
