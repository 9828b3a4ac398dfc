"""The EST backend against the lab's server: every login, every form of answer, every fault."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from engine.certificates import fingerprint, read_certificates
from engine.contracts import Authority, Issued, Office, Pending, Rejected
from engine.errors import Failed, LoginRefused, NotSent, Refused, Unreachable, UsageError
from engine.testing import AuthorityConformance, NotApplicable, Relay
from engine.testing.pki import new_issuer, new_request
from plugins.est import Options, connect
from plugins.lab.est.switches import EST_SWITCHES
from plugins.lab.estate import Options as LabOptions
from plugins.lab.lab import Lab
from tests.plugins.est.server import REQUEST, ticket

pytestmark = pytest.mark.lab

MakeLab = Callable[..., Lab]
ENROL = "/.well-known/est/simpleenroll"


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[MakeLab]:
    """Start labs whose authority is an EST server, with switches; they are stopped at the end."""
    with ExitStack() as stack:
        count = iter(range(100))

        def start(**switches: str) -> Lab:
            options = LabOptions(key="ec-256", cucm=False, authority="est", switches={"est": switches})
            return stack.enter_context(Lab(tmp_path / f"lab{next(count)}", options))

        yield start


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """Start one as it comes."""
    return make_lab()


def est(lab: Lab, *, later: float = 0, password: str = "", **options: Any) -> Authority:
    """Make a backend as the lab's site has it; `later` moves its clock, in seconds."""
    office = Office(
        "est",
        lambda: datetime.now(UTC) + timedelta(seconds=later),
        secret=lambda reference: password or (lab.home / str(reference).removeprefix("file:")).read_text(),
    )
    account = {"username": "svc-certrenew", "password": "file:secrets/est"}
    given = {"url": lab.offices["est"].url, "ca": lab.home / "trust" / "boxes.pem", **account, **options}
    return connect(office, Options(**given))


def made(url: str, ca: Path, password: str, later: float = 0) -> Authority:
    """Make a backend from plain values, as another process would; `later` moves its clock, in seconds."""
    office = Office("est", lambda: datetime.now(UTC) + timedelta(seconds=later), secret=lambda _reference: password)
    return connect(office, Options(url=url, ca=ca, username="svc-certrenew", password="env:X"))


class TestLab(AuthorityConformance):
    """It keeps the contract of authorities with the lab's server, in every situation that EST knows."""

    @pytest.fixture(autouse=True)
    def _lab(self, lab: Lab) -> None:
        self.lab, self.later = lab, 0
        self.place, self.ca = lab.offices["est"].url, lab.home / "trust" / "boxes.pem"
        self.password = (lab.home / "secrets" / "est").read_text()

    def make(self) -> Authority:
        self.lab.order("est", "pending", count=1, seconds=1)
        return self._waiting()

    def issuing(self) -> Authority:
        return made(self.place, self.ca, self.password)

    def chainless(self) -> Authority:
        self.lab.order("est", "short-chain")  # a server has to give its root (RFC 7030 section 4.1.3)
        return self.issuing()

    def rejecting(self) -> Authority:
        self.lab.order("est", "rejected")
        return self.issuing()

    def pending(self) -> Authority:
        if not self.later:
            self.lab.order("est", "pending", seconds=1)
        return self._waiting()

    def _waiting(self) -> Authority:
        """Return a backend to whose clock the server's wait is over, so that it asks the server each time."""
        self.later += 10
        return made(self.place, self.ca, self.password, self.later)

    def approve(self) -> None:
        self.lab.clear("est", "pending")

    def forget(self) -> None:
        raise NotApplicable("EST asks by sending the same CSR again: to a server that forgot it, it is a new request")

    def withdrawing(self) -> Authority:
        raise NotApplicable("EST has no message that withdraws a request")

    def elsewhere(self) -> Callable[[], Authority]:
        return partial(made, self.place, self.ca, self.password, 3600)

    def through(self, relay: Relay) -> Authority:
        relay.lead_to(urlsplit(self.place).netloc, self.ca)
        return made(self.place.replace(urlsplit(self.place).netloc, relay.address), relay.ca, self.password)


SETTINGS = [(name, setting) for name, switch in EST_SWITCHES.items() for setting in switch.settings]


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_it_enrols_with_every_setting(make_lab: MakeLab, name: str, setting: str) -> None:
    """Whatever the RFC leaves to the server: pending first, then leaf and chain of the new CA."""
    lab = make_lab(**{name: setting})
    shown: dict[str, Any] = (
        {"client_certificate": lab.home / "secrets" / "est-client.pem"} if setting == "certificate" else {}
    )
    lab.order("est", "pending", count=1, seconds=5)
    backend = est(lab, **shown)
    backend.cautions(REQUEST)
    first = backend.submit(REQUEST)
    assert isinstance(first, Pending)
    assert "PKI-4711" in first.todo
    answer = est(lab, later=3600, **shown).collect(ticket(first.ticket))
    assert isinstance(answer, Issued)
    issued = read_certificates(answer.content, "x")
    assert set(issued[1:]) == set(lab.authority.new.chain)
    assert [entry["fingerprint"] for entry in lab.effects.of("certificate-issued")] == [fingerprint(issued[0])]
    assert lab.effects.of("login-refused") == []


