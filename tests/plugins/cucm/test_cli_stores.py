"""Trust stores read and fed at the command line: what is made of what is shown, and drivers against the lab."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from engine.certificates import fingerprint, to_pem
from engine.contracts import TrustStore
from engine.errors import ApiDisabled, CertrenewError, Failed, Refused, Unreachable
from engine.testing import TrustStoreConformance
from engine.testing.pki import new_issuer
from plugins.cucm import wire as rest
from plugins.cucm.cli import stores, wire
from plugins.cucm.wire import Snapshot
from plugins.lab.lab import Lab
from tests.plugins.cucm.labs import MakeLab, driver, held, ssh

TOMCAT, CALLMANAGER = rest.STORES
CA = new_issuer("Some Root CA").certificate
OTHER = new_issuer("Other").certificate
BEFORE_14 = {"cucm-pub": "12.5", "cucm-sub": "12.5"}


def decoded(certificate: x509.Certificate, tag: str = "Serial Number") -> str:
    """Show a certificate as a node does that shows no PEM."""
    return f"[\n  Version: V3\n  {tag}: {certificate.serial_number:X}\n  Issuer Name: CN=x\n]"


def shown(answers: dict[str, str]) -> Snapshot:
    """Read both stores from a node that shows this for each command."""
    script = stores.read("node", rest.STORES)
    try:
        command = next(script)
        for _ in range(50):
            command = script.send(answers[command.line])
    except StopIteration as end:
        snapshot: Snapshot = end.value
        return snapshot
    raise AssertionError("it goes on for ever")


def names(snapshot: Snapshot, store: str = TOMCAT) -> list[str]:
    """Return the fingerprints in a store."""
    return [fingerprint(one) for one in rest.certificates(snapshot.trusts[store], "node", store)]


def listing(*files: str) -> dict[str, str]:
    """Return what is shown for a listing with these files."""
    return {stores.LIST.line: "".join(f"{file}: Trust Certificate\n" for file in files)}


def test_only_the_wanted_stores_are_read() -> None:
    """A file of another store is not even asked for; names are compared without regard to case."""
    answers = listing("TOMCAT-trust/a.pem", "CAPF-trust/b.pem") | {"show cert trust tomcat-trust/a.pem": to_pem(CA)}
    snapshot = shown(answers)
    assert names(snapshot) == [fingerprint(CA)]
    assert snapshot.trusts[CALLMANAGER] == []


def test_no_listing_is_an_error_and_no_empty_store() -> None:
    """An account that may not list certificates gets words; a store without files beside one with some is empty."""
    with pytest.raises(Failed, match="Executed command unsuccessfully"):
        shown({stores.LIST.line: "Executed command unsuccessfully"})
    assert shown(listing("CAPF-trust/b.pem")).trusts == {TOMCAT: [], CALLMANAGER: []}


def test_what_is_shown_decoded_comes_from_the_database() -> None:
    """The file's serial number and name choose among the database's certificates; one that only that has counts not."""
    answers = listing("tomcat-trust/Some_Root_CA.pem") | {
        "show cert trust tomcat-trust/Some_Root_CA.pem": decoded(CA),
        stores.DATABASE.line: f"certificate\n=====\n{to_pem(OTHER)}\n{to_pem(CA).replace(chr(10), ' ' + chr(10))}",
    }
    assert names(shown(answers)) == [fingerprint(CA)]
    answers[stores.DATABASE.line] = to_pem(OTHER)
    with pytest.raises(Failed, match="none of its certificates"):
        names(shown(answers))


def test_a_file_of_another_name_is_another_certificate() -> None:
    """Equal serial numbers alone prove nothing: small ones are common."""
    file = "tomcat-trust/Another_CA.pem"
    answers = listing(file) | {f"show cert trust {file}": decoded(CA), stores.DATABASE.line: to_pem(CA)}
    with pytest.raises(Failed):
        names(shown(answers))


@pytest.mark.parametrize("line", ["show cert trust tomcat-trust/Some_Root_CA.pem", stores.DATABASE.line])
def test_what_is_cut_off_is_no_certificate_less(line: str) -> None:
    """A PEM without end is an error: passed over, the certificate would look missing."""
    file = "show cert trust tomcat-trust/Some_Root_CA.pem"
    answers = {**listing("tomcat-trust/Some_Root_CA.pem"), file: decoded(CA), stores.DATABASE.line: to_pem(CA)}
    assert names(shown(answers)) == [fingerprint(CA)]
    with pytest.raises(Failed, match="cut off"):
        shown({**answers, line: to_pem(CA)[:200]})


@given(st.text(max_size=300))
def test_a_listing_never_becomes_a_command_with_blanks(text: str) -> None:
    """Whatever a node lists, only words without blanks and control characters are typed back to it."""
    for store, file in stores.read_listing(text, rest.STORES):
        assert store in rest.STORES
        assert file.isprintable()
        assert not any(character.isspace() for character in file)


def test_a_hostile_name_is_not_typed() -> None:
    """Control: a usual name is read, and one with a line end, a blank or an escape is not."""
    good = "tomcat-trust/Some_Root_CA_0f.pem"
    assert stores.read_listing(f"{good}: x", rest.STORES) == [(TOMCAT, "Some_Root_CA_0f.pem")]
    for bad in ("tomcat-trust/a b.pem: x", "tomcat-trust/a\x1b[2J.pem: x", "tomcat-trust/../x.pem: x"):
        assert stores.read_listing(bad, rest.STORES) == []


@pytest.mark.parametrize("tag", ["Serial Number", "SerialNumber", "serial number"])
def test_serial_numbers_are_read_in_hexadecimal(tag: str) -> None:
    """With or without blanks and colons, in either case."""
    assert stores.read_serial(decoded(CA, tag)) == CA.serial_number
    assert stores.read_serial("Serial Number: 0a:0B:ff") == 0x0A0BFF
    assert stores.read_serial("Serial Number: none") is None


def test_only_the_nodes_word_is_a_success() -> None:
    """An import that ends with anything else is an error with what was shown."""
    script = stores.add("node", CALLMANAGER, to_pem(CA))
    command = next(script)
    assert (command.line, command.paste) == ("set cert import trust CallManager", to_pem(CA))
    with pytest.raises(Failed, match="already exists") as caught:
        script.send("Executed command unsuccessfully\nCertificate already exists")
    assert "not known" in caught.value.untouched
    script = stores.add("node", TOMCAT, to_pem(CA))
    next(script)
    with pytest.raises(StopIteration):
        script.send("Successfully imported certificate for tomcat.\nPlease restart services")


# ---- against the lab -----------------------------------------------------------------------------------------------


def typist(lab: Lab, password: Callable[[], str] | None = None, **more: Any) -> TrustStore:
    """Return a driver that uses nothing but the command line."""
    return driver(lab, password=password, **ssh(lab, certificates="ssh", restarts="ssh", **more))


@pytest.mark.lab
class TestBefore14(TrustStoreConformance):
    """At the command line alone a node of 12.5 keeps the contract of trust stores."""

    @pytest.fixture(autouse=True)
    def _labs(self, make_lab: MakeLab) -> None:
        self._make_lab = make_lab

    def make(self, password: Callable[[], str] | None = None) -> TrustStore:
        return typist(self._make_lab(releases=BEFORE_14, replication="0"), password)


@pytest.mark.lab
@pytest.mark.parametrize(
    "switches",
    [
        {"cert_show": "decoded", "cert_tags": "old"},
        {"cert_show": "decoded", "cert_tags": "new", "file_names": "cn"},
        {"import_question": "asked", "pagination": "stays", "ssh_login": "password"},
    ],
)
def test_each_unknown_is_stood_in_each_setting(make_lab: MakeLab, switches: dict[str, str]) -> None:
    """However certificates are shown, named and asked about, both stores take the chain, and show it."""
    lab = make_lab(releases=BEFORE_14, **switches)
    node, (issuing, root) = typist(lab), lab.authority.new.chain
    for store in rest.STORES:
        assert held(node, store, root, issuing) == [False, False]
        for one in (root, issuing):
            node.add_trusted(one, store)
        assert held(node, store, root, issuing) == [True, True]
    assert len(node.trusted(TOMCAT)) == 4


@pytest.mark.lab
def test_a_release_before_14_names_the_way(make_lab: MakeLab) -> None:
    """By REST it is not there, and the advice names the settings with which it is."""
    lab = make_lab(releases=BEFORE_14)
    with pytest.raises(ApiDisabled) as caught:
        driver(lab).trusted(TOMCAT)
    assert '`certificates = "ssh"`' in caught.value.todo
    assert typist(lab).trusted(TOMCAT)


@pytest.mark.lab
def test_an_account_that_may_only_look_around_is_found_out_by_reading(make_lab: MakeLab) -> None:
    """Listing certificates wants the privilege that importing does, so nothing was written before."""
    lab = make_lab(releases=BEFORE_14, privilege="0")
    with pytest.raises(Failed, match="Executed command unsuccessfully") as caught:
        typist(lab).trusted(TOMCAT)
    assert "privilege 1" in caught.value.todo


@pytest.mark.lab
def test_an_intermediate_before_its_root_is_refused_in_words(make_lab: MakeLab) -> None:
    """The node's own reason is shown; after the root the same is taken."""
    lab = make_lab(releases=BEFORE_14)
    node, (issuing, root) = typist(lab), lab.authority.new.chain
    with pytest.raises(Failed, match="Install the root certificate first"):
        node.add_trusted(issuing, TOMCAT)
    node.add_trusted(root, TOMCAT)
    node.add_trusted(issuing, TOMCAT)


