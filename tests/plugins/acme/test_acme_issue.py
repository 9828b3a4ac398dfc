"""The authority acme against Debian's Pebble: a certificate, by every way there is."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.certificates import build_chain, fingerprint, same_key
from engine.contracts import Issued, Pending, Rejected
from engine.errors import Failed, LoginRefused, Refused
from tests.pki import make_csr
from tests.plugins.acme.desk import NAMES, ChallengeDns, Desk, account_pem, at_pebble, request, web_server
from tests.plugins.acme.servers import EAB_KEY, Pebble, pebble

RECORDS = [f"_acme-challenge.{name}" for name in NAMES]


def dns_of(desk: Desk) -> ChallengeDns:
    """Return the DNS of a desk."""
    assert isinstance(desk.solver, ChallengeDns)
    return desk.solver


def test_dns_01_leads_to_a_certificate(desk: Desk, shared: Pebble) -> None:
    """Order, records, answer, CSR and chain, each look by a new object from stored JSON; nothing stays in the DNS."""
    csr = make_csr(list(NAMES))
    leaf, *chain = desk.issued(request(csr=csr))
    assert same_key(leaf, csr)
    assert build_chain(leaf, chain, [shared.root()], desk.now).anchored
    assert [dns_of(desk).values(name) for name in RECORDS] == [[], []]
    assert any(proof["value"] for pending in desk.told for proof in pending.ticket["proofs"]), "control: it published"


def test_http_01_by_webroot_leads_to_a_certificate(shared: Pebble, tmp_path: Path) -> None:
    """The file is written where the web server of the name serves it, and is gone afterwards."""
    desk = at_pebble(shared, challenge="http-01", webroot=tmp_path)
    seen: set[str] = set()
    with web_server(shared.http_port, tmp_path):
        answer = desk.authority().submit(request())
        while isinstance(answer, Pending):
            seen |= {path.name for path in (tmp_path / ".well-known" / "acme-challenge").glob("*")}
            answer = desk.collect(answer)
            desk.pause(0.1)
    assert isinstance(answer, Issued)
    assert len(seen) == 2
    assert list((tmp_path / ".well-known" / "acme-challenge").iterdir()) == []


def test_without_a_web_server_the_ca_says_no(shared: Pebble, tmp_path: Path) -> None:
    """Where nobody serves the webroot the order fails, in the CA's words, and the files are taken away."""
    desk = at_pebble(shared, challenge="http-01", webroot=tmp_path)
    answer = desk.until_over(desk.authority().submit(request()))
    assert isinstance(answer, Rejected)
    assert "box.example.org" in answer.reason
    assert "(connection)" in answer.reason
    assert list((tmp_path / ".well-known" / "acme-challenge").iterdir()) == []


@pytest.mark.parametrize("kind", ["rsa", "p384", "jwk"])
def test_every_kind_of_account_key_signs(desk: Desk, kind: str) -> None:
    """RSA and EC keys, as PEM and as JWK, make an account and an order."""
    from josepy.jwk import JWKEC

    keys = {
        "rsa": lambda: (
            rsa.generate_private_key(65537, 2048)
            .private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
            .decode()
        ),
        "p384": lambda: account_pem(ec.generate_private_key(ec.SECP384R1())),
        "jwk": lambda: JWKEC(key=ec.generate_private_key(ec.SECP256R1())).json_dumps(),
    }
    desk.secrets["file:account.pem"] = keys[kind]()
    answer = desk.authority().submit(request())
    assert isinstance(answer, Pending)
    assert answer.ticket["order"].startswith("https://")


def test_a_known_key_finds_its_account(desk: Desk) -> None:
    """Submitting again with the same key uses the account that is there and makes another order, which harms nobody."""
    first, second = desk.authority().submit(request()), desk.authority().submit(request())
    assert isinstance(first, Pending)
    assert isinstance(second, Pending)
    assert first.ticket["account"] == second.ticket["account"]
    assert isinstance(desk.until_over(first), Issued)
    assert isinstance(desk.until_over(second), Issued)


def test_addresses_can_be_certified(shared: Pebble, tmp_path: Path) -> None:
    """An IP address is ordered as such (RFC 8738)."""
    desk = at_pebble(shared, challenge="http-01", webroot=tmp_path)
    csr = make_csr(["box.example.org", "IP:127.0.0.1"])
    with web_server(shared.http_port, tmp_path):
        leaf = desk.issued(request(csr=csr))[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_two_values_may_stand_at_one_name(desk: Desk) -> None:
    """A name and the wildcard below it are proven by two records of the same name; each is removed by itself."""
    dns_of(desk).present("_acme-challenge.example.org", "of another renewal")
    desk.issued(request(csr=make_csr(["example.org", "*.example.org"])))
    places = [proof["place"] for pending in desk.told[:1] for proof in pending.ticket["proofs"]]
    assert places == ["_acme-challenge.example.org"] * 2
    assert dns_of(desk).values("_acme-challenge.example.org") == ["of another renewal"]


@pytest.mark.parametrize("trusted", [0, 1, 2])
def test_the_chain_is_chosen_by_which_root_the_boxes_trust(desk: Desk, shared: Pebble, trusted: int) -> None:
    """Of cross-signed chains the one is taken whose root every box trusts, whichever the CA puts first."""
    roots = [shared.root(number) for number in range(3)]
    desk.roots = roots
    leaf, *chain = desk.issued(request(trusted=[fingerprint(roots[trusted])]))
    built = build_chain(leaf, chain, [roots[trusted]], desk.now)
    assert built.root == roots[trusted]


def test_without_a_trusted_root_the_first_chain_is_taken(desk: Desk, shared: Pebble) -> None:
    """Where no root is trusted yet, the CA's own order decides."""
    desk.roots = [shared.root(number) for number in range(3)]
    leaf, *chain = desk.issued(request())
    assert build_chain(leaf, chain, [shared.root(0)], desk.now).root == shared.root(0)


def test_half_of_all_nonces_may_be_refused(tmp_path: Path) -> None:
    """A server that refuses every second nonce is asked again until it accepts one."""
    with pebble(tmp_path / "pebble", nonces=50) as server:
        desk = at_pebble(server)
        assert desk.issued(request())


def test_what_refuses_every_nonce_is_given_up(tmp_path: Path) -> None:
    """The repetition is bounded, and the order is not taken for placed."""
    with pebble(tmp_path / "pebble", nonces=100) as server, pytest.raises(Failed, match="badNonce"):
        at_pebble(server).authority().submit(request())


def test_an_external_account_is_bound(tmp_path: Path) -> None:
    """With the right binding it issues; with a wrong key, an unknown identifier or none it says what to check."""
    with pebble(tmp_path / "pebble", eab=True) as server:
        right = at_pebble(server, eab_kid="kid-1", eab_key="env:EAB")
        right.secrets["env:EAB"] = EAB_KEY
        assert right.issued(request())
        wrong = at_pebble(server, eab_kid="kid-1", eab_key="env:EAB")
        wrong.secrets["env:EAB"] = EAB_KEY[:-4] + "AAAA"
        stranger = at_pebble(server, eab_kid="kid-2", eab_key="env:EAB")
        stranger.secrets["env:EAB"] = EAB_KEY
        for desk in (wrong, stranger):
            with pytest.raises(LoginRefused, match="refuses the account") as caught:
                desk.authority().submit(request())
            assert "eab_kid" in caught.value.todo
            assert EAB_KEY[:20] not in str(caught.value)
        with pytest.raises(Refused, match="bound"):
            at_pebble(server).authority().submit(request())
