"""Renew one certificate in a lab of its own, by commands of which one is killed, and judge what became of it.

People do what is asked of them, in any order of asking: sign, hand in, approve, restart a service, look at the CA. They
only repeat a command that died, and know nothing of what it had done.
"""

import re
from pathlib import Path
from time import monotonic

import msgspec

from engine.model import Renewal, Wait
from engine.store import Store
from plugins.lab.estate import Options
from plugins.lab.lab import Lab
from tests.crash.signing import Signing
from tests.crash.task import KILLED, Task, Zygote, lines
from tests.e2e.story import CERTIFICATE, LabClock
from tests.once import assert_once, assert_same

LAST = 30
"""How many lines of what the commands said are told of a renewal that went wrong."""

COMMANDS = 80
"""How many commands a renewal takes at most, questions to a CA that is not ready among them."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Be what became of one renewal: all boundaries that its process passed until it was killed, or to the end.

    `settled` tells whether a submission was uncertain and a person settled it; `wrong` what was not as it must be.
    """

    strike: int | None
    boundaries: list[str]
    killed: str = ""
    settled: bool = False
    commands: int = 0
    seconds: float = 0.0
    wrong: str = ""


class Trial:
    """Be one renewal in `folder`, killed at the boundary `strike` counted over all its commands; None is never."""

    def __init__(self, zygote: Zygote, lab: Lab, signing: Signing, strike: int | None, sabotage: str = "") -> None:
        self._zygote, self._lab, self._signing = zygote, lab, signing
        self._strike, self._sabotage = strike, sabotage
        self._store, self._clock = Store(lab.home), LabClock(lab)
        self.trace, self._told = lab.home / "boundaries", lab.home / "told"
        self.killed, self.settled, self.commands = "", False, 0

    def renew(self) -> None:
        """Begin, go on and help until the renewal is over, and assert that everything happened once."""
        id = self._begun()
        for _ in range(COMMANDS):
            code = self._type("run", id)
            if code == 0 and self._now(id).ended:
                return self._judge(id)
            if code == 3 and (wait := self._now(id).wait) is not None:
                self._help(id, wait)
            else:
                assert code in (0, KILLED), f"`run` ended with exit code {code}"
        raise AssertionError(f"not over after {COMMANDS} commands: {self._now(id).wait}")

    def _begun(self) -> str:
        """Begin the renewal, once more where the first command died before anything was stored."""
        for _ in range(2):
            if not self._store.ids():
                self._type("start", CERTIFICATE)
        (id,) = self._store.ids()
        return id

    def _now(self, id: str) -> Renewal:
        return self._store.load(id).renewal

    def _type(self, *words: str) -> int:
        """Run one command in a process of its own, and return its exit code."""
        place = ["--site", str(self._lab.site_file), "--home", str(self._lab.home)]
        left = None if self._strike is None or self.killed else self._strike - len(lines(self.trace))
        task = Task(
            words=[*place, *words],
            told=str(self._told),
            trace="/dev/null" if self.killed else str(self.trace),
            strike=left,
            sabotage=self._sabotage,
        )
        code = self._zygote.run(task, self._clock.wait)
        self.commands += 1
        if code == KILLED:
            self.killed = " ".join(words)
            assert self._lab.wait_idle(), "the lab is still busy with what the dead process asked for"
        return code

    # ---- people ----

    def _help(self, id: str, wait: Wait) -> None:
        """Do what the renewal waits for."""
        asked = re.match(r"(Cisco \w+) on (\S+) has to be restarted by a person", wait.what)
        if wait.on == "approval":
            self._type("approve", id, "--as", "change-manager")
        elif asked:
            self._lab.restart_service(asked[2], asked[1])
        elif "is uncertain" in wait.what:
            self.settled = True
            self._type(*self._signing.settled(self._lab, id))
        elif wait.on == "person":
            self._type("supply", id, self._signing.signed(self._lab, id))
        elif wait.on in ("authority", "box"):
            self._signing.wait(self._lab)
        else:
            raise AssertionError(f"nobody can help: {wait}")

    # ---- judging ----

    def _judge(self, id: str) -> None:
        """Assert that nothing was lost and nothing done twice."""
        now, installed = self._now(id), self._lab.effects.of("certificate-installed")
        assert_same("state", now.state, "Restarted")
        assert_once(self._lab, now.items[0].chain)
        assert_same("what was installed", [entry["fingerprint"] for entry in installed], [now.items[0].leaf])
        assert_same("submissions", self._signing.submissions(self._lab), 1)
        assert_same("renewals", self._store.ids(), [id])
        assert_same("what is wrong with the journal", self._store.verify(id), [])
        assert_same("temporary files", list((self._lab.home / "renewals" / id).rglob(".tmp-*")), [])


def attempt(
    zygote: Zygote, folder: Path, options: Options, signing: Signing, strike: int | None, sabotage: str = ""
) -> Outcome:
    """Make a lab in `folder`, and renew in it; what goes wrong is told, not raised."""
    began, wrong = monotonic(), ""
    with Lab(folder, options) as lab:
        signing.prepare(lab)
        trial = Trial(zygote, lab, signing, strike, sabotage)
        try:
            trial.renew()
        except Exception as error:
            wrong = "\n".join([f"{type(error).__name__}: {error}", *lines(folder / "told")[-LAST:]])
    return Outcome(
        strike=strike,
        boundaries=lines(trial.trace),
        killed=trial.killed,
        settled=trial.settled,
        commands=trial.commands,
        seconds=monotonic() - began,
        wrong=wrong,
    )
