"""The driver against simulated boxes: the contract, each unknown in each of its settings, and ordered faults."""

from collections.abc import Callable
from typing import Literal

import pytest
from cryptography import x509

from engine.certificates import fingerprint, subject_fields
from engine.contracts import CsrSpec, Device
from engine.errors import ApiDisabled, CertrenewError, Failed, LoginRefused, Refused, Unreachable, UsageError
from engine.testing import DeviceConformance
from engine.testing.pki import dns_names, new_issuer
from plugins.expressway import Options, connect
from plugins.expressway.device import Expressway
from plugins.lab.api import CLIENT, COPY
from plugins.lab.lab import Lab
from tests.plugins.expressway.conftest import MakeLab, access

pytestmark = pytest.mark.lab


def spec_of(device: Device) -> CsrSpec:
    """Ask for the old names and subject, with a key that the API can make: the quick lab's old keys are EC."""
    old = device.certificate("server")
    return CsrSpec(names=[f"DNS:{name}" for name in dns_names(old)], subject=subject_fields(old), key="RSA 2048")


class _OnTheLab(DeviceConformance):
    node = "expc"
    releases: dict[str, str] = {}
    switches: dict[str, str] = {}
    client_store = ""

    @pytest.fixture(autouse=True)
    def _labs(self, make_lab: MakeLab) -> None:
        self._make_lab = make_lab

    def make(self, password: Callable[[], str] | None = None) -> Device:
        self.lab = self._make_lab(releases=self.releases, switches={"*": self.switches})
        options = Options(poll_interval=1, restart_timeout=20, client_store=self.client_store)
        return connect(access(self.lab, self.node, password), options)

    def spec(self, device: Device) -> CsrSpec:
        return spec_of(device)

    def wait(self, seconds: float) -> None:
        """Wait for the box itself to say that it is back."""
        self.lab.effects.wait("restarted", self.node)


class TestExpresswayC(_OnTheLab):
    """The driver keeps the contract of devices on an Expressway-C."""


class TestExpresswayE(_OnTheLab):
    """The driver keeps the contract of devices on an Expressway-E of another release."""

    node, releases = "expe", {"expe": "X12.5"}


class TestTwoSlots(_OnTheLab):
    """The driver keeps the contract of devices on an X15.5 box whose API reaches the client slot."""

    releases = {"expc": "X15.5"}
    switches = {"api_access": "on", "client_store_api": "listed"}
    client_store = CLIENT


@pytest.fixture
def two_slots(make_lab: MakeLab) -> Lab:
    """Start a lab of X15.5 whose API reaches the client slot."""
    switches = {"api_access": "on", "client_store_api": "listed", "server_as_client": "asked"}
    return make_lab(releases={"expc": "X15.5"}, switches={"*": switches})


def test_the_client_slot_is_out_of_reach_until_somebody_names_its_function(two_slots: Lab) -> None:
    """Without the setting only the server slot is offered; the refusal names what the box itself lists."""
    device = connect(access(two_slots, "expc"), Options())
    assert device.slots() == ("server",)
    with pytest.raises(UsageError) as refused:
        device.certificate("client")
    assert CLIENT in refused.value.todo
    assert "`client_store`" in refused.value.todo
    named = connect(access(two_slots, "expc"), Options(client_store=CLIENT))
    assert fingerprint(named.certificate("client")) == two_slots.boxes["expc"].slots["client"].fingerprint


def test_a_function_that_the_box_does_not_list_is_never_tried(make_lab: MakeLab) -> None:
    """A wrong `client_store` is found out by the box's own description, before anything is sent to it."""
    lab = make_lab(releases={"expc": "X15.5"}, switches={"*": {"api_access": "on"}})
    with pytest.raises(ApiDisabled, match="by the description of its own API"):
        connect(access(lab, "expc"), Options(client_store=CLIENT)).certificate("client")


