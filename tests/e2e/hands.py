"""Be the person who works boxes by hand: reads the steps that a renewal tells, and does them on the lab's pages.

The hands know nothing but the steps: node, page, button and file are taken from their words, so that a step which says
something wrong leads nowhere. No API is used: `guided` takes it away from the box.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from engine.errors import CertrenewError, UsageError, Waiting
from engine.model import Wait
from engine.runner import people
from engine.runner.confirming import confirm
from plugins.lab.lab import Lab
from tests.e2e.story import CERTIFICATE, Story

RELEASE = "X14.3"

_STEP = re.compile(r"(?P<node>\S+) \(https://(?P<address>[^)]+)\), (?P<page>[^:]+): ")
_ITS_OWN = re.compile(r"^(client_store|copy_to_client|csr_common_name) = .*\n?", re.MULTILINE)
"""Options that only the driver with an API takes; the lab writes them where a story has only one driver."""
_FILE = re.compile(r"/\S+\.(?:pem|txt)")
_LOOKS = ("press Generate CSR", "at the bottom", "which you don't press", "Don't restart", "note which zones", "Field ")
"""What a person only heeds."""


class Hands(ABC):
    """Do what steps say on the pages of a lab; `instead` says, by words of a step, what is done in its place."""

    lab: Lab

    def __init__(self) -> None:
        self.node = ""
        self.steps: list[str] = []
        self.instead: dict[str, Callable[[str], None]] = {}

    @abstractmethod
    def hand_over(self, text: str, node: str = "") -> None:
        """Hand in a text as a file, from the box that was worked last."""

    @abstractmethod
    def say(self) -> None:
        """Give one's word for the box that was worked last."""

    def do(self, waiting: CertrenewError | Wait) -> None:
        """Do every step, one after the other."""
        for step in waiting.steps:
            self.step(step)

    def step(self, step: str) -> None:
        """Do one step; `instead` says by words of it what is done in its place."""
        self.steps.append(step)
        if found := _STEP.match(step):
            self.node = found["node"]
        for words, act in [*self.instead.items(), *self._acts().items()]:
            if words in step:
                act(step)
                return
        assert any(words in step for words in _LOOKS), step

    def _acts(self) -> dict[str, Callable[[str], object]]:
        return {
            "press Show (decoded), copy": lambda _: self.bring("show-decoded"),
            "press Show all (PEM file)": lambda _: self.bring("show-all"),
            "Where it offers Generate CSR in its place": lambda _: self.look_for_csr(),
            "Fill in the fields": lambda step: self.press("generate-csr", self.file(step)),
            "press Download, and": lambda _: self.bring("download"),
            "press Append CA certificate": lambda step: self.press("append", self.file(step)),
            "Press Upload server certificate data": lambda step: self.press("upload", self.file(step)),
            "set Maintenance mode to On": lambda _: self.calm(),
            "press Restart (not Reboot": lambda _: self.restart(),
            "when every zone that was Active": lambda _: self.see_zones(),
            "Have whoever looks after": self.tell_others,
            "has them all: certrenew confirm": self.vouch,
        }

    def file(self, step: str) -> str:
        """Return the text of the file that a step names."""
        return Path(_FILE.findall(step)[0]).read_text()

    def press(self, action: str, text: str = "") -> None:
        """Press a button, with the file that was chosen."""
        self.lab.page(self.node, action, text)

    def restart(self) -> None:
        """Press Restart, and wait until the box is back."""
        before = len(self.lab.effects.of("restarted", self.node))
        self.press("restart")
        self.lab.effects.wait("restarted", self.node, count=before + 1)

    def bring(self, action: str) -> None:
        """Save what a page shows, and hand it in."""
        self.hand_over(self.lab.page(self.node, action))

    def look_for_csr(self) -> None:
        """Hand in the pending CSR, or say that there is none."""
        try:
            self.bring("download")
        except UsageError:
            self.say()

    def calm(self) -> None:
        """Put a box into maintenance mode, see its calls end, and say so."""
        self.press("maintenance-on")
        self.lab.use(self.node, 0, 0)
        self.say()

    def see_zones(self) -> None:
        """Look at the zones until they are active, and say so."""
        for link in self.lab.links:
            link.wait("Active", 15)
        assert "Failed" not in self.lab.page(self.node, "zones")
        self.say()

    def tell_others(self, step: str) -> None:
        """Have the others add a CA certificate."""
        self.node = step.split("looks after ")[1].split()[0]
        self.press("append", self.file(step))

    def vouch(self, _step: str) -> None:
        """Say that the others did it."""
        self.say()


def guide(lab: Lab, node: str) -> None:
    """Take the API away from a box, and have the site say that people work it."""
    lab.order(node, "disable-api")
    _drive(lab, node, "expressway", "guided", "poll_interval = 1  ", f'release = "{RELEASE}"\npoll_interval = 1')


def _drive(lab: Lab, node: str, old: str, new: str, setting: str, instead: str) -> None:
    head, table, rest = lab.site_file.read_text().partition(f"[nodes.{node}]\n")
    mine, rest = re.split(rf"(?=^\[(?!nodes\.{node}\.))", rest, maxsplit=1, flags=re.MULTILINE)
    assert f'driver = "{old}"' in mine
    mine = _ITS_OWN.sub("", mine.replace(f'driver = "{old}"', f'driver = "{new}"').replace(setting, instead))
    lab.site_file.write_text(head + table + mine + rest)


class ByHand(Hands, Story):
    """Be a renewal in which people work some boxes by hand."""

    def __init__(self, lab: Lab, *nodes: str, certificate: str = CERTIFICATE, more: tuple[str, ...] = ()) -> None:
        Story.__init__(self, lab, certificate, *more)
        Hands.__init__(self)
        for node in nodes:
            self.guide(node)

    # ---- the site ----

    def guide(self, node: str) -> None:
        """Take the API away, and have the box worked by hand from now on."""
        guide(self.lab, node)
        self.runner = self.as_("engineer")

    def drive(self, node: str) -> None:
        """Give the API back, and have the driver use it from now on."""
        self.lab.order(node, "enable-api")
        setting = f'release = "{RELEASE}"\npoll_interval = 1'
        _drive(self.lab, node, "guided", "expressway", setting, "poll_interval = 1  ")
        self.runner = self.as_("engineer")

    # ---- the hands ----

    def _help(self, waiting: Waiting, *, flaw: str, restart: bool) -> None:
        if waiting.steps:
            self.do(waiting)
        else:
            super()._help(waiting, flaw=flaw, restart=restart)

    def asked(self, state: str = "Restarted") -> Waiting:
        """Go on until people have to do something by hand, and return what that is."""
        for _ in range(60):
            try:
                self.runner.run(self.id, until=state)
            except Waiting as waiting:
                if waiting.steps:
                    return waiting
                self._help(waiting, flaw="", restart=True)
        raise AssertionError(f"nobody was asked: {self.renewal.state}")

    def until_asked(self, words: str) -> Waiting:
        """Go on, doing what is asked, until one of the steps has these words."""
        for _ in range(30):
            waiting = self.asked()
            if any(words in step for step in waiting.steps):
                return waiting
            self.do(waiting)
        raise AssertionError(f"nobody was asked to: {words}")

    def hand_over(self, text: str, node: str = "") -> None:
        """Hand in a text as a file, with `supply`."""
        path = self.lab.home / "brought.txt"
        path.write_text(text)
        people.supply(self.runner, self.id, [path], node or self.node)

    def say(self) -> None:
        """Give one's word, with `confirm`."""
        confirm(self.runner, self.id, node=self.node)
