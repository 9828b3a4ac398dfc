"""Tell whole renewals: a lab on real sockets, the real engine, and people who type nothing.

    story = Story(lab)
    story.begin()
    story.until("Installed")
    assert story.effects("certificate-installed") == ["expc"]

Time passes by waiting for the lab: `LabClock.wait` returns as soon as anything happens to a box.
"""

import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from engine.cli.context import actor, new_id
from engine.errors import Waiting
from engine.model import Json, Renewal
from engine.registry import Registry
from engine.runner import Runner, begin, deciding, people
from engine.runner.deciding import Said
from engine.runner.site import Clock, Site
from engine.site import load
from engine.store import Document, Store
from plugins.lab.authority import certify
from plugins.lab.box import Identity
from plugins.lab.lab import Lab
from tests.once import assert_once

CERTIFICATE = "expc-server"
APPROVED = Said()


@lru_cache(maxsize=4)
def registry(distributions: tuple[str, ...], plugins: tuple[object, ...]) -> Registry:
    """Return what is installed, which a process finds out once."""
    return Registry(distributions, plugins)


class LabClock(Clock):
    """Let time pass by waiting until something happens in the lab, at most as long as was asked for."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def wait(self, seconds: float) -> None:
        """Wait for the next effect in the lab, at most a fifth of a second."""
        self._lab.effects.wait_for_more(min(seconds, 0.2))


class Hours(LabClock):
    """Let all the time pass at once that is waited for, with a short look at the lab; `waited` is how long, each time.

    `later` holds what happens after so many seconds of waiting in all, once each.
    """

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.waited: list[float] = []
        self.later: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> datetime:
        """Return the present, with what was waited for on top."""
        return super().now() + timedelta(seconds=sum(self.waited))

    def wait(self, seconds: float) -> None:
        """Count the time as passed, and do what happens meanwhile."""
        self.waited.append(seconds)
        for due in [one for one in self.later if one[0] <= sum(self.waited)]:
            self.later.remove(due)
            due[1]()
        super().wait(min(seconds, 0.05))


class Story:
    """Be one renewal in one lab, with who does what."""

    def __init__(self, lab: Lab, certificate: str = CERTIFICATE, *more: str, clock: Clock | None = None) -> None:
        self.lab, self.certificate, self.more, self.id = lab, certificate, more, ""
        self.clock = clock or LabClock(lab)
        self.plugins: tuple[object, ...] = ()
        self.told: list[tuple[str, str]] = []
        self.runner = self.as_("engineer")

    def as_(self, person: str) -> Runner:
        """Return a runner as a new process of this person would make it."""
        estate = load(self.lab.site_file)
        who = actor(estate)
        site = Site(
            estate=estate,
            registry=registry(tuple(estate.distributions), self.plugins),
            store=Store(self.lab.home),
            actor=type(who)(person=person, uid=os.getuid(), account=person, host=who.host),
            clock=self.clock,
            tell=lambda kind, text: self.told.append((kind, text)),
        )
        return Runner(site, new_id)

    def edit_site(self, old: str, new: str) -> None:
        """Change the site file, as a person would between two commands."""
        text = self.lab.site_file.read_text()
        assert old in text
        self.lab.site_file.write_text(text.replace(old, new))
        self.runner = self.as_("engineer")

    # ---- going on ----

    def begin(self, **options: Any) -> Renewal:
        """Start the renewal."""
        document = begin.start(self.runner, [self.certificate, *self.more], **options)
        self.id = document.renewal.id
        return document.renewal

    def until(self, state: str, *, flaw: str = "", restart: bool = True) -> Renewal:
        """Go on to a state, doing what people do on the way: sign, supply, approve, restart services."""
        for _ in range(60):
            try:
                return self.runner.run(self.id, until=state).renewal
            except Waiting as waiting:
                self._help(waiting, flaw=flaw, restart=restart)
        raise AssertionError(f"still not in {state}: {self.renewal.wait}")

    def _help(self, waiting: Waiting, *, flaw: str, restart: bool) -> None:
        asked = re.match(r"(Cisco \w+) on (\S+) has to be restarted by a person", waiting.what)
        if waiting.on == "approval":
            self.approve()
        elif waiting.on == "box":
            self.runner.site.clock.wait(waiting.poll_after)
        elif asked and restart:
            self.lab.restart_service(asked[2], asked[1])
        elif waiting.on == "person" and not asked:
            self.supply(flaw=flaw)
        else:
            raise waiting

    def run_past_boxes(self, state: str) -> Renewal:
        """Go on, waiting for boxes but for nobody else."""
        for _ in range(60):
            try:
                return self.runner.run(self.id, until=state).renewal
            except Waiting as waiting:
                if waiting.on != "box":
                    raise
                self.runner.site.clock.wait(waiting.poll_after)
        raise AssertionError(f"still not in {state}: {self.renewal.wait}")

    def new_identity(self) -> Identity:
        """Return what the box would present with its certificate from the new CA, and the old key's name."""
        box = self.lab.boxes["expc"]
        generation = self.lab.authority.generation("new")
        old = box.serves
        start = datetime.now(UTC)
        leaf = certify(
            generation.issuing,
            old.certificate.subject,
            old.certificate.public_key(),  # type: ignore[arg-type]
            list(old.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value),
            start=start - timedelta(days=1),
            end=start + timedelta(days=9),
        )
        return Identity(leaf, old.key)

    def again(self) -> Renewal:
        """Go on as a fresh process would."""
        self.runner = self.as_("engineer")
        return self.until("Restarted")

    def approve(self, person: str = "change-manager", digest: str = "", said: Said = APPROVED) -> str:
        """Approve the newest plan, or say something else of it, and return its digest."""
        manager = self.as_(person)
        plan = deciding.plan_to_decide(manager, self.id, digest)
        deciding.decide(manager, self.id, plan, person, said)
        return plan.digest

    def wait_for_person(self) -> None:
        """Go on until a person has to bring the certificate."""
        with pytest.raises(Waiting) as waiting:
            self.runner.run(self.id)
        assert waiting.value.on == "person"

    def aside(self, step: str, reason: str = "") -> Renewal:
        """Take an arrow that a person chooses."""
        return people.aside(self.runner, self.id, step, reason).renewal

    def approve_next(self) -> None:
        """Have the next plan made and approved, before the step runs."""
        self.runner.plan(self.id)
        self.approve()

    def when(self, wanted: str, then: Callable[[], object], *, node: str = "") -> None:
        """Do something at the moment an effect happens in the lab, before what follows it there."""
        add = self.lab.effects.add

        at = node

        def watching(node: str, kind: str, **more: Json) -> None:
            add(node, kind, **more)
            if kind == wanted and at in ("", node):
                self.lab.effects.add = add  # type: ignore[method-assign]  # once
                then()

        self.lab.effects.add = watching  # type: ignore[method-assign]

    def sign(self, *, flaw: str = "", name: str = "answer.pem") -> Path:
        """Have the PKI team sign the CSRs whose turn it is, and return the file it sends."""
        papers = self.lab.home / "renewals" / self.id / "papers"
        requests = [(papers / f"{item.certificate}.csr").read_bytes() for _, item in self.renewal.in_turn]
        path = self.lab.home / name
        path.write_bytes(b"".join(self.lab.sign(csr, flaw=flaw) for csr in requests))
        return path

    def supply(self, *, flaw: str = "") -> Document:
        """Sign and hand in."""
        return people.supply(self.runner, self.id, [self.sign(flaw=flaw)])

    def hand_in(self, files: Sequence[Path]) -> Document:
        """Hand in files as they are."""
        return people.supply(self.runner, self.id, files)

    # ---- looking ----

    @property
    def renewal(self) -> Renewal:
        """Return the renewal as it is stored."""
        return self.document.renewal

    @property
    def document(self) -> Document:
        """Return the document as it is stored, read by a fresh store."""
        return Store(self.lab.home).load(self.id)

    def effects(self, kind: str) -> list[str]:
        """Return the nodes on which something happened, in order."""
        return [str(entry["node"]) for entry in self.lab.effects.of(kind)]

    def entries(self, kind: str) -> Sequence[dict[str, Json]]:
        """Return the effects of a kind."""
        return self.lab.effects.of(kind)

    def events(self, kind: str) -> list[str]:
        """Return the texts of the journal's events of a kind."""
        return [event.text for event in self.document.journal if event.kind == kind]

    def whole(self) -> bool:
        """Tell whether the journal verifies."""
        return Store(self.lab.home).verify(self.id) == []

    def once(self) -> None:
        """Assert what must be true after any renewal, however often it was interrupted."""
        assert_once(self.lab, self.renewal.items[0].chain)
        assert self.whole()