@pytest.mark.parametrize("encoding", ["multipart", "raw"])
def test_one_upload_for_both_slots(two_slots: Lab, encoding: Literal["multipart", "raw"]) -> None:
    """With the field that asks for it the leaf is in both slots, and a form whatever `upload` says; else in one."""
    options = Options(client_store=CLIENT, copy_to_client=COPY, upload=encoding)
    device, issuer = connect(access(two_slots, "expc"), options), new_issuer("For Both")
    device.add_trusted(issuer.certificate)
    for both in (True, False):
        device.generate_csr(spec_of(device))
        csr = device.pending_csr()
        assert csr is not None
        leaf = issuer.sign(csr)
        if both:
            device.install_in_both(leaf)
        else:
            device.install("server", leaf)
        assert device.certificate("server") == leaf
        assert (device.certificate("client") == leaf) == both


@pytest.mark.parametrize("options", [Options(client_store=CLIENT), Options(copy_to_client=COPY), Options()])
def test_one_upload_for_both_needs_field_and_read_back(two_slots: Lab, options: Options) -> None:
    """Without the field's name, or without a way to read the client slot back, nothing is uploaded."""
    device = connect(access(two_slots, "expc"), options)
    with pytest.raises(Refused, match="is not known"):
        device.install_in_both(device.certificate("server"))
    assert two_slots.effects.of("certificate-installed") == two_slots.effects.of("upload-refused") == []


def send(lab: Lab, upload: Literal["auto", "multipart", "raw"]) -> None:
    """Add a root by one encoding; raises what the driver raises."""
    connect(access(lab, "expc"), Options(upload=upload)).add_trusted(new_issuer("Added Root").certificate)


@pytest.mark.parametrize("upload", ["multipart", "raw"])
def test_each_upload_encoding_is_taken_by_a_box_that_wants_it(
    make_lab: MakeLab, upload: Literal["multipart", "raw"]
) -> None:
    """The setting `upload` fits a box of either kind; the wrong one is refused, named, and changes nothing."""
    lab = make_lab(switches={"expc": {"upload_encoding": upload}})
    send(lab, upload)
    assert len(lab.effects.of("trust-appended", "expc")) == 1
    with pytest.raises(Failed, match="Bad Request") as caught:
        send(lab, "raw" if upload == "multipart" else "multipart")
    assert "`upload`" in caught.value.todo
    assert len(lab.effects.of("trust-appended", "expc")) == 1


def test_by_default_uploads_are_forms(make_lab: MakeLab) -> None:
    """A description that declares no media type means a form, as the only public client sends."""
    lab = make_lab(switches={"expc": {"upload_encoding": "multipart"}})
    send(lab, "auto")
    assert lab.effects.of("trust-appended", "expc")


@pytest.mark.parametrize("status", ["200", "400"])
@pytest.mark.parametrize("text", ["bad-request", "reason"])
def test_a_refused_upload_is_an_error_whatever_its_status(make_lab: MakeLab, status: str, text: str) -> None:
    """A refusal with HTTP 200 is a refusal; the same upload to a box that trusts the CA is taken."""
    lab = make_lab(switches={"expc": {"refusal_status": status, "refusal_text": text}})
    device = connect(access(lab, "expc"), Options())
    device.generate_csr(spec_of(device))
    csr, issuer = device.pending_csr(), new_issuer("Not Yet Trusted")
    assert csr is not None
    leaf = issuer.sign(csr)
    with pytest.raises(Failed, match="did not take the server certificate"):
        device.install("server", leaf)
    assert device.certificate("server") != leaf
    device.add_trusted(issuer.certificate)
    device.install("server", leaf)
    assert device.certificate("server") == leaf


