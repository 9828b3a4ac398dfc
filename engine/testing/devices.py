"""Hold a driver to `engine.contracts.Device`."""

import threading
from abc import abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from engine.certificates import fingerprint, key_digest, key_text, subject_fields
from engine.contracts import BoxStatus, CsrSpec, Device, TrustStore
from engine.errors import CertrenewError, Failed, Refused
from engine.testing.expect import expect, refused
from engine.testing.pki import Issuer, dns_names, new_issuer, new_request
from engine.testing.stores import TrustStoreConformance
from engine.text import escape

if TYPE_CHECKING:
    from cryptography import x509

ODD = (
    CsrSpec(names=["URI:sip:a@b.example"], subject=[("CN", "a.example")], key="RSA 2048"),
    CsrSpec(names=["IP:192.0.2.1", "email:a@b.example"], subject=[("CN", "a.example")], key="RSA 2048"),
    CsrSpec(names=["DNS:a.example"], subject=[("CN", "nobody.example")], key="EC P-521", digest="sha512"),
    CsrSpec(names=[], subject=[("O", "A"), ("O", "B"), ("9.9.9", "\x1b[31m")], key="RSA 1024", digest="md5"),
)
"""CSRs that many boxes can't make."""


class DeviceConformance(TrustStoreConformance):
    """Test a box with slots; override `make`, and `spec` where the old certificate can't be asked for again."""

    @abstractmethod
    def make(self, password: Callable[[], str] | None = None) -> Device:
        """Return a driver for a fresh box with a certificate in each slot and no pending CSR (see the base class)."""

    def spec(self, device: Device) -> CsrSpec:
        """Return what a plain renewal asks for: the old certificate's DNS names, subject and key."""
        old = device.certificate(device.slots()[0])
        dns = [f"DNS:{name}" for name in dns_names(old)]
        return CsrSpec(names=dns, subject=subject_fields(old), key=key_text(old.public_key()))

    def wait(self, seconds: float) -> None:
        """Let time pass while a box restarts; override it where the box has a clock of its own."""
        threading.Event().wait(seconds)

    def test_slots_have_certificates(self) -> None:
        """Every slot that is named can be read, and reading changes nothing."""
        device = self.make()
        slots = device.slots()
        expect(bool(slots) and len(set(slots)) == len(slots), "a box has slots, each once")
        for slot in slots:
            expect(_print(device, slot) == _print(device, slot), "reading a slot twice gives the same certificate")

    def test_an_unknown_slot_is_an_error_of_ours(self) -> None:
        """A slot that the box lacks is refused in words, not by a traceback."""
        device = self.make()
        leaf = device.certificate(device.slots()[0])
        refused(lambda: device.certificate("no such slot"), CertrenewError, "reading an unknown slot is refused")
        refused(lambda: device.install("no such slot", leaf), CertrenewError, "installing there is refused")

    def test_the_status_is_complete(self) -> None:
        """Release, uptime and the rest are there, of the types that are stored."""
        status = self.make().status()
        expect(bool(status.release), "the status names the release")
        for count in (status.uptime, status.calls, status.registrations):
            expect(count is None or count == max(count, 0), "uptime, calls and registrations are counts, or None")

    def test_times_are_positive(self) -> None:
        """A restart may take some time, and there is some time between two looks."""
        device = self.make()
        expect(device.restart_timeout > 0, "restart_timeout is positive")
        expect(0 < device.poll_interval <= device.restart_timeout, "poll_interval is positive and not the longer one")

    def test_a_csr_is_made_as_asked(self) -> None:
        """The CSR carries each name, the key and the subject that were asked for; the slot stays as it is."""
        device = self.make()
        slot, spec = device.slots()[0], self.spec(device)
        before = _print(device, slot)
        expect(device.pending_csr() is None, "a fresh box has no pending CSR")
        expect(list(device.csr_limits(spec)) == [], "a plain renewal can be expressed")
        expect(device.pending_csr() is None, "csr_limits makes nothing")
        device.generate_csr(spec)
        csr = _pending(device)
        lost = {name.lower() for name in spec.names} - {f"dns:{name}" for name in dns_names(csr)}
        expect(not lost, "the CSR carries every name")
        expect(key_text(csr.public_key()) == spec.key, "the CSR has the key that was asked for")
        expect(sorted(subject_fields(csr)) == sorted(spec.subject), "the CSR has the subject that was asked for")
        expect(_print(device, slot) == before, "making a CSR leaves the slot as it is")

    def test_a_second_csr_is_refused(self) -> None:
        """A pending CSR is never replaced or discarded: its key is being signed."""
        device = self.make()
        spec = self.spec(device)
        device.generate_csr(spec)
        key = key_digest(_pending(device).public_key())
        refused(lambda: device.generate_csr(spec), Refused, "a second CSR is refused")
        expect(key_digest(_pending(device).public_key()) == key, "the pending CSR stays")

    def test_what_cannot_be_expressed_is_refused(self) -> None:
        """What csr_limits names is a sentence for people, and generate_csr makes nothing of it."""
        device = self.make()
        for spec in ODD:
            short = list(device.csr_limits(spec))
            expect(all(line.endswith(".") and line == escape(line) for line in short), "limits are sentences to show")
            if short:
                refused(lambda spec=spec: device.generate_csr(spec), Refused, "what can't be expressed is refused")  # type: ignore[misc]
                expect(device.pending_csr() is None, "a refused CSR is not made")

    def test_a_signed_certificate_is_installed(self) -> None:
        """The leaf is in its slot after the upload, in no other, and the trust store is as it was; so for each slot."""
        device, issuer = self.make(), new_issuer("Conformance Root")
        for slot in device.slots():
            leaf, others = self._signed(device, issuer), _others(device, slot)
            trusted = {fingerprint(certificate) for certificate in device.trusted()}
            device.install(slot, leaf)
            expect(_print(device, slot) == fingerprint(leaf), "the slot holds what was installed")
            expect(_others(device, slot) == others, "installing into a slot leaves the others as they are")
            held = {fingerprint(one) for one in device.trusted()}
            expect(held == trusted, "installing leaves the trust store as it is")
            expect(device.pending_csr() is None, "an installed certificate uses the pending CSR up")

    def test_a_certificate_of_another_key_is_refused(self) -> None:
        """A leaf that is not of the pending CSR's key raises, and the slot stays as it is."""
        device, issuer = self.make(), new_issuer("Conformance Root")
        slot, before = device.slots()[0], _print(device, device.slots()[0])
        good = self._signed(device, issuer)
        other = issuer.sign(new_request(dns_names(good)[0], dns_names(good)))
        refused(lambda: device.install(slot, other), CertrenewError, "a certificate of another key is refused")
        expect(_print(device, slot) == before, "a refused certificate leaves the slot as it is")
        expect(device.pending_csr() is not None, "a refused certificate leaves the pending CSR")

    def test_a_restart_keeps_everything(self) -> None:
        """The box answers again in time, with the certificates and the trust store that it had."""
        device = self.make()
        release, state = device.status().release, _state(device)
        device.restart()
        expect(self._status_again(device).release == release, "a restart does not change the release")
        expect(_state(device) == state, "a restart keeps certificates and trust store")

    def _status_again(self, device: Device) -> BoxStatus:
        end = datetime.now(UTC) + timedelta(seconds=device.restart_timeout)
        while datetime.now(UTC) < end:
            self.wait(device.poll_interval)
            try:
                return device.status()
            except Failed:
                continue
        raise AssertionError("a box answers again within restart_timeout")

    def _signed(self, device: Device, issuer: Issuer) -> "x509.Certificate":
        """Have the box make a CSR, sign it, and have the box trust who signed."""
        device.generate_csr(self.spec(device))
        device.add_trusted(issuer.certificate)
        return issuer.sign(_pending(device))

    def _reads(self, store: TrustStore) -> list[Callable[[], object]]:
        if not isinstance(store, Device):
            raise AssertionError("make returns a Device")
        slot = store.slots()[0]
        return [store.status, store.trusted, store.pending_csr, lambda: store.certificate(slot), store.restart]


def _print(device: Device, slot: str) -> str:
    return fingerprint(device.certificate(slot))


def _others(device: Device, slot: str) -> dict[str, str]:
    return {other: _print(device, other) for other in device.slots() if other != slot}


def _pending(device: Device) -> "x509.CertificateSigningRequest":
    csr = device.pending_csr()
    if csr is None:
        raise AssertionError("a CSR that was made is pending")
    return csr


def _state(device: Device) -> tuple[list[str], list[str]]:
    slots = [_print(device, slot) for slot in device.slots()]
    return slots, sorted(fingerprint(certificate) for certificate in device.trusted())
