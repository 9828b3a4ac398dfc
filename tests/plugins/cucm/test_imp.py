"""An IM and Presence node: its own two stores, and what loads them."""

from collections.abc import Callable

import pytest

from engine.contracts import TrustStore
from engine.errors import UsageError
from engine.testing import TrustStoreConformance
from engine.testing.pki import new_issuer
from plugins.cucm import wire
from tests.plugins.cucm.labs import MakeLab, Node, driver, held, ssh

pytestmark = pytest.mark.lab


class TestImp(TrustStoreConformance):
    """By its API the node keeps the contract of trust stores, and of services."""

    @pytest.fixture(autouse=True)
    def _labs(self, make_lab: MakeLab) -> None:
        self._make_lab = make_lab

    def make(self, password: Callable[[], str] | None = None) -> TrustStore:
        return driver(self._make_lab(imp=True), "imp-pub", password)


def test_it_has_stores_of_its_own(make_lab: MakeLab) -> None:
    """The CallManager's store is not there, and the XMPP one not on Unified CM; both are refused by name."""
    lab = make_lab(imp=True)
    assert driver(lab, "imp-pub").stores == ("cup-xmpp-trust", "tomcat-trust")
    wrong: list[tuple[Node, str]] = [("imp-pub", wire.CALLMANAGER), ("cucm-pub", wire.XMPP)]
    for node, store in wrong:
        with pytest.raises(UsageError, match="This driver reaches"):
            driver(lab, node).trusted(store)


def test_before_14_it_is_fed_at_the_command_line(make_lab: MakeLab) -> None:
    """By the same words, with the unit that the store's name gives."""
    lab = make_lab(imp=True, releases={"imp-pub": "12.5"})
    node, root = driver(lab, "imp-pub", **ssh(lab, "imp-pub", certificates="ssh")), new_issuer("Any").certificate
    for store in wire.IMP_STORES:
        node.add_trusted(root, store)
        assert held(node, store, root) == [True]
    lines = [entry["line"] for entry in lab.effects.of("command-typed", "imp-pub")]
    assert "set cert import trust cup-xmpp" in lines


def test_it_waits_for_no_replication(make_lab: MakeLab) -> None:
    """Whether CUCM feeds it is not documented, so it is fed directly; a subscriber of CUCM is waited for."""
    lab = make_lab(imp=True)
    assert (driver(lab, "imp-pub").replication, driver(lab, "cucm-sub").replication) == (0, 2100)


def test_what_loads_the_xmpp_store_is_a_setting(make_lab: MakeLab) -> None:
    """The named service is restarted for it, if it runs; with none, nothing is."""
    lab = make_lab(imp=True)
    names = [(one.name, one.stores) for one in driver(lab, "imp-pub").services()]
    assert names[0] == ("Cisco XCP Router", ["cup-xmpp-trust"])
    assert [one.stores for one in driver(lab, "imp-pub", xmpp_service="").services()] == [["tomcat-trust"]] * 2
    assert len(driver(lab, "imp-pub", xmpp_service="Cisco No Such").services()) == 2