@pytest.mark.parametrize("status", ["200", "409"])
def test_a_csr_made_by_somebody_else_in_between_is_not_replaced(make_lab: MakeLab, status: str) -> None:
    """Conflict is understood in words and as a status: a look before is not enough."""
    lab = make_lab(switches={"expc": {"csr_conflict_status": status}})

    class Overtaken(Expressway):
        def pending_csr(self) -> x509.CertificateSigningRequest | None:
            found = super().pending_csr()
            lab.order("expc", "generate-csr")
            return found

    device = Overtaken(access(lab, "expc"), Options())
    with pytest.raises(Refused, match="pending"):
        device.generate_csr(spec_of(device))
    assert len(lab.effects.of("csr-generated", "expc")) == len(lab.effects.of("csr-conflict", "expc")) == 1


@pytest.mark.parametrize("release", ["X15.2", "X15.5"])
def test_an_api_that_is_off_is_named_with_where_to_switch_it_on(make_lab: MakeLab, release: str) -> None:
    """From X15.2 the API is off by default; once it is on, the same call works."""
    lab = make_lab(releases={"expc": release}, switches={"expc": {"api_access": "off"}})
    device = connect(access(lab, "expc"), Options())
    with pytest.raises(ApiDisabled) as caught:
        device.trusted()
    assert "Users > Administrator accounts" in caught.value.todo
    lab.order("expc", "enable-api")
    assert device.trusted()


def test_a_wrong_password_is_sent_once(make_lab: MakeLab) -> None:
    """The box counts one refused login, however often the driver is asked; the right password is taken."""
    lab = make_lab()
    device = connect(access(lab, "expc", lambda: "wrong"), Options())
    for _ in range(5):
        with pytest.raises(LoginRefused):
            device.status()
    assert len(lab.effects.of("login-refused", "expc")) == 1
    assert connect(access(lab, "expc"), Options()).status().release == "X14.3"


FAULTS = {
    "drop-before": Unreachable,
    "drop-after": Unreachable,
    "truncated": Unreachable,
    "error-5xx": Failed,
    "error-5xx-after": Failed,
    "garbage": Failed,
    "refused-200": Failed,
    "denied": LoginRefused,
    "api-disabled": ApiDisabled,
}


@pytest.mark.parametrize(("fault", "kind"), FAULTS.items())
def test_a_fault_on_a_write_is_an_error_and_nothing_is_sent_twice(
    make_lab: MakeLab, fault: str, kind: type[CertrenewError]
) -> None:
    """Whatever goes wrong on a write, it raises and the box saw it once; without the fault nothing is raised."""
    lab = make_lab()
    device, root = connect(access(lab, "expc"), Options()), new_issuer("Added Root").certificate
    lab.order("expc", fault, path="/api/provisioning/certs/root")
    with pytest.raises(kind) as caught:
        device.add_trusted(root)
    assert type(caught.value) is kind
    assert len(lab.effects.of("fault-struck", "expc")) == 1
    lab.clear("expc")
    connect(access(lab, "expc"), Options()).add_trusted(root)


def test_the_status_tells_zones_and_activity(make_lab: MakeLab) -> None:
    """A zone that is up is Active, with the counts of the box; one that fails says why, in the box's words."""
    lab = make_lab()
    device = connect(access(lab, "expc"), Options())
    status = device.status()
    assert status.zones == {"Traversal to expe": "Active"}
    assert (status.calls, status.registrations) == (0, 14)
    lab.order("expe", "forget-ca", ca="old")
    cause = lab.await_zone("Failed").cause
    assert device.status().zones == {"Traversal to expe": f"Failed: {cause}"}


def test_a_restart_is_taken_once(make_lab: MakeLab) -> None:
    """The box restarts once, with the header that X14.2 and later want."""
    lab = make_lab()
    device = connect(access(lab, "expc"), Options())
    before = fingerprint(device.certificate("server"))
    device.restart()
    lab.effects.wait("restarted", "expc")
    assert lab.effects.kinds("expc").count("restarting") == 1
    assert not lab.effects.of("csrf-refused", "expc")
    assert fingerprint(device.certificate("server")) == before
