"""Take a person's word for what only a person can do or see: a guided change, an uncertain request at the CA."""

from typing import TYPE_CHECKING

from engine.errors import Refused, UsageError
from engine.model import Event, Item, Json
from engine.runner.bringing import say
from engine.runner.live import LiveWork, open_intents
from engine.runner.runner import Runner

if TYPE_CHECKING:
    from engine.store import Document


def confirm(runner: Runner, renewal: str, *, node: str = "", request: str = "", not_there: bool = False) -> "Document":
    """Record that a person did what the renewal asks for, what a person saw of a box, or found at the CA.

    `node` says which box it is about, where several are asked about.

    Where it is uncertain whether a CA got a request, `request` is the name it has there, and the next run collects
    it; `not_there` says that the CA has none, and the next run submits it again. Raises Refused when nothing is waiting
    that a person could confirm so, UsageError when it must be said which. Idempotent.
    """
    with runner.store.hold(renewal, runner.site.actor, runner.site.at(), "confirm") as handle:
        if handle.document.renewal.wait is not None and handle.document.renewal.wait.steps:
            say(runner, handle, node)
            return handle.document
        asked = _asked(handle.document)
        number, item = _uncertain(handle.document, asked)
        if (item is not None) != bool(request or not_there) or (request and not_there):
            raise _say_which(renewal, uncertain=item is not None)
        about: dict[str, Json] = {}
        done: dict[str, Json] = {f"confirmed/{asked.data['change']}": runner.site.at(), "wait": None}
        told = f"a person says it is done: {asked.text}"
        if item is not None and request:
            ticket = LiveWork(runner.site, handle.document).authority(item.authority).adopt(request)
            done = {f"items/{number}/ticket": ticket, "wait": None}
            told = f"a person found the request at {item.authority}, as {request}"
        elif item is not None:  # naming the change closes what was begun
            about, done = {name: asked.data[name] for name in ("change", "round")}, {"wait": None}
            told = f"a person says that {item.authority} has no such request, so it may be submitted again"
        actor, at = runner.site.actor, runner.site.at()
        handle.append("confirmed", told, at=at, by=actor, step=asked.step, data=about, values=done)
        return handle.document


def _asked(document: "Document") -> Event:
    """Return what a person is asked for: the newest change that was begun, unless an authority has it in hand."""
    wait = document.renewal.wait
    begun = [
        event
        for event in open_intents(document).values()
        if event.data["action"] != "submit" or _submitted(document, event)[1].ticket is None
    ]
    if not begun or wait is None or wait.on != "person":
        raise Refused(
            f"Renewal {document.renewal.id} waits for nothing that a person could confirm.",
            untouched="Nothing was recorded.",
            todo=f"certrenew why {document.renewal.id}",
        )
    return begun[-1]


def _submitted(document: "Document", event: Event) -> tuple[int, Item]:
    items = document.renewal.items
    return next((n, item) for n, item in enumerate(items) if event.data["before"] == {"csr": item.csr})


def _uncertain(document: "Document", asked: Event) -> tuple[int, Item | None]:
    """Return the item whose submission is uncertain, with its number; None when something else was asked for."""
    return _submitted(document, asked) if asked.data["action"] == "submit" else (0, None)


def _say_which(renewal: str, *, uncertain: bool) -> UsageError:
    if uncertain:
        todo = f"certrenew confirm {renewal} --request NUMBER, or: certrenew confirm {renewal} --not-there"
        return UsageError("It must be said what the CA has.", untouched="Nothing was recorded.", todo=todo)
    return UsageError(
        "--request and --not-there are for a submission whose outcome is uncertain, one of them at a time.",
        untouched="Nothing was recorded.",
        todo=f"certrenew why {renewal}",
    )
