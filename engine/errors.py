"""Name everything that can go wrong, with its exit code and its advice.

    CertrenewError            1  a bug, when it is nothing more precise
    ├── UsageError            2  the command or the site file is wrong
    │   └── SiteError         2  names file, table, key and what is allowed
    ├── Waiting               3  for a person, an authority, a window or another holder
    │   └── HeldElsewhere     3  another process advances this renewal, or uses this box
    ├── Refused               4  a safety check said no
    │   ├── CheckFailed       4  carries the findings
    │   ├── Drift             4  what was approved is not what would be done
    │   ├── Untrusted         4  TLS: the other end is not who it should be
    │   └── Denied            4  the certification authority said no
    └── Failed                5  the other end did not do its part
        ├── Unreachable       5  no answer
        │   └── NotSent       5  no connection came about, so nothing was sent
        ├── LoginRefused      5  wrong user or password; never tried twice
        └── ApiDisabled       5  the box answers, but not to us

Each error says what happened, what was left untouched and what to do next. One ``except`` in the command line shows it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from typing import Self

    from engine.model import Ask, Finding


class CertrenewError(Exception):
    """Carry one clear message for the person on call.

    `what` happened, in one sentence; `untouched` says what was left as it was; `todo` says what to do next.
    `by_default` is the `untouched` of an error that gives none. Where people have to do something on a box, `steps`
    says what, one after the other, and `asks` what they are to bring or to say afterwards (engine.model.Ask).
    """

    exit_code: ClassVar[int] = 1
    by_default: ClassVar[str] = ""
    steps: "Sequence[str]" = ()
    asks: "Sequence[Ask]" = ()

    def __init__(self, what: str, *, untouched: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what, self.untouched, self.todo = what, untouched or self.by_default, todo

    def asking(self, *asks: "Ask", steps: Sequence[str] = ()) -> "Self":
        """Have people do these steps and bring or say these things, and return this error."""
        self.steps, self.asks = tuple(steps), asks
        return self


class UsageError(CertrenewError):
    """The command or the configuration can't be used as it is."""

    exit_code = 2
    by_default = "Nothing was changed."


class SiteError(UsageError):
    """The site file is wrong; the message names the file, the table and the key."""


class Waiting(CertrenewError):
    """Nothing is wrong; the renewal goes on when somebody or something else has acted.

    `on` is ``approval``, ``window``, ``person``, ``authority``, ``box`` or ``holder``; `poll_after` is in seconds;
    `plan` is the digest of the plan that an approval is missing for.
    """

    exit_code = 3
    by_default = "What was done so far is kept, and not done again."

    def __init__(
        self, what: str, *, on: str, todo: str = "", untouched: str = "", poll_after: int = 0, plan: str = ""
    ) -> None:
        super().__init__(what, untouched=untouched, todo=todo)
        self.on, self.poll_after, self.plan = on, poll_after, plan


def together(waits: Sequence[Waiting]) -> Waiting:
    """Return one error for several waits, of which there is at least one: what people can do in one go is told at once.

    Otherwise the first. A step that several of them end with is told once, after all of theirs.
    """
    ours = [one for one in waits if one.steps]
    if len(ours) < 2:
        return (ours or list(waits))[0]
    steps = [step for one in ours for step in one.steps]
    last = [step for number, step in enumerate(steps) if step not in steps[number + 1 :]]
    asks: list[Ask] = []
    for ask in (ask for one in ours for ask in one.asks):
        if ask not in asks:
            asks.append(ask)
    whats, todos = (dict.fromkeys(texts) for texts in ([o.what for o in ours], [o.todo for o in ours]))
    poll = min((one.poll_after for one in ours if one.poll_after), default=0)
    return Waiting(" ".join(whats), on="person", todo=" ".join(todos), poll_after=poll).asking(*asks, steps=last)


class HeldElsewhere(Waiting):
    """Another process holds the lock; the message says who, where and since when."""

    def __init__(self, what: str, *, todo: str = "") -> None:
        super().__init__(what, on="holder", todo=todo, untouched="Nothing was changed.")


class Refused(CertrenewError):
    """A safety check said no, and nothing was changed."""

    exit_code = 4
    by_default = "Nothing was changed."


class CheckFailed(Refused):
    """At least one finding failed; `findings` holds all of them, passed ones too."""

    def __init__(self, what: str, findings: "Sequence[Finding]", *, untouched: str = "", todo: str = "") -> None:
        super().__init__(what, untouched=untouched, todo=todo)
        self.findings = tuple(findings)


class Drift(Refused):
    """The approved plan and what would be done now differ; `differences` says how, a line each.

    `plan` is the digest of what would be done now.
    """

    def __init__(
        self, what: str, differences: Sequence[str], *, plan: str = "", untouched: str = "", todo: str = ""
    ) -> None:
        super().__init__(what, untouched=untouched, todo=todo)
        self.differences, self.plan = tuple(differences), plan


class Untrusted(Refused):
    """The other end showed a certificate that is neither verified nor pinned; no credential was sent."""


class Denied(Refused):
    """The certification authority refused the request."""


class Failed(CertrenewError):
    """The other end failed or answered something that can't be used.

    `poll_after` is how long to wait, in seconds, before it may be tried again unasked; 0 where a person must act first.
    """

    exit_code = 5
    poll_after: int = 600


class Unreachable(Failed):
    """No connection, or it broke before an answer came."""

    poll_after = 60


class NotSent(Unreachable):
    """No connection came about, so that certainly nothing was sent."""


class LoginRefused(Failed):
    """The box refused user and password; repeating it could lock the account."""

    poll_after = 0


class ApiDisabled(Failed):
    """The box answers, but its API is off for this account or this release."""

    poll_after = 0
