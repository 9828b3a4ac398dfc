"""What AXL is asked, what is made of its answers, and the driver against the lab."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts import TrustStore
from engine.errors import ApiDisabled, CertrenewError, Failed, LoginRefused, Waiting
from plugins.cucm.axl import wire
from plugins.lab.lab import Lab
from tests.plugins.cucm.labs import MakeLab, driver

HEAD = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
TAIL = "</e:Body></e:Envelope>"


def answer(*entries: Mapping[str, str]) -> bytes:
    """Write a page of profiles."""
    rows = "".join(
        f"<phoneSecurityProfile>{''.join(f'<{tag}>{text}</{tag}>' for tag, text in entry.items())}"
        "</phoneSecurityProfile>"
        for entry in entries
    )
    return (
        f'{HEAD}<a:{wire.PROFILES}Response xmlns:a="{wire.NAMESPACE}12.5"><return>{rows}</return>'
        f"</a:{wire.PROFILES}Response>{TAIL}"
    ).encode()


def profile(name: str, mode: str = "Encrypted") -> dict[str, str]:
    """Return a phone security profile."""
    return {"name": name, "deviceSecurityMode": mode}


def test_names_are_those_of_profiles_with_tls_that_are_host_names() -> None:
    """Those without TLS, the ones that come with Unified CM and those left out need not be in the certificate."""
    entries = wire.read(
        answer(
            profile("a.corp.example"),
            profile("b.corp.example", "Authenticated"),
            profile("c.corp.example", "Non Secure"),
            profile("Cisco 8845 - Standard SIP Secure Profile"),
            profile("D.corp.example"),
            profile("e.corp.1example"),
        ),
        "node",
        wire.PROFILES,
    )
    assert wire.profile_names(entries, ["d.CORP.example"]) == ["DNS:a.corp.example", "DNS:b.corp.example"]


def test_members_are_nodes_with_certificates() -> None:
    """The entry that is no node, and roles without certificates of their own, are left out."""
    rows = [
        {"name": "pub", "processNodeRole": "CUCM Voice/Video"},
        {"name": "imp", "processNodeRole": "CUCM IM and Presence"},
        {"name": "EnterpriseWideData", "processNodeRole": "CUCM Voice/Video"},
        {"name": "vcs", "processNodeRole": "TelePresence"},
    ]
    assert wire.members(rows) == ["pub", "imp"]


BAD = {
    "a fault": f"{HEAD}<e:Fault><faultstring>Not \x1b allowed</faultstring></e:Fault>{TAIL}".replace("\x1b", "&#9;"),
    "a page": "<html><body>Please log in</body></html>",
    "another answer": f"{HEAD}<x/>{TAIL}",
    "entities": f'<!DOCTYPE x [<!ENTITY a "b">]>{HEAD}<x>&a;</x>{TAIL}',
    "nothing": "",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_answer_is_an_error(name: str) -> None:
    """None of it is taken for a list without entries, which an answer without entries is."""
    assert wire.read(answer(), "node", wire.PROFILES) == []
    with pytest.raises(Failed, match="AXL of node does not answer") as caught:
        wire.read(BAD[name].encode(), "node", wire.PROFILES)
    assert caught.value.what.isprintable()


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_an_error_in_words(content: bytes) -> None:
    """Whatever comes, nothing but a clear error."""
    with pytest.raises(CertrenewError) as caught:
        wire.read(content, "node", wire.NODES)
    assert caught.value.what.isprintable()


# ---- against the lab -----------------------------------------------------------------------------------------------


def asking(lab: Lab, **more: Any) -> TrustStore:
    """Return a driver that may use AXL."""
    assert lab.cucm
    machine = lab.cucm.machines["cucm-pub"]
    settings = {"axl_username": machine.node.soap_account.username, "axl_address": machine.ports["https"].address}
    return driver(lab, **{**settings, **more})


@pytest.mark.lab
def test_nodes_and_names_are_read(make_lab: MakeLab) -> None:
    """With a user for AXL both lists come; without one nothing is asked."""
    lab = make_lab()
    assert asking(lab).required_names() == ["DNS:secure-phones.corp.example"]
    assert asking(lab).members() == ["cucm-pub.corp.example", "cucm-sub.corp.example"]
    assert (driver(lab).required_names(), driver(lab).members()) == ((), ())


@pytest.mark.lab
def test_long_lists_come_page_by_page(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every entry comes once, however many pages there are; a list without end is refused."""
    lab = make_lab()
    assert lab.cucm
    names = [f"p{number}.corp.example" for number in range(10)]
    lab.cucm.publisher.profiles[:] = [profile(name) for name in names]
    monkeypatch.setattr(wire, "PAGE", 3)
    assert asking(lab).required_names() == [f"DNS:{name}" for name in names]
    monkeypatch.setattr(wire, "PAGES", 3)
    with pytest.raises(Failed, match="more than 9"):
        asking(lab).required_names()


FAULTS: dict[str, type[CertrenewError]] = {
    "denied": LoginRefused,
    "api-disabled": ApiDisabled,
    "error-5xx": Waiting,
    "garbage": Failed,
}


@pytest.mark.lab
def test_each_refusal_says_what_to_do(make_lab: MakeLab) -> None:
    """A wrong login, a missing role, a pause and a page of something else are told apart."""
    lab = make_lab()
    for fault, kind in FAULTS.items():
        lab.order("cucm-pub", fault, path="/axl")
        with pytest.raises(kind) as caught:
            asking(lab).required_names()
        assert type(caught.value) is kind
        assert caught.value.todo
        lab.clear("cucm-pub")