BREAKS = {"truncated": Unreachable, "drop-after": Unreachable, "garbage": Failed}


@pytest.mark.lab
@pytest.mark.parametrize("line", ["show cert list", "set cert import"])
@pytest.mark.parametrize(
    ("fault", "kind"), [("truncated", Unreachable), ("drop-after", Unreachable), ("garbage", Failed)]
)
def test_a_session_that_breaks_off_is_no_empty_store(
    make_lab: MakeLab, line: str, fault: str, kind: type[CertrenewError]
) -> None:
    """Half of a list, a page of something else or nothing at all is an error, reading and importing."""
    lab = make_lab(releases=BEFORE_14)
    lab.order("cucm-pub", fault, path=line, method="SSH")
    with pytest.raises(kind) as caught:
        typist(lab).add_trusted(CA, TOMCAT) if "import" in line else typist(lab).trusted(TOMCAT)
    assert type(caught.value) is kind
    assert ("not known" in caught.value.untouched) == ("import" in line)


def test_scripts_only_type_what_they_say() -> None:
    """The commands that change something are the import and the restart, and both say so."""
    writing = [next(stores.add("n", TOMCAT, "x")), next(wire.restart("n", "Cisco Tftp", 1))]
    reading = [stores.LIST, stores.DATABASE, wire.LIST_SERVICES, wire.NO_PAGES]
    assert [command.writes for command in [*writing, *reading]] == [True, True, False, False, False, False]


