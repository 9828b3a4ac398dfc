"""Remember why a renewal does not go on, and say when it is tried again by itself: ever later, and not for ever.

A step is what is tried again, whole: it looks first, and does only what is missing. Inside a step each request is sent
once. What a person types is always tried, whatever was counted here.
"""

from datetime import timedelta

from msgspec.structs import replace

from engine.errors import Failed, NotSent, Refused, Unreachable, Waiting
from engine.model import Change, Effect, Json, Wait
from engine.runner.live import LiveWork
from engine.runner.pace import pause
from engine.text import stamp

TRIES = 72
"""How many tries may fail in a row before a person has to ask for the next: about three days, at an hour apart."""

WRITES = 3
"""How often one change is asked of a box, or of an authority, in a round before a person has to ask for more."""


def remember(work: LiveWork, error: Waiting | Refused | Failed) -> None:
    """Store why the renewal does not go on, unless that is what is stored already; each failed try is journalled.

    A Failed gets the pause until the next try as its `poll_after`, 0 where there is none by itself.
    """
    old = work.renewal.wait
    wait = _wait(work, error)
    same = old is not None and (old.on, old.what) == (wait.on, wait.what)
    if old is not None and same:
        wait = replace(wait, since=old.since)
    if wait == old and not wait.tries:
        return
    findings = [finding.plain() for finding in getattr(error, "findings", ())]
    data: dict[str, Json] = {"findings": findings} if findings else {}
    if wait.tries:
        data |= {"tries": wait.tries, "poll_after": wait.poll_after}
    kind, told = ("tried", f"{error.what} {wait.tried()}") if same and wait.tries else ("stopped", error.what)
    work.record(kind, told, data=data, values={"wait": wait.plain()})


def _wait(work: LiveWork, error: Waiting | Refused | Failed) -> Wait:
    on = error.on if isinstance(error, Waiting) else "check" if isinstance(error, Refused) else "fault"
    drift = list(getattr(error, "differences", ()))
    wait = Wait(
        on=on,
        what=error.what.partition(": ")[0] + "." if drift else error.what,
        todo=error.todo,
        since=stamp(work.now()),
        poll_after=0 if isinstance(error, Refused) else error.poll_after,
        plan=getattr(error, "plan", ""),
        drift=drift,
        untouched=error.untouched,
        steps=list(error.steps),
        asks=list(error.asks),
    )
    return _failed(work, wait, error) if isinstance(error, Failed) else wait


def _failed(work: LiveWork, wait: Wait, error: Failed) -> Wait:
    """Count the failed tries in a row, and say when the next one is; one that came early does not count."""
    old, now = work.renewal.wait, stamp(work.now())
    early = old is not None and now < old.again  # somebody typed it meanwhile
    tries = (old.tries if old is not None else 0) + (not early)
    seconds = round(pause(error.poll_after, tries, work.renewal.id)) if tries < TRIES else 0
    error.poll_after = seconds
    again = stamp(work.now() + timedelta(seconds=seconds)) if seconds else ""
    return replace(wait, tries=tries, poll_after=seconds, again=again)


def limit(work: LiveWork, change: Change, error: Failed) -> None:
    """Take the next try by itself from a write that failed, where it could harm or was made often enough.

    What people may notice is tried again by itself only where no answer came, and so the next try looks first.
    """
    if change.effect is Effect.SERVE and not isinstance(error, Unreachable):
        error.poll_after = 0
    if isinstance(error, NotSent):  # it certainly had no effect
        return
    begun = [
        event
        for event in work.document.journal
        if event.kind == "intent"
        and event.data.get("change") == change.key
        and event.data.get("round") == work.renewal.round
    ]
    if len(begun) >= WRITES:
        error.poll_after = 0
