"""Boxes in memory: one that keeps every rule, and ways to break one rule each."""

from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from engine.certificates import fingerprint, key_digest, subject_fields
from engine.contracts import BoxStatus, CsrSpec, Device
from engine.errors import Failed, LoginRefused, Refused, UsageError
from engine.testing.pki import Key, new_issuer, new_request

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ISSUER = new_issuer("Old Root")
OLD = ISSUER.sign(new_request("box.example", ["box.example", "alias.example"], KEY))


class Box(Device):
    """Keep every rule of the contract, in memory."""

    def __init__(self, password: Callable[[], str] | None) -> None:
        self._password = password
        self._refused = False
        self._slot, self._trusted = OLD, [ISSUER.certificate]
        self._pending: x509.CertificateSigningRequest | None = None

    restart_timeout, poll_interval = 2, 1

    def _login(self) -> None:
        if self._refused:
            raise LoginRefused("The box refused the login before.")
        if self._password:
            self._password()
            self._refused = True
            raise LoginRefused("The box refused the login.")

    def trusted(self, store: str = "") -> list[x509.Certificate]:
        self._login()
        return list(self._trusted)

    def add_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._login()
        if fingerprint(certificate) in map(fingerprint, self._trusted):
            raise Failed("It is there already.")
        self._trusted.append(certificate)

    def slots(self) -> tuple[str, ...]:
        return ("server",)

    def certificate(self, slot: str) -> x509.Certificate:
        self._login()
        self._known(slot)
        return self._slot

    def _known(self, slot: str) -> None:
        if slot != "server":
            raise UsageError("There is no such slot.")

    def pending_csr(self) -> x509.CertificateSigningRequest | None:
        self._login()
        return self._pending

    def csr_limits(self, spec: CsrSpec) -> Sequence[str]:
        odd = [name for name in spec.names if not name.startswith("DNS:")]
        known = spec.key == "RSA 2048" and spec.subject == subject_fields(OLD)
        return [] if known and not odd else ["It makes the one CSR only."]

    def generate_csr(self, spec: CsrSpec) -> None:
        self._login()
        if self._pending or self.csr_limits(spec):
            raise Refused("Not this CSR, or not now.")
        self._pending = self._made(spec, rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def _made(self, spec: CsrSpec, key: Key) -> x509.CertificateSigningRequest:
        return new_request(spec.subject[0][1], [name.removeprefix("DNS:") for name in spec.names], key)

    def install(self, slot: str, leaf: x509.Certificate) -> None:
        self._login()
        self._known(slot)
        if not self._pending or key_digest(leaf.public_key()) != key_digest(self._pending.public_key()):
            raise Failed("It is of another key.")
        self._slot, self._pending = leaf, None

    def restart(self) -> None:
        self._login()

    def status(self) -> BoxStatus:
        self._login()
        return BoxStatus(release="X1.0", uptime=7)


class ReplacesTrust(Box):
    def add_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._login()
        self._trusted = [certificate]


class ForgetsTrust(Box):
    def add_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._login()


class TogglesTrust(Box):
    def add_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._login()
        held = [one for one in self._trusted if one != certificate]
        self._trusted = held if len(held) < len(self._trusted) else [*held, certificate]


class OnePerSubject(Box):
    def add_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._login()
        self._trusted = [one for one in self._trusted if one.subject != certificate.subject] + [certificate]


class ReadsAreWrites(Box):
    def trusted(self, store: str = "") -> list[x509.Certificate]:
        return [*super().trusted(), *[self._trusted.pop() for _ in self._trusted[:1]]]


class TriesAgain(Box):
    def _login(self) -> None:
        self._refused = False
        super()._login()


class KeepsThePassword(Box):
    def _login(self) -> None:
        if self._password and not self._refused:
            self.secrets = {"login": [self._password()]}
            self._refused = True
        super()._login()


class TellsThePassword(Box):
    def _login(self) -> None:
        if self._password:
            raise LoginRefused("The box refused the login.", todo=f"Was {self._password()} right?")


class KeyErrorForASlot(Box):
    def _known(self, slot: str) -> None:
        _ = {"server": True}[slot]


class NamesASlotTwice(Box):
    def slots(self) -> tuple[str, ...]:
        return ("server", "server")


class NoRelease(Box):
    def status(self) -> BoxStatus:
        self._login()
        return BoxStatus(release="", uptime=7)


class NeverPolls(Box):
    poll_interval = 0


class LosesAName(Box):
    def _made(self, spec: CsrSpec, key: Key) -> x509.CertificateSigningRequest:
        return new_request(spec.subject[0][1], [spec.names[0].removeprefix("DNS:")], key)


class OtherKeySize(Box):
    def _made(self, spec: CsrSpec, _key: Key) -> x509.CertificateSigningRequest:
        return super()._made(spec, rsa.generate_private_key(public_exponent=65537, key_size=3072))


class OtherSubject(Box):
    def _made(self, spec: CsrSpec, key: Key) -> x509.CertificateSigningRequest:
        return new_request("other.example", [name.removeprefix("DNS:") for name in spec.names], key)


class SecondCsr(Box):
    def generate_csr(self, spec: CsrSpec) -> None:
        self._pending = None
        super().generate_csr(spec)


class RefusesButReplaces(Box):
    def generate_csr(self, spec: CsrSpec) -> None:
        again, self._pending = self._pending is not None, None
        super().generate_csr(spec)
        if again:
            raise Refused("A CSR is pending.")


class MakesWhatItCannot(Box):
    def generate_csr(self, spec: CsrSpec) -> None:
        self._pending = self._made(CsrSpec(names=[], subject=[("CN", "x")], key="RSA 2048"), KEY)


class IsVague(Box):
    def csr_limits(self, spec: CsrSpec) -> Sequence[str]:
        return [f"can't: {spec.subject}" for _ in super().csr_limits(spec)]


class IgnoresAnInstall(Box):
    def install(self, slot: str, leaf: x509.Certificate) -> None:
        self._known(slot)


class TakesAnyKey(Box):
    def install(self, slot: str, leaf: x509.Certificate) -> None:
        self._known(slot)
        self._slot = leaf


class ForgetsAtRestart(Box):
    def restart(self) -> None:
        super().restart()
        self._trusted = []


class NeverComesBack(Box):
    _gone = False

    def restart(self) -> None:
        super().restart()
        self._gone = True

    def status(self) -> BoxStatus:
        if self._gone:
            raise Failed("It does not answer.")
        return super().status()


BROKEN_BOXES: dict[type[Box], str] = {
    ReplacesTrust: "test_adding_keeps_what_is_there",
    ForgetsTrust: "test_adding_keeps_what_is_there",
    TogglesTrust: "test_adding_twice_keeps_what_is_there",
    OnePerSubject: "test_two_certificates_of_one_subject_are_kept_as_said",
    ReadsAreWrites: "test_reading_the_store_changes_nothing",
    TriesAgain: "test_a_refused_login_is_never_sent_again",
    KeepsThePassword: "test_the_password_stays_out_of_errors_and_attributes",
    TellsThePassword: "test_the_password_stays_out_of_errors_and_attributes",
    KeyErrorForASlot: "test_an_unknown_slot_is_an_error_of_ours",
    NamesASlotTwice: "test_slots_have_certificates",
    NoRelease: "test_the_status_is_complete",
    NeverPolls: "test_times_are_positive",
    LosesAName: "test_a_csr_is_made_as_asked",
    OtherKeySize: "test_a_csr_is_made_as_asked",
    OtherSubject: "test_a_csr_is_made_as_asked",
    SecondCsr: "test_a_second_csr_is_refused",
    RefusesButReplaces: "test_a_second_csr_is_refused",
    MakesWhatItCannot: "test_what_cannot_be_expressed_is_refused",
    IsVague: "test_what_cannot_be_expressed_is_refused",
    IgnoresAnInstall: "test_a_signed_certificate_is_installed",
    TakesAnyKey: "test_a_certificate_of_another_key_is_refused",
    ForgetsAtRestart: "test_a_restart_keeps_everything",
    NeverComesBack: "test_a_restart_keeps_everything",
}
"""Ways to break one rule, each with the method that must find it."""
