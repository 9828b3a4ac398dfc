"""Hold an observer to `engine.contracts.Observer`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy

import msgspec

from engine.contracts import Observer
from engine.errors import CertrenewError, Refused
from engine.model import Actor, Event, Item, Json, Override, Renewal, Wait
from engine.testing.authorities import HOSTILE
from engine.testing.expect import expect, refused, texts

AT = "2026-11-23T16:00:00Z"


class ObserverConformance(ABC):
    """Test an observer; override `make`, and `secret` with what its settings refer to."""

    secret = ""

    @abstractmethod
    def make(self, reachable: bool = True) -> Observer:
        """Return the observer, telling a receiver made for tests; or one where nobody listens."""

    def test_each_kind_of_event_is_told(self) -> None:
        """What waits, what failed, what was reached and what has a kind of its own is told without an error."""
        for kind in ("created", "stopped", "state", "override", "something-new"):
            self.make().observe(*told(kind))

    def test_what_is_told_again_does_no_harm(self) -> None:
        """The same event may come twice, to another object in a later process."""
        self.make().observe(*told())
        self.make().observe(*told())

    def test_what_it_is_given_stays_as_it_is(self) -> None:
        """Its arguments are not altered."""
        given = told()
        kept = deepcopy(given)
        self.make().observe(*given)
        expect(given == kept, "an observer leaves its arguments as they are")

    def test_hostile_text_stays_harmless(self) -> None:
        """Names from outside are told, or the event is given up; nothing else happens."""
        try:
            self.make().observe(*told(text=HOSTILE))
        except Refused:
            return

    def test_nobody_there_is_an_error_of_ours(self) -> None:
        """Where nobody listens, an error says so that has the event tried again; it holds no secret, nor does it."""
        observer = self.make(reachable=False)
        error = refused(lambda: observer.observe(*told()), CertrenewError, "an observer tells when nobody listens")
        expect(not isinstance(error, Refused), "what may be mended is not given up")
        found = [*texts(vars(observer)), *texts(vars(error)), str(error)]
        expect(not self.secret or not any(self.secret in text for text in found), "no secret is kept or told")


def told(
    kind: str = "stopped", text: str = "conformance", values: Mapping[str, Json] | None = None
) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return a renewal and an event as an observer is given them; `text` is every text in them that is free.

    `values` are members of the renewal that differ.
    """
    actor = Actor(person=None, uid=1, account=text, host=text)
    wait = Wait(on="approval", what=text, todo=text, since=AT) if kind == "stopped" else None
    renewal = Renewal(
        id="r1",
        workflow="renewal",
        state="Validated",
        created=AT,
        since=AT,
        requester=actor,
        items=[Item(certificate=text, node=text, slots=["server"], authority=text)],
        overrides=[Override(check="validity", reason=text, by=actor)] if kind == "override" else [],
        wait=wait,
    )
    event = Event(seq=3, at=AT, kind=kind, text=text, by=actor, values={"wait": wait and wait.plain()}).sealed()
    plain: dict[str, Json] = {**renewal.plain(), "who": [text], **(values or {})}
    return msgspec.json.decode(msgspec.json.encode(plain)), event.plain()
