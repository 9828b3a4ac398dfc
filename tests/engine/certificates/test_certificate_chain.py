"""Hold chain building to RFC 5280 section 6.1, with OpenSSL as a second opinion wherever it has one."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from OpenSSL import crypto

from engine.certificates import build_chain, fingerprint, is_self_signed, issued
from engine.certificates import der as walk
from engine.certificates.reading import load_certificate
from engine.certificates.signatures import signed_by
from tests.pki import CA, DAY, NOW, PRINTABLE, UTF8, Knobs, altered, dn, ec_key, make, rsa_key
from tests.pki import der as der_of

ROOT = CA.root()
ISSUING = ROOT.intermediate()
LEAF = ISSUING.issue("exp.example.org")
OTHER = CA.root("Other Root")


def openssl_accepts(leaf: x509.Certificate, pool: Sequence[x509.Certificate], root: x509.Certificate) -> bool:
    """Ask OpenSSL, with its strict checks, whether the chain holds now."""
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(root))
    store.set_flags(crypto.X509StoreFlags.X509_STRICT)
    store.set_time(NOW.replace(tzinfo=None))
    between = [crypto.X509.from_cryptography(one) for one in pool]
    try:
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), between).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def test_a_plain_chain_is_complete() -> None:
    """A chain of verified signatures to a self-signed root is complete, issuer first, root last, in any order given."""
    for pool in (LEAF.chain, LEAF.chain[::-1], [LEAF.certificate, OTHER.certificate, *LEAF.chain]):
        chain = build_chain(LEAF.certificate, pool, [], NOW)
        assert chain.complete
        assert chain.certificates == (ISSUING.certificate, ROOT.certificate)
        assert (chain.root, chain.anchored, chain.problems, chain.missing) == (ROOT.certificate, False, (), "")
    assert build_chain(LEAF.certificate, [ISSUING.certificate], [ROOT.certificate], NOW).anchored


def test_says_what_is_missing() -> None:
    """Without an issuer the chain goes as far as it can and names the missing CA and where it is said to be had."""
    chain = build_chain(LEAF.certificate, [ROOT.certificate, OTHER.certificate], [], NOW)
    assert (chain.complete, chain.certificates, chain.root) == (False, (), None)
    assert "CN=Test Issuing CA" in chain.missing
    assert "--trust" in chain.missing
    top = build_chain(LEAF.certificate, [ISSUING.certificate], [], NOW)
    assert (top.complete, top.certificates) == (False, (ISSUING.certificate,))
    assert "CN=Test Root" in top.missing


def test_shows_where_the_issuer_is_said_to_be() -> None:
    """The address in the certificate (caIssuers) is shown, escaped, and nothing is fetched."""
    access = x509.AccessDescription(
        x509.oid.AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.example/ca.crt")
    )
    leaf = ISSUING.issue("a.example", extra=[x509.AuthorityInformationAccess([access])]).certificate
    assert "http://ca.example/ca.crt" in build_chain(leaf, [], [], NOW).missing
    assert "http" not in build_chain(LEAF.certificate, [], [], NOW).missing


def test_a_namesake_with_another_key_is_not_the_issuer() -> None:
    """A CA of the same name whose key did not sign is not taken, and the message says that it is another one."""
    namesake = ISSUING.rekeyed()
    assert not issued(namesake.certificate, LEAF.certificate)
    assert issued(ISSUING.certificate, LEAF.certificate)
    chain = build_chain(LEAF.certificate, [namesake.certificate, ROOT.certificate], [], NOW)
    assert not chain.complete
    assert "its key did not sign" in chain.missing


def test_a_copied_key_identifier_is_not_believed() -> None:
    """A CA with the same name and a copied subject key identifier is not the issuer, for its key did not sign."""
    fake = CA.root("Test Issuing CA", ski=ISSUING.ski)
    assert fake.ski == ISSUING.ski
    chain = build_chain(LEAF.certificate, [fake.certificate, *LEAF.chain], [fake.certificate], NOW)
    assert chain.certificates == (ISSUING.certificate, ROOT.certificate)
    assert not build_chain(LEAF.certificate, [fake.certificate], [fake.certificate], NOW).complete


@pytest.mark.parametrize("aki", ["", "issuer", "both", "keyid"])
@pytest.mark.parametrize("ski", [None, b""])
def test_key_identifiers_are_not_needed(aki: str, ski: bytes | None) -> None:
    """Chains are found with key identifiers of any form or none."""
    issuing = ROOT.intermediate(ski=ski)
    leaf = issuing.issue("a.example", aki=aki)
    assert build_chain(leaf.certificate, leaf.chain, [], NOW).complete


def test_the_string_type_of_a_name_does_not_matter() -> None:
    """PrintableString in the CA's subject and UTF8String in the issuer of the leaf agree (RFC 5280 section 7.1)."""
    name = dn([("O", "Example  Org"), ("CN", "Root")], PRINTABLE)
    key = ec_key()
    root = CA(make(name, key.public_key(), None, own=key, ca=True, usage=("key_cert_sign",), eku=None), key)
    leaf = root.issue("a.example", encoding=UTF8).certificate
    assert leaf.issuer.public_bytes() != root.name.public_bytes()
    assert build_chain(leaf, [root.certificate], [], NOW).complete
    other = CA(make(dn([("O", "Example Org"), ("CN", "Roof")]), key.public_key(), None, own=key), key)
    assert not issued(other.certificate, leaf)


