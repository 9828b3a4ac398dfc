"""Hold a driver to `engine.contracts.TrustStore`."""

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ClassVar

from engine.certificates import fingerprint
from engine.contracts import Service, ServiceState, TrustStore
from engine.errors import CertrenewError, Failed, LoginRefused, Refused, Waiting
from engine.testing.expect import expect, refused, texts
from engine.testing.pki import new_issuer
from engine.text import moment, stamp

WRONG = "wrong-on-purpose-5d1f"
"""A password that no box has."""

NOWHERE = "no such thing"
"""A name that no store and no service has."""

PATIENCE = 60
"""How often a service that restarts is looked at, a second apart."""

Content = dict[str, Counter[str]]
"""What a box holds: per store the fingerprints, each with how often it is there."""


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

        Its services have run for some seconds. What has to be stopped afterwards belongs into a fixture of the test.
        """

    def wait(self, seconds: float) -> None:
        """Let time pass while a box or a service restarts; override it where the box has a clock of its own."""
        threading.Event().wait(seconds)

    def test_reading_the_store_changes_nothing(self) -> None:
        """Two looks at the stores see the same, and asking whether the account may write changes nothing."""
        store = self.make()
        before = _content(store)
        expect(bool(store.stores) and len(set(store.stores)) == len(store.stores), "a box has stores, each once")
        expect(_content(store) == before, "reading a trust store twice gives the same certificates")
        store.check_writable()
        expect(_content(store) == before, "asking whether the account may write adds nothing and removes nothing")
        expect(isinstance(store.trust_needs_restart, bool), "trust_needs_restart is True or False")
        expect(store.replication >= 0, "replication is 0 seconds or more")

    def test_adding_keeps_what_is_there(self) -> None:
        """An added certificate is in the store, and all that were there still are."""
        for name in self.make().stores:
            store, root = self.make(), new_issuer("Conformance Root").certificate
            before = _held(store, name)
            expect(not before[fingerprint(root)], "a fresh box does not hold a certificate that was made just now")
            store.add_trusted(root, name)
            after = _held(store, name)
            expect(after[fingerprint(root)] == 1, "an added certificate is in the store")
            expect(before <= after, "adding a certificate removes none")

    def test_adding_to_one_store_leaves_the_others(self) -> None:
        """A certificate goes to the store that is named and to no other."""
        for name in self.make().stores:
            store, root = self.make(), new_issuer("Conformance Root").certificate
            before = _content(store)
            store.add_trusted(root, name)
            after = _content(store)
            expect(fingerprint(root) in after.pop(name), "an added certificate is in the store that was named")
            expect(after == {other: before[other] for other in after}, "adding to one store leaves the others")

    def test_adding_twice_keeps_what_is_there(self) -> None:
        """A second add of the same certificate, as after a crash, loses nothing."""
        for name in self.make().stores:
            store, root = self.make(), new_issuer("Conformance Root").certificate
            before = set(_held(store, name))
            store.add_trusted(root, name)
            with suppress(CertrenewError):  # a box may refuse a certificate that it holds
                store.add_trusted(root, name)
            expect(set(_held(store, name)) == before | {fingerprint(root)}, "adding a certificate twice loses none")

    def test_two_certificates_of_one_subject_are_kept_as_said(self) -> None:
        """Of two CAs of one name both are kept, or the one whose validity begins later, as `namesakes` says."""
        for older_first in (True, False):
            for name in self.make().stores:
                store = self.make()
                old, new = (new_issuer("Same Name", age=age).certificate for age in (2, 1))
                for one in (old, new) if older_first else (new, old):
                    with suppress(CertrenewError):  # a box that keeps the newer one may say so when it is sent an older
                        store.add_trusted(one, name)
                kept = {fingerprint(old), fingerprint(new)} & set(_held(store, name))
                wanted = {fingerprint(new)} | ({fingerprint(old)} if store.namesakes == "first-wins" else set())
                expect(kept == wanted, "of two CAs of one name both are kept, or the newer, as `namesakes` says")

    def test_an_evicted_certificate_comes_back_or_that_is_refused(self) -> None:
        """Where the newer of two CAs of one name is kept, the older comes back for it, or nothing is changed."""
        for name in self.make().stores:
            store = self.make()
            old, new = (new_issuer("Same Name", age=age).certificate for age in (2, 1))
            if store.namesakes != "newer-replaces":
                return
            store.add_trusted(new, name)
            before, restored = set(_held(store, name)), True
            try:
                store.restore_trusted(old, new, name)
            except Refused:
                restored = False
            wanted = before - {fingerprint(new)} | {fingerprint(old)} if restored else before
            expect(set(_held(store, name)) == wanted, "what was evicted takes the newer one's place, or all stays")

    def test_a_removed_certificate_is_gone_alone_or_people_are_told(self) -> None:
        """One CA certificate goes and all others stay; or none goes and people are told, by `removal_by_hand`."""
        for name in self.make().stores:
            store, root = self.make(), new_issuer("Conformance Root").certificate
            store.add_trusted(root, name)
            before, by_hand = _content(store), store.removal_by_hand
            try:
                store.remove_trusted(root, name)
                expect(not by_hand, "where people take it out, Waiting tells them so")
                before[name] -= Counter([fingerprint(root)])
            except Waiting as waiting:
                expect(by_hand and bool(waiting.steps), "where people take it out, they are told in steps")
            expect(_content(store) == before, "the certificate that was named goes, or none, and no other one")

    def test_what_is_not_there_can_be_removed(self) -> None:
        """Taking a certificate out that is not there, as after a crash, changes nothing."""
        for name in self.make().stores:
            store, root = self.make(), new_issuer("Conformance Root").certificate
            before = _content(store)
            with suppress(Waiting):
                store.remove_trusted(root, name)
            expect(_content(store) == before, "removing what is not there changes nothing")

    def test_what_the_box_knows_of_others_is_said_twice_alike(self) -> None:
        """Names that it asks for have a kind, members of its cluster have a name, and asking changes nothing."""
        store = self.make()
        before, names, members = _content(store), list(store.required_names()), list(store.members())
        expect(
            all(name.partition(":")[1] for name in names), "a name that is asked for says its kind, as in DNS:a.example"
        )
        expect(names == list(store.required_names()), "asking twice for names gives the same")
        expect(members == list(store.members()) and all(members), "asking twice for members gives the same names")
        expect(_content(store) == before, "asking what the box knows changes no store")

    def test_an_unknown_store_is_refused(self) -> None:
        """Where stores have names, another name is refused in words, and nothing is added anywhere."""
        store = self.make()
        if store.stores == ("",):
            return
        root, before = new_issuer("Conformance Root").certificate, _content(store)
        refused(lambda: store.trusted(NOWHERE), CertrenewError, "reading an unknown store is refused")
        refused(lambda: store.add_trusted(root, NOWHERE), CertrenewError, "adding to an unknown store is refused")
        refused(
            lambda: store.remove_trusted(root, NOWHERE), CertrenewError, "removing from an unknown store is refused"
        )
        expect(_content(store) == before, "a refused store leaves all others as they are")

    def test_services_say_what_they_load_and_what_a_restart_costs(self) -> None:
        """Each service is there once, loads stores that exist, has an impact, and tells a person what to do."""
        store = self.make()
        found = list(store.services())
        expect(found == list(store.services()), "naming the services twice gives the same")
        expect(len({one.name for one in found}) == len(found), "a service is named once")
        for one in found:
            expect(bool(one.stores) and {*one.stores} <= {*store.stores}, "a service loads stores that the box has")
            expect(bool(one.name and one.impact) and one.duration > 0, "a service has a name, an impact and a duration")
            expect(bool(one.todo) or not one.guided, "a guided service tells the person what to do")
            since = store.service(one.name).since
            expect(since in ("", _again(since)), "`since` is RFC 3339 in UTC, or empty")

    def test_an_unknown_service_is_refused(self) -> None:
        """A service that the box lacks is Failed, not a traceback."""
        store = self.make()
        refused(lambda: store.service(NOWHERE), Failed, "reading an unknown service is refused")
        refused(lambda: store.restart_service(NOWHERE), Failed, "restarting an unknown service is refused")

    def test_a_guided_service_is_left_to_a_person(self) -> None:
        """A restart that only a person can do is refused, and the service runs on."""
        store = self.make()
        for one in [one for one in store.services() if one.guided]:
            refused(partial(store.restart_service, one.name), CertrenewError, "a guided restart is refused")
            expect(store.service(one.name).running, "a service whose restart was refused runs on")

    def test_a_restarted_service_starts_anew(self) -> None:
        """A service that is not guided runs again after its restart, since a later time."""
        store = self.make()
        for one in [one for one in store.services() if not one.guided]:
            before = store.service(one.name)
            watched = store.restart_service(one.name)
            expect(watched in ("", _again(watched)), "what was watched is RFC 3339 in UTC, or empty")
            expect(bool(watched or before.since), "a restart that shows nowhere afterwards was watched")
            expect(self._started_anew(store, one, before), "a restarted service runs again, since a later time")

    def _started_anew(self, store: TrustStore, service: Service, before: ServiceState) -> bool:
        for _ in range(PATIENCE):
            state = store.service(service.name)
            if state.running and (state.since > before.since or not state.since):
                return True
            self.wait(1)
        return False

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
        first, last = store.stores[0], store.stores[-1]
        return [lambda: store.trusted(first), lambda: store.trusted(last), lambda: store.trusted(first)]


def _held(store: TrustStore, name: str) -> Counter[str]:
    return Counter(fingerprint(certificate) for certificate in store.trusted(name))


def _content(store: TrustStore) -> Content:
    return {name: _held(store, name) for name in store.stores}


def _again(text: str) -> str:
    """Write a time once more; empty for what is none."""
    try:
        return stamp(moment(text))
    except ValueError:
        return ""
