"""Hold a driver to `engine.contracts.TrustStore`."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from engine.certificates import fingerprint
from engine.contracts import TrustStore
from engine.errors import CertrenewError, LoginRefused
from engine.testing.expect import expect, refused, texts
from engine.testing.pki import new_issuer

WRONG = "wrong-on-purpose-5d1f"
"""A password that no box has."""


class LoginCounter:
    """Be a source of a wrong password that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> str:
        """Return the wrong password."""
        self.asked += 1
        return WRONG


class TrustStoreConformance(ABC):
    """Test a trust store; override `make`.

    `logs_in` is False for a driver that has no login, and then the rules about refused logins hold for nothing.
    """

    logs_in: ClassVar[bool] = True

    @abstractmethod
    def make(self, password: Callable[[], str] | None = None) -> TrustStore:
        """Return a driver for a fresh box, where nobody has been; with `password` in place of the right one if given.

        What has to be stopped afterwards belongs into a fixture of the test.
        """

    def test_reading_the_store_changes_nothing(self) -> None:
        """Two looks at the store see the same."""
        store = self.make()
        expect(_held(store) == _held(store), "reading a trust store twice gives the same certificates")
        expect(isinstance(store.trust_needs_restart, bool), "trust_needs_restart is True or False")

    def test_adding_keeps_what_is_there(self) -> None:
        """An added certificate is in the store, and all that were there still are."""
        store, root = self.make(), new_issuer("Conformance Root").certificate
        before = _held(store)
        expect(not before[fingerprint(root)], "a fresh box does not hold a certificate that was made just now")
        store.add_trusted(root)
        after = _held(store)
        expect(after[fingerprint(root)] == 1, "an added certificate is in the store")
        expect(before <= after, "adding a certificate removes none")

    def test_adding_twice_keeps_what_is_there(self) -> None:
        """A second add of the same certificate, as after a crash, loses nothing."""
        store, root = self.make(), new_issuer("Conformance Root").certificate
        before = set(_held(store))
        store.add_trusted(root)
        with suppress(CertrenewError):  # a box may refuse a certificate that it holds
            store.add_trusted(root)
        expect(set(_held(store)) == before | {fingerprint(root)}, "adding a certificate twice loses none")

    def test_two_certificates_of_one_subject_are_both_kept(self) -> None:
        """A CA that was renewed under its old name is a certificate of its own."""
        store = self.make()
        old, new = new_issuer("Same Name").certificate, new_issuer("Same Name").certificate
        store.add_trusted(old)
        store.add_trusted(new)
        expect({fingerprint(old), fingerprint(new)} <= set(_held(store)), "a CA of the same name replaces none")

    def test_a_refused_login_is_never_sent_again(self) -> None:
        """After LoginRefused every call raises it again and asks for no password (lockout)."""
        if not self.logs_in:
            return
        counter = LoginCounter()
        store = self.make(counter)
        for call in self._reads(store):
            refused(call, LoginRefused, "a wrong password raises LoginRefused")
            expect(counter.asked == 1, "a refused login is never sent again")

    def test_the_password_stays_out_of_errors_and_attributes(self) -> None:
        """No error, no representation and no attribute holds the password."""
        if not self.logs_in:
            return
        store = self.make(LoginCounter())
        error = refused(self._reads(store)[0], LoginRefused, "a wrong password raises LoginRefused")
        said = [error.what, error.untouched, error.todo, repr(error), repr(store), *texts(store)]
        expect(not any(WRONG in text for text in said), "no error, representation or attribute holds the password")

    def _reads(self, store: TrustStore) -> list[Callable[[], object]]:
        return [store.trusted, store.trusted]


def _held(store: TrustStore) -> Counter[str]:
    return Counter(fingerprint(certificate) for certificate in store.trusted())
