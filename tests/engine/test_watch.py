"""Hold how `watch` shares its time: many boxes at once, never too many, and each box by one renewal at a time."""

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.model import Renewal
from engine.runner import Runner, watch
from engine.runner.watch import Looked
from engine.store import files
from tests.slow import AT, BY, boxes, runner

PATIENCE = 60
"""How long a box waits for what a test expects, in seconds; a rule that is broken lets it run out."""


class Gate:
    """Hold each answer back until `opens` lets its box answer; keep how many were asked at once, in all and by box."""

    def __init__(self, opens: "Callable[[Gate, str], bool]") -> None:
        self._opens, self._changed = opens, threading.Condition()
        self.under_way: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.most, self.most_of = 0, Counter[str]()

    def __call__(self, box: str) -> None:
        with self._changed:
            self.under_way[box] += 1
            self.most = max(self.most, self.under_way.total())
            self.most_of[box] = max(self.most_of[box], self.under_way[box])
            self._changed.notify_all()
            opened = self._changed.wait_for(lambda: self._opens(self, box), PATIENCE)
            self.under_way[box] -= 1
            self.answered[box] += 1
            self._changed.notify_all()
        assert opened, "what the test expects did not come about"


def _pass(made: Runner) -> list[Looked]:
    told: list[Looked] = []
    watch.once(made, told.append)
    return told


@pytest.mark.parametrize("at_once", [watch.AT_ONCE, 8])
def test_so_many_boxes_are_asked_at_once_and_no_more(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No box answers before as many were asked as may be at once: so they are, and the others wait their turn."""
    monkeypatch.setattr(watch, "AT_ONCE", at_once)
    gate, names = Gate(lambda one, _box: one.most >= at_once), [f"box{number}" for number in range(at_once + 6)]
    with boxes(tmp_path, gate) as address:
        told = _pass(runner(tmp_path / "home", address, {f"r-{name}": [name] for name in names}))
    assert {one.waits_for for one in told} == {"box"}
    assert (gate.most, gate.answered.total()) == (at_once, len(names))


SHARED = {"r1": ["expc"], "r2": ["expc", "expe"], "r3": ["expe"], "r4": ["other"], "r5": ["third"]}


def test_one_box_is_asked_by_one_renewal_at_a_time(tmp_path: Path) -> None:
    """Renewals that share a box, also by way of a third, are carried on one after the other; all are."""
    gate = Gate(lambda one, box: box != "expc" or one.answered.keys() >= {"other", "third"})
    with boxes(tmp_path, gate) as address:
        told = _pass(runner(tmp_path / "home", address, SHARED))
    assert {one.id: one.waits_for for one in told} == dict.fromkeys(SHARED, "box")
    assert (gate.most_of["expc"], gate.most_of["expe"], gate.answered.total()) == (1, 1, 6)


def test_otherwise_they_would_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without putting them together, two renewals ask one box at once."""
    monkeypatch.setattr(watch, "_by_box", lambda _runner, ids: [[id] for id in ids])
    gate = Gate(lambda one, box: box != "expc" or one.most_of[box] > 1)
    with boxes(tmp_path, gate) as address:
        _pass(runner(tmp_path / "home", address, SHARED))
    assert gate.most_of["expc"] == 2


def _most_reads(folder: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Make a pass over so many renewals, each on its box; return how often one of their files was read."""
    folder.mkdir()
    reads: Counter[str] = Counter()
    read = files.read

    def counted(path: Path, *more: Any) -> bytes:
        reads[str(path)] += path.name == "renewal.json"
        return read(path, *more)

    with boxes(folder, lambda _box: None) as address:
        made = runner(folder / "home", address, {f"r{number}": [f"box{number}"] for number in range(count)})
        with monkeypatch.context() as patched:
            patched.setattr(files, "read", counted)
            assert len(_pass(made)) == count
    return max(reads.values())


def test_a_pass_reads_each_renewal_as_often_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one renewal costs does not grow with the others: not even for the pins that any of them may have taught."""
    few, many = (_most_reads(tmp_path / str(count), count, monkeypatch) for count in (4, 40))
    assert few == many


# ---- what renewals taught -------------------------------------------------------------------------------------------


def _teach(made: Runner, id: str, node: str, pin: str) -> None:
    with made.store.hold(id, BY, AT, "teach") as handle:
        handle.append("pinned", "x", at=AT, by=BY, values={f"pins/{node}": [pin]})


def _naively(made: Runner, node: str) -> frozenset[str]:
    taught: list[Renewal] = [one.renewal for one in made.store.summaries()[0] if node in one.renewal.pins]
    newest = max(taught, key=lambda one: one.created, default=None)
    return frozenset(newest.pins[node]) if newest else frozenset()


@pytest.mark.parametrize("settled", [2_000_000_000, -(10**18)])
def test_pins_are_as_fresh_as_if_all_were_read(settled: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process teaches, begins, damages or mends counts at once."""
    monkeypatch.setattr("engine.store.cache.SETTLED", settled)
    made = runner(tmp_path / "home", "127.0.0.1:1", {"r1": ["expc"], "r2": ["expe"]})
    other = runner(tmp_path / "home", "127.0.0.1:1", {})

    def agree() -> frozenset[str]:
        assert made.site.learned_pins("expe") == _naively(made, "expe")
        assert made.site.learned_pins("expc") == _naively(made, "expc")
        return made.site.learned_pins("expc")

    assert agree() == frozenset()
    _teach(other, "r1", "expc", "a" * 64)
    assert agree() == {"a" * 64}
    _teach(other, "r1", "expc", "b" * 64)
    assert agree() == {"b" * 64}
    _await_tick(made)
    runner(tmp_path / "home", "127.0.0.1:1", {"r3": ["expc"]})
    assert agree() == {"b" * 64}
    _teach(other, "r3", "expc", "c" * 64)
    agree()
    document = tmp_path / "home" / "renewals" / "r1" / "renewal.json"
    content = document.read_bytes()
    for id in ("r3", "r1"):
        (tmp_path / "home" / "renewals" / id / "renewal.json").write_bytes(b"{")
        agree()
    document.write_bytes(content)
    assert agree() == {"b" * 64}


def _await_tick(made: Runner) -> None:
    """Let the kernel's clock tick, after which a new renewal changes what tells the renewals apart."""
    folder = made.store.home / "renewals"
    before = files.identity(folder)
    while files.identity(folder) == before:
        (folder / "tick").mkdir()
        (folder / "tick").rmdir()
