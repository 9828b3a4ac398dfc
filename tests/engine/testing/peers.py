"""A peer in memory with two stores and two services, and ways to break one rule of such each."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509

from engine.contracts import Namesakes, Service, ServiceState, TrustStore
from engine.errors import Failed, LoginRefused, Refused, Waiting
from engine.testing.pki import new_issuer
from engine.text import stamp

OLD = new_issuer("Old Root").certificate
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
PHONES = Service(name="Phones", stores=["phones"], impact="phones re-register")
PAGES = Service(name="Pages", stores=["web"], impact="pages are away", guided=True, todo="Type: restart pages")


class Peer(TrustStore):
    """Keep every rule of the contract, in memory; only the newer of two namesakes stays."""

    def __init__(self, password: Callable[[], str] | None = None) -> None:
        self._password, self._refused = password, False
        self._held = {name: [OLD] for name in self.stores}
        self._restarts = 0

    @property
    def stores(self) -> tuple[str, ...]:
        return ("web", "phones")

    @property
    def namesakes(self) -> Namesakes:
        return "newer-replaces"

    def _login(self) -> None:
        if self._password and not self._refused:
            self._password()
            self._refused = True
        if self._refused:
            raise LoginRefused("The peer refused the login.")

    def _store(self, store: str) -> list[x509.Certificate]:
        if store not in self._held:
            raise Failed("There is no such store.")
        return self._held[store]

    def trusted(self, store: str = "") -> list[x509.Certificate]:
        self._login()
        return list(self._store(store))

    def add_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._login()
        held = self._store(store)
        same = [one for one in held if one.subject == certificate.subject]
        if all(one.not_valid_before_utc < certificate.not_valid_before_utc for one in same):
            self._held[store] = [*[one for one in held if one not in same], certificate]

    @property
    def removal_by_hand(self) -> bool:
        return False

    def remove_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._login()
        self._held[store] = [one for one in self._store(store) if one != certificate]

    def services(self) -> Sequence[Service]:
        self._login()
        return [PHONES, PAGES]

    def service(self, name: str) -> ServiceState:
        if name not in (PHONES.name, PAGES.name):
            raise Failed("There is no such service.")
        return ServiceState(running=True, since=stamp(BEGAN + timedelta(hours=self._restarts)))

    def restart_service(self, name: str) -> str:
        self.service(name)
        if name == PAGES.name:
            raise Refused("Only a person can do that.")
        self._restarts += 1
        return ""


class AsksByWriting(Peer):
    def check_writable(self) -> None:
        self.add_trusted(new_issuer("Probe").certificate, "web")


class AddsEverywhere(Peer):
    def add_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._store(store)
        for one in self._held:
            super().add_trusted(certificate, one)


class KeepsBothNamesakes(Peer):
    def add_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._store(store).append(certificate)


class KeepsTheOlder(Peer):
    def add_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        if certificate.subject not in [one.subject for one in self._store(store)]:
            super().add_trusted(certificate, store)


class ForgetsToRestore(Peer):
    def restore_trusted(self, evicted: x509.Certificate, newer: x509.Certificate, store: str = "") -> None:
        self._store(store)


class RefusesHalfway(Peer):
    def restore_trusted(self, evicted: x509.Certificate, newer: x509.Certificate, store: str = "") -> None:
        self._store(store).remove(newer)
        raise Refused("It could not be put back.")


class OnlySaysItRemoves(Peer):
    def remove_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._store(store)


class RemovesEverything(Peer):
    def remove_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._store(store).clear()


class SaysThatPeopleRemove(Peer):
    @property
    def removal_by_hand(self) -> bool:
        return True


class TellsPeopleUnasked(Peer):
    def remove_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        self._store(store)
        raise Waiting("Somebody has to.", on="person").asking(steps=["Take it out."])


class RemovesAnother(Peer):
    def remove_trusted(self, certificate: x509.Certificate, store: str = "") -> None:
        if certificate not in self._store(store):
            self._store(store).pop()
        super().remove_trusted(certificate, store)


class AsksForAnotherNameEachTime(Peer):
    def required_names(self) -> Sequence[str]:
        self._restarts += 1
        return [f"DNS:name{self._restarts}.example"]


class NamesWithoutTheirKind(Peer):
    def required_names(self) -> Sequence[str]:
        return ["name.example"]


class SaysFirstWins(Peer):
    @property
    def namesakes(self) -> Namesakes:
        return "first-wins"


class TakesAnyStore(Peer):
    def _store(self, store: str) -> list[x509.Certificate]:
        return self._held.setdefault(store, [])


class NoSuchKey(Peer):
    def _store(self, store: str) -> list[x509.Certificate]:
        return self._held[store]


class NoImpact(Peer):
    def services(self) -> Sequence[Service]:
        return [Service(name="Phones", stores=["phones"], impact="")]


class NothingToDo(Peer):
    def services(self) -> Sequence[Service]:
        return [Service(name="Pages", stores=["web"], impact="pages are away", guided=True)]


class LoadsAStoreThatIsNotThere(Peer):
    def services(self) -> Sequence[Service]:
        return [Service(name="Phones", stores=["other"], impact="phones re-register")]


class OwnClock(Peer):
    def service(self, name: str) -> ServiceState:
        return ServiceState(running=super().service(name).running, since="Mon Nov 23 17:15:14 2026")


class AnyServiceRuns(Peer):
    def service(self, name: str) -> ServiceState:
        return ServiceState(running=True)


class RestartsWhatAPersonShould(Peer):
    def restart_service(self, name: str) -> str:
        self.service(name)
        return ""


class OnlySaysItRestarts(Peer):
    def restart_service(self, name: str) -> str:
        self.service(name)
        if name == PAGES.name:
            raise Refused("Only a person can do that.")
        return ""


class RestartsUnseen(Peer):
    def service(self, name: str) -> ServiceState:
        return ServiceState(running=super().service(name).running)


class WatchesByAnotherClock(Peer):
    def restart_service(self, name: str) -> str:
        super().restart_service(name)
        return "Mon Nov 23 17:15:14 2026"


class NeverComesUp(Peer):
    def service(self, name: str) -> ServiceState:
        state = super().service(name)
        return ServiceState(running=self._restarts == 0, since=state.since)


BROKEN_PEERS: dict[type[Peer], str] = {
    AsksByWriting: "test_reading_the_store_changes_nothing",
    AddsEverywhere: "test_adding_to_one_store_leaves_the_others",
    KeepsBothNamesakes: "test_two_certificates_of_one_subject_are_kept_as_said",
    KeepsTheOlder: "test_two_certificates_of_one_subject_are_kept_as_said",
    ForgetsToRestore: "test_an_evicted_certificate_comes_back_or_that_is_refused",
    RefusesHalfway: "test_an_evicted_certificate_comes_back_or_that_is_refused",
    OnlySaysItRemoves: "test_a_removed_certificate_is_gone_alone_or_people_are_told",
    RemovesEverything: "test_a_removed_certificate_is_gone_alone_or_people_are_told",
    SaysThatPeopleRemove: "test_a_removed_certificate_is_gone_alone_or_people_are_told",
    TellsPeopleUnasked: "test_a_removed_certificate_is_gone_alone_or_people_are_told",
    RemovesAnother: "test_what_is_not_there_can_be_removed",
    AsksForAnotherNameEachTime: "test_what_the_box_knows_of_others_is_said_twice_alike",
    NamesWithoutTheirKind: "test_what_the_box_knows_of_others_is_said_twice_alike",
    SaysFirstWins: "test_two_certificates_of_one_subject_are_kept_as_said",
    TakesAnyStore: "test_an_unknown_store_is_refused",
    NoSuchKey: "test_an_unknown_store_is_refused",
    NoImpact: "test_services_say_what_they_load_and_what_a_restart_costs",
    NothingToDo: "test_services_say_what_they_load_and_what_a_restart_costs",
    LoadsAStoreThatIsNotThere: "test_services_say_what_they_load_and_what_a_restart_costs",
    OwnClock: "test_services_say_what_they_load_and_what_a_restart_costs",
    AnyServiceRuns: "test_an_unknown_service_is_refused",
    RestartsWhatAPersonShould: "test_a_guided_service_is_left_to_a_person",
    OnlySaysItRestarts: "test_a_restarted_service_starts_anew",
    RestartsUnseen: "test_a_restarted_service_starts_anew",
    WatchesByAnotherClock: "test_a_restarted_service_starts_anew",
    NeverComesUp: "test_a_restarted_service_starts_anew",
}
"""Ways to break one rule, each with the method that must find it."""