KINDS = {
    "ecdsa": CA.root(),
    "rsa": CA.root(key=rsa_key()),
    "rsa-pss": CA.root(key=rsa_key(), digest="pss"),
    "ed25519": CA.root(key=ed25519.Ed25519PrivateKey.generate()),
    "sha384": CA.root(digest="sha384"),
    "ecdsa sha1": CA.root(digest="sha1"),
    "rsa sha1": CA.root(key=rsa_key(), digest="sha1"),
    "rsa md5": CA.root(key=rsa_key(), digest="md5"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_signature_algorithm_is_verified(kind: str) -> None:
    """Signatures of every algorithm verify, weak hashes too, and none verifies under another key."""
    authority = KINDS[kind]
    leaf = authority.issue("a.example", digest=authority.knobs.get("digest", "sha256")).certificate
    assert is_self_signed(authority.certificate)
    assert issued(authority.certificate, leaf)
    stranger = CA.root(key=rsa_key(number=1) if "rsa" in kind else ec_key())
    assert not issued(stranger.certificate, leaf)
    assert signed_by(stranger.certificate, leaf) is False


def test_nothing_outside_the_signature_may_be_altered() -> None:
    """The outer algorithm identifier must equal the inner one (RFC 5280 section 4.1.1.2)."""
    root = CA.root(key=rsa_key())
    leaf = root.issue("a.example").certificate
    body, algorithm, signature = walk.children(walk.first(der_of(leaf)))
    without_null = walk.tlv(walk.SEQUENCE, walk.children(algorithm)[0].whole)
    changed = load_certificate(walk.tlv(walk.SEQUENCE, body.whole + without_null + signature.whole))
    same = load_certificate(walk.tlv(walk.SEQUENCE, body.whole + algorithm.whole + signature.whole))
    assert issued(root.certificate, same)
    assert not issued(root.certificate, changed)


@dataclass(frozen=True)
class Bad:
    """Be one fault of a path: knobs of root, intermediate and leaf, and the words that name the fault."""

    words: str
    root: Knobs | None = None
    between: Knobs | None = None
    leaf: Knobs | None = None


STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\5\0")
FAULTS = {
    "root expired": Bad("expired on", root={"not_after": NOW - DAY}),
    "intermediate expired": Bad("expired on", between={"not_after": NOW - DAY}),
    "intermediate not yet valid": Bad("is not valid before", between={"not_before": NOW + DAY}),
    "intermediate CA:FALSE": Bad("is no CA certificate", between={"ca": False, "usage": ("key_cert_sign",)}),
    "intermediate without basic constraints": Bad("has no basic constraints", between={"ca": None}),
    "root without basic constraints": Bad("has no basic constraints", root={"ca": None}),
    "intermediate without keyCertSign": Bad("lacks keyCertSign", between={"usage": ("digital_signature",)}),
    "path too long": Bad("allows 0 CA certificates", root={"path_length": 0}),
    "strange critical extension in CA": Bad("critical extension", between={"extra": [STRANGE], "critical": [STRANGE]}),
    "strange critical extension in leaf": Bad("critical extension", leaf={"extra": [STRANGE], "critical": [STRANGE]}),
    "name not permitted": Bad("does not allow the name", between={"permitted": ["DNS:corp.example"]}),
    "name excluded": Bad("does not allow the name exp.example.org", between={"excluded": ["DNS:example.org"]}),
    "name excluded by root": Bad("does not allow", root={"excluded": ["DNS:exp.example.org"]}),
    "address not permitted": Bad(
        "does not allow the name 10.0.0.1",
        between={"permitted": ["IP:192.168.0.0/16"]},
        leaf={"sans": ["IP:10.0.0.1"]},
    ),
    "subject not permitted": Bad("does not allow", between={"permitted": ["dirName:CN=Other"]}),
    "uri host not permitted": Bad(
        "does not allow", between={"permitted": ["URI:a.example"]}, leaf={"sans": ["URI:https://b.example/x"]}
    ),
    "uri without host": Bad("does not allow", between={"permitted": ["URI:a.example"]}, leaf={"sans": ["URI:urn:x"]}),
    "mail not permitted": Bad(
        "does not allow", between={"permitted": ["email:a.example"]}, leaf={"sans": ["email:x@b.a.example"]}
    ),
    "mail in the subject not permitted": Bad(
        "does not allow",
        between={"permitted": ["email:a.example"]},
    ),
    "constraint on a form nobody can compare": Bad(
        "does not allow", between={"excluded": ["RID:1.2.3"]}, leaf={"sans": ["RID:1.2.4"]}
    ),
}


def built(fault: Bad) -> tuple[x509.Certificate, list[x509.Certificate], x509.Certificate]:
    """Make leaf, intermediates and root with the fault."""
    root = CA.root(**(fault.root or {}))
    issuing = root.intermediate(**(fault.between or {}))
    mail = fault is FAULTS["mail in the subject not permitted"]
    subject = [("emailAddress", "x@b.example"), ("CN", "exp.example.org")] if mail else None
    leaf = issuing.issue("exp.example.org", subject=subject, **(fault.leaf or {}))
    return leaf.certificate, [issuing.certificate], root.certificate


@pytest.mark.parametrize("what", FAULTS)
def test_faults_of_a_path_are_found(what: str) -> None:
    """Each fault of RFC 5280 section 6.1 is named; OpenSSL refuses the same chain, and accepts it without the fault."""
    leaf, between, root = built(FAULTS[what])
    chain = build_chain(leaf, between, [root], NOW)
    assert any(FAULTS[what].words in problem for problem in chain.problems), chain.problems
    assert not openssl_accepts(leaf, between, root)
    assert build_chain(LEAF.certificate, [ISSUING.certificate], [ROOT.certificate], NOW).problems == ()
    assert openssl_accepts(LEAF.certificate, [ISSUING.certificate], ROOT.certificate)


ALLOWED: dict[str, tuple[Knobs, Knobs]] = {
    "zone": ({"permitted": ["DNS:example.org"]}, {}),
    "zone with upper case": ({"permitted": ["DNS:EXAMPLE.org"]}, {}),
    "excluded neighbour": ({"excluded": ["DNS:ample.org"]}, {}),
    "network": ({"permitted": ["IP:10.0.0.0/8"]}, {"sans": ["DNS:a.example", "IP:10.2.3.4"]}),
    "mail host": ({"permitted": ["email:a.example"]}, {"sans": ["email:x@A.example"]}),
    "mail hosts below": ({"permitted": ["email:.a.example"]}, {"sans": ["email:x@b.a.example"]}),
    "one mailbox": ({"permitted": ["email:x@a.example"]}, {"sans": ["email:x@a.example"]}),
    "uri host": ({"permitted": ["URI:a.example"]}, {"sans": ["URI:https://a.example/x"]}),
    "subject": ({"permitted": ["dirName:CN=exp.example.org"]}, {}),
    "path length that is enough": ({"path_length": 0}, {}),
    "no key usage": ({"usage": None}, {}),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_constraints_that_are_kept_are_no_problem(what: str) -> None:
    """Names inside the constraints, and lengths inside the limit, are accepted here and by OpenSSL."""
    between, own = ALLOWED[what]
    issuing = ROOT.intermediate(**between)
    leaf = issuing.issue("exp.example.org", **own).certificate
    assert build_chain(leaf, [issuing.certificate], [ROOT.certificate], NOW).problems == ()
    if what != "no key usage":  # X509_STRICT wants a key usage in a CA; RFC 5280 lets a validator go without
        assert openssl_accepts(leaf, [issuing.certificate], ROOT.certificate)


def test_constraints_that_cant_be_read_are_a_problem() -> None:
    """Basic constraints, key usage and name constraints that are malformed are refused, never taken as absent."""
    for oid in ("2.5.29.19", "2.5.29.15", "2.5.29.30"):
        bad = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x04\x01\x00")
        knobs: Knobs = {"extra": [bad]}
        if oid == "2.5.29.19":
            knobs["ca"] = None
        if oid == "2.5.29.15":
            knobs["usage"] = None
        issuing = ROOT.intermediate(**knobs)
        leaf = issuing.issue("a.example").certificate
        problems = build_chain(leaf, [issuing.certificate, ROOT.certificate], [], NOW).problems
        assert any("can't be read" in one for one in problems), oid


def test_names_that_cant_be_read_are_held_against_constraints() -> None:
    """A CA with name constraints refuses a leaf whose names can't be read; without constraints that is no problem."""
    names = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), bytes.fromhex("300787050a00000001"))
    limited = ROOT.intermediate(excluded=["DNS:a.example"])
    bad = limited.issue("x.example", sans=(), extra=[names]).certificate
    free = ISSUING.issue("x.example", sans=(), extra=[names]).certificate
    assert build_chain(bad, [limited.certificate, ROOT.certificate], [], NOW).problems
    assert not build_chain(free, [ISSUING.certificate, ROOT.certificate], [], NOW).problems


def test_self_issued_certificates_do_not_count_for_the_path_length() -> None:
    """A CA's new key certified by its old one does not use up path length (RFC 5280 section 4.2.1.9)."""
    root = CA.root(path_length=1)
    old = root.intermediate("Issuing")
    new = CA(old.rekeyed().certificate, ec_key(), old)
    rollover = make(dn("Issuing"), new.key.public_key(), old, ca=True, usage=("key_cert_sign",), eku=None)
    leaf = CA(rollover, new.key, old).issue("a.example").certificate
    pool = [rollover, old.certificate]
    assert build_chain(leaf, pool, [root.certificate], NOW).problems == ()
    assert openssl_accepts(leaf, pool, root.certificate)
    tight = CA.root(path_length=0)
    below = tight.intermediate("Issuing").intermediate("Deeper")
    assert build_chain(below.issue("a.example").certificate, below.chain, [], NOW).problems


def test_of_cross_signed_chains_the_trusted_root_is_preferred() -> None:
    """With two roots for one issuing CA the chain ends in the root that is trusted, whichever that is."""
    crossed = ISSUING.cross_signed_by(OTHER)
    pool = [ISSUING.certificate, crossed.certificate, ROOT.certificate, OTHER.certificate]
    for root, between in ((ROOT, ISSUING), (OTHER, crossed)):
        for order in (pool, pool[::-1]):
            chain = build_chain(LEAF.certificate, order, [root.certificate], NOW)
            assert chain.certificates == (between.certificate, root.certificate)
            assert chain.anchored
    assert not build_chain(LEAF.certificate, pool, [], NOW).anchored


def test_of_alternatives_the_sound_one_is_preferred() -> None:
    """An expired CA certificate does not spoil the chain when its renewal is at hand, whatever the trust."""
    stale = ISSUING.renewed(not_after=NOW - DAY)
    for order in ([stale.certificate, ISSUING.certificate], [ISSUING.certificate, stale.certificate]):
        chain = build_chain(LEAF.certificate, [*order, ROOT.certificate], [stale.certificate], NOW)
        assert chain.certificates == (ISSUING.certificate, ROOT.certificate)
        assert not chain.problems
    alone = build_chain(LEAF.certificate, [stale.certificate, ROOT.certificate], [], NOW)
    assert alone.complete
    assert alone.problems


def test_without_trust_the_choice_does_not_depend_on_order() -> None:
    """Among equal alternatives the choice is the same for every order of the pool."""
    twins = [ISSUING.renewed().certificate for _ in range(3)]
    found = {
        fingerprint(build_chain(LEAF.certificate, [*order, ROOT.certificate], [], NOW).certificates[0])
        for order in (twins, twins[::-1], twins[1:] + twins[:1])
    }
    assert len(found) == 1


def test_a_self_signed_leaf_has_no_chain() -> None:
    """A self-signed certificate for a box was issued by no CA, and that is said."""
    key = ec_key()
    alone = make(dn("a.example"), key.public_key(), None, own=key, sans=["a.example"])
    chain = build_chain(alone, [ROOT.certificate, alone], [], NOW)
    assert (chain.complete, chain.certificates) == (False, ())
    assert "self-signed" in chain.missing


def test_loops_and_meshes_end() -> None:
    """CAs that certified each other in a ring, or a dense mesh of them, take neither forever nor a wrong turn."""
    authorities = [CA.root(f"CA {number}") for number in range(6)]
    mesh = [one.cross_signed_by(other).certificate for one in authorities for other in authorities if one is not other]
    leaf = authorities[0].issue("a.example").certificate
    assert not build_chain(leaf, mesh, [], NOW).complete
    chain = build_chain(leaf, [*mesh, authorities[5].certificate], [authorities[5].certificate], NOW)
    assert chain.complete
    assert chain.anchored


def test_an_altered_ca_certificate_is_not_taken() -> None:
    """A CA certificate with one flipped bit in its content leads nowhere."""
    at = der_of(ISSUING.certificate).find(b"Test Issuing CA") + 3
    issuing = load_certificate(altered(ISSUING.certificate, at, 0x20))
    assert not issued(ROOT.certificate, issuing)
    assert not build_chain(LEAF.certificate, [issuing, ROOT.certificate], [], NOW).complete