# ---- putting back what was evicted ---------------------------------------------------------------------------------


@pytest.mark.lab
@pytest.mark.parametrize("switches", [{}, {"cert_show": "decoded", "file_names": "cn"}, {"cert_delete": "unit"}])
def test_what_was_evicted_is_put_back(make_lab: MakeLab, switches: dict[str, str]) -> None:
    """The newer goes and the older comes, whichever way the node shows and names them; other certificates stay."""
    lab = make_lab(**switches)
    old, new = (new_issuer("Namesake", age=age).certificate for age in (2, 1))
    more: dict[str, Any] = {"cert_delete": "unit"} if "cert_delete" in switches else {}
    node = driver(lab, **ssh(lab, **more))
    before = len(node.trusted(TOMCAT))
    for one in (old, new):
        node.add_trusted(one, TOMCAT)
    assert held(node, TOMCAT, old, new) == [False, True]
    node.restore_trusted(old, new, TOMCAT)
    assert held(node, TOMCAT, old, new) == [True, False]
    assert len(node.trusted(TOMCAT)) == before + 1


@pytest.mark.lab
def test_without_a_command_line_nothing_is_taken_out(make_lab: MakeLab) -> None:
    """How the API deletes is not documented, so it is refused, and the store is as before."""
    node = driver(make_lab())
    old, new = (new_issuer("Namesake", age=age).certificate for age in (2, 1))
    node.add_trusted(new, TOMCAT)
    with pytest.raises(Refused, match="command line"):
        node.restore_trusted(old, new, TOMCAT)
    assert held(node, TOMCAT, new) == [True]


@pytest.mark.lab
def test_a_wrong_name_of_the_store_deletes_nothing(make_lab: MakeLab) -> None:
    """The node refuses it, both are as before, and the setting is named."""
    lab = make_lab(cert_delete="unit")
    node = driver(lab, **ssh(lab))
    old, new = (new_issuer("Namesake", age=age).certificate for age in (2, 1))
    node.add_trusted(new, TOMCAT)
    with pytest.raises(Failed, match="did not delete") as caught:
        node.restore_trusted(old, new, TOMCAT)
    assert "`cert_delete`" in caught.value.todo
    assert held(node, TOMCAT, new) == [True]


@pytest.mark.lab
def test_a_store_is_never_left_without_both(make_lab: MakeLab) -> None:
    """Where the other is refused, here because it is not valid yet, what was there is put back, and why is told."""
    lab = make_lab()
    node = driver(lab, **ssh(lab))
    old, new = new_issuer("Namesake", age=-2).certificate, new_issuer("Namesake", age=1).certificate
    node.add_trusted(new, TOMCAT)
    with pytest.raises(Failed, match="not yet valid"):
        node.restore_trusted(old, new, TOMCAT)
    assert held(node, TOMCAT, old, new) == [False, True]
