"""Renew one certificate in a lab of its own, by commands that are each killed once, and judge what became of it.

People do what is asked of them, in any order of asking: sign, hand in, approve, restart a service, look at the CA. They
only repeat a command that died, and know nothing of what it had done.
"""

import re
from pathlib import Path
from time import monotonic

import msgspec

from engine.model import Renewal, Wait
from engine.store import Store
from plugins.lab.lab import Lab
from tests.crash.scenarios import Scenario
from tests.crash.signing import Signing
from tests.crash.task import KILLED, Task, Zygote, lines
from tests.e2e.hands import Hands, guide
from tests.e2e.story import CERTIFICATE, LabClock
from tests.once import assert_once, assert_same

LAST = 30
"""How many lines of what the commands said are told of a renewal that went wrong."""

COMMANDS = 80
"""How many times `run` is typed at most, questions to a CA that is not ready among them."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Be what became of one renewal.

    `commands` holds, for each command as it was first typed, the boundaries that its process passed until it was killed
    or came to its end; `killed` the words of those that were killed, each with the call that would have come next;
    `settled` tells whether a submission was uncertain and a person settled it; `wrong` what was not as it must be.
    """

    strike: int | None
    commands: list[list[str]]
    killed: list[tuple[str, str]]
    settled: bool = False
    seconds: float = 0.0
    wrong: str = ""

    @property
    def longest(self) -> int:
        """Return how many boundaries the command passed that passed most."""
        return max(map(len, self.commands), default=0)

    @property
    def told(self) -> str:
        """Return in which commands it was killed, and before what."""
        return ", ".join(f"in `{words}` before {call}" for words, call in self.killed) or "nowhere"


class Trial(Hands):
    """Be one renewal in `folder`: each command is killed once, at its boundary number `strike`; None is never."""

    def __init__(self, zygote: Zygote, lab: Lab, signing: Signing, strike: int | None, sabotage: str = "") -> None:
        super().__init__()
        self._zygote, self.lab, self._signing = zygote, lab, signing
        self._strike, self._sabotage = strike, sabotage
        self._store, self._clock = Store(lab.home), LabClock(lab)
        self._trace, self._told = lab.home / "boundaries", lab.home / "told"
        self.commands: list[list[str]] = []
        self.killed: list[tuple[str, str]] = []
        self.settled, self._spared = False, False

    def renew(self, go: str) -> None:
        """Begin, go on by the command `go`, and help, until it is over; assert that everything happened once."""
        self._type("start", CERTIFICATE)
        (self._id,) = self._store.ids()
        for _ in range(COMMANDS):
            code = self._type(go, self._id)
            if code == 0 and self._now.ended:
                return self._judge()
            if code == 3 and (wait := self._now.wait) is not None:
                self._help(wait)
            else:
                assert code == 0, f"`{go}` ended with exit code {code}"
        raise AssertionError(f"not over after {COMMANDS} times `{go}`: {self._now.wait}")

    @property
    def _now(self) -> Renewal:
        return self._store.load(self._id).renewal

    def _type(self, *words: str) -> int:
        """Type a command, and once more if it died; return its exit code."""
        code = self._run(words, self._trace, None if self._spared else self._strike)
        self._spared = False
        self.commands.append(lines(self._trace))
        self._trace.unlink(missing_ok=True)
        if code == KILLED:
            self.killed.append((" ".join(words), self.commands[-1][-1]))
            assert self.lab.wait_idle(), "the lab is still busy with what the dead process asked for"
            code = self._run(words, Path("/dev/null"), None)
        return code

    def _run(self, words: tuple[str, ...], trace: Path, strike: int | None) -> int:
        """Run one command in a process of its own, and return its exit code."""
        place = ["--site", str(self.lab.site_file), "--home", str(self.lab.home)]
        task = Task(
            words=[*place, *words],
            told=str(self._told),
            trace=str(trace),
            strike=strike,
            sabotage=self._sabotage,
        )
        return self._zygote.run(task, self._clock.wait)

    # ---- people ----

    def _help(self, wait: Wait) -> None:
        """Do what the renewal waits for."""
        asked = re.match(r"(Cisco \w+) on (\S+) has to be (restarted|looked at) by a person", wait.what)
        if wait.on == "approval":
            self._type("approve", self._id, "--as", "change-manager")
        elif wait.steps:
            self.do(wait)
        elif asked:
            self._look_after(*asked.groups())
        elif "is uncertain" in wait.what:
            self.settled = True
            self._type(*self._signing.settled(self.lab, self._id))
            self._spared = True  # or it would die at the same request, and be settled, for ever
        elif wait.on == "person":
            self._type("supply", self._id, self._signing.signed(self.lab, self._id))
        elif wait.on in ("authority", "box"):
            self._signing.wait(self.lab)
        else:
            raise AssertionError(f"nobody can help: {wait}")

    def _look_after(self, service: str, node: str, what: str) -> None:
        """Restart a service; where it may be restarted already, only unless it was, and say so."""
        done = [(entry["service"], entry["node"]) for entry in self.lab.effects.of("service-restarted")]
        if (service, node) not in done:
            self.lab.restart_service(node, service)
        if what == "looked at":
            self._type("confirm", self._id)

    def hand_over(self, text: str, node: str = "") -> None:
        """Hand in a text as a file."""
        path = self.lab.home / "brought.txt"
        path.write_text(text)
        self._type("supply", self._id, str(path), "--node", node or self.node)

    def say(self) -> None:
        """Give one's word."""
        self._type("confirm", self._id, "--node", self.node)

    # ---- judging ----

    def _judge(self) -> None:
        """Assert that nothing was lost and nothing done twice."""
        id, now, installed = self._id, self._now, self.lab.effects.of("certificate-installed")
        assert_same("state", now.state, "Restarted")
        assert_once(self.lab, now.items[0].chain)
        assert_same("what was installed", [entry["fingerprint"] for entry in installed], [now.items[0].leaf])
        assert_same("submissions", self._signing.submissions(self.lab), 1)
        assert_same("renewals", self._store.ids(), [id])
        assert_same("what is wrong with the journal", self._store.verify(id), [])
        assert_same("temporary files", list((self.lab.home / "renewals" / id).rglob(".tmp-*")), [])


def attempt(
    zygote: Zygote, folder: Path, scenario: Scenario, signing: Signing, strike: int | None, sabotage: str = ""
) -> Outcome:
    """Make a lab in `folder`, and renew in it; what goes wrong is told, not raised."""
    began, wrong = monotonic(), ""
    with Lab(folder, scenario.options) as lab:
        signing.prepare(lab)
        for node in scenario.guided:
            guide(lab, node)
        trial = Trial(zygote, lab, signing, strike, sabotage)
        try:
            trial.renew(scenario.go)
        except Exception as error:
            wrong = "\n".join([f"{type(error).__name__}: {error}", *lines(folder / "told")[-LAST:]])
    return Outcome(
        strike=strike,
        commands=trial.commands,
        killed=trial.killed,
        settled=trial.settled,
        seconds=monotonic() - began,
        wrong=wrong,
    )