def test_the_login_is_needed(make_lab: MakeLab) -> None:
    """A wrong password, none, and no client certificate: refused by the server, counted once."""
    for setting in ("basic", "digest"):
        lab = make_lab(est_login=setting)
        with pytest.raises(LoginRefused):
            est(lab, password="wrong").submit(REQUEST)
        with pytest.raises(LoginRefused):
            est(lab, username="", password="").submit(REQUEST)
        assert [entry["count"] for entry in lab.effects.of("login-refused")] == [1, 2]
    lab = make_lab(est_login="certificate")
    with pytest.raises(Refused, match="client certificate"):
        est(lab).submit(REQUEST)
    assert lab.effects.of("certificate-issued") == []


def test_a_client_certificate_of_somebody_else_is_not_let_in(lab: Lab, tmp_path: Path) -> None:
    """The handshake fails before the CSR is sent, so nothing is uncertain."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    leaf = new_issuer("Stranger").sign(new_request("x.example", ["x.example"], key))
    file = tmp_path / "stranger.pem"
    file.touch(0o600)
    file.write_bytes(
        leaf.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    with pytest.raises(NotSent) as error:
        est(lab, client_certificate=file).submit(REQUEST)
    assert "`client_certificate`" in error.value.todo
    assert lab.effects.of("certificate-issued") == []


def test_an_officer_may_take_many_polls(lab: Lab) -> None:
    """Each poll is the same request, from a new object; released, it is issued once."""
    lab.order("est", "pending", seconds=1)
    answer = est(lab).submit(REQUEST)
    for number in range(1, 6):
        assert isinstance(answer, Pending)
        answer = est(lab, later=10 * number).collect(ticket(answer.ticket))
    assert isinstance(answer, Pending)
    assert lab.clear("est", "pending") == 1
    assert isinstance(est(lab, later=3600).collect(ticket(answer.ticket)), Issued)
    requests = [entry["request"] for entry in lab.effects.of("request-pending")]
    assert len(requests) == 6
    assert len(set(requests)) == 1
    assert len(lab.effects.of("certificate-issued")) == 1


def test_a_refusal_tells_the_officers_words(lab: Lab) -> None:
    """At once, or after it was pending."""
    lab.order("est", "pending", count=1)
    first = est(lab).submit(REQUEST)
    assert isinstance(first, Pending)
    lab.order("est", "rejected")
    answer = est(lab, later=60).collect(ticket(first.ticket))
    assert isinstance(answer, Rejected)
    assert answer.reason == "HTTP 400, 'Rejected by policy: ask the PKI team (ticket PKI-4711).'"


def test_wanted_attributes_are_told_before_anything_is_submitted(make_lab: MakeLab) -> None:
    """The lab's list is part of the RFC's example."""
    lab = make_lab(est_csrattrs="more")
    told = " ".join(est(lab).cautions(REQUEST))
    assert "challengePassword" in told
    assert "EC P-384" in told
    assert lab.effects.of("certificate-issued") == []


@pytest.mark.parametrize(
    ("fault", "kind", "issued"),
    [
        ("drop-before", Unreachable, 0),
        ("drop-after", Unreachable, 1),
        ("truncated", Unreachable, 1),
        ("error-5xx", Failed, 0),
        ("error-5xx-after", Failed, 1),
        ("garbage", Failed, 1),
        ("denied", LoginRefused, 0),
        ("api-disabled", Refused, 0),
    ],
)
def test_faults_of_the_enrolment(lab: Lab, fault: str, kind: type[Exception], issued: int) -> None:
    """What may have issued is never told as if it had not; nothing is sent twice."""
    lab.order("est", fault, path=ENROL)
    backend = est(lab, client_certificate=lab.home / "secrets" / "est-client.pem")
    with pytest.raises(kind) as error:
        backend.submit(REQUEST)
    assert not isinstance(error.value, NotSent)
    assert len(lab.effects.of("certificate-issued")) == issued
    assert len(lab.effects.of("fault-struck")) == (2 if fault == "denied" else 1)


def test_a_request_may_get_a_second_certificate(make_lab: MakeLab) -> None:
    """The reason why an uncertain submission is not repeated; with the other setting there is only one."""
    for setting, certificates in (("another", 2), ("same", 1)):
        lab = make_lab(est_repeated=setting)
        given = [est(lab).submit(REQUEST) for _ in range(2)]
        leaves = [read_certificates(one.content, "x")[0] for one in given if isinstance(one, Issued)]
        assert len(leaves) == 2
        assert len({fingerprint(leaf) for leaf in leaves}) == certificates


def test_a_short_chain_lacks_the_issuing_ca(lab: Lab) -> None:
    """So that `validate` can say what is missing."""
    lab.order("est", "short-chain")
    answer = est(lab).submit(REQUEST)
    assert isinstance(answer, Issued)
    assert read_certificates(answer.content, "x")[1:] == [lab.authority.new.root.certificate]


def test_what_can_not_be_ordered_is_told(lab: Lab) -> None:
    """A fault of boxes, a flaw that there is not, and an authority's fault on a box."""
    for node, fault, flaw in (("est", "restart-now", ""), ("est", "flawed", ""), ("est", "flawed", "x")):
        with pytest.raises(UsageError):
            lab.order(node, fault, flaw=flaw)
    with pytest.raises(UsageError):
        lab.order("expc", "pending")
    assert lab.effects.of("fault-ordered") == []


def test_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    """With those that there are; nothing is written."""
    with pytest.raises(UsageError) as error:
        Lab(tmp_path / "lab", LabOptions(authority="scep"))
    assert "est" in error.value.todo
    assert not (tmp_path / "lab").exists()
