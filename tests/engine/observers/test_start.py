"""Hold how deliveries begin: beside commands that record something, never in their way, and with one warning."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.cli import main
from engine.model import Item, Renewal
from engine.registry import Registry
from engine.runner import Runner, begin
from engine.runner.observers import deliver_due, problems, start
from engine.runner.observers.start import STARTED
from engine.runner.site import Clock, Site
from engine.site import load
from engine.store import Store
from engine.store.outbox import Outbox, Position, Retry
from tests.engine.observers.conftest import Moved, long_ago
from tests.engine.observers.rude import HOOK, install, write_site
from tests.engine.samples import AT, actor

Run = Callable[..., tuple[int, str, str]]
CANARY = "canary-41aa"


@pytest.fixture(autouse=True)
def _rude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    install(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("RUDE_SECRET", CANARY)
    monkeypatch.setenv("EXPC", CANARY)
    monkeypatch.setattr(start, "GRACE", 60)  # a busy machine may need longer than people should wait
    yield
    _wait()


def _wait() -> int:
    """Wait until every delivery that was started has ended; return how many there were."""
    started = [one.wait(120) for one in STARTED]
    STARTED.clear()
    return len(started)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Make the home that the commands use."""
    return Store(tmp_path / "home")


@pytest.fixture
def run(tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command as a person would; return exit code, standard output and standard error."""

    def typed(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--site", str(tmp_path / "certrenew.toml"), "--home", str(store.home), *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(ended.value.code or 0), out, err

    return typed


def _heard(folder: Path) -> list[int]:
    return [json.loads(line)[1] for line in (folder / "heard").read_text().splitlines()]


def test_what_a_command_records_is_told(tmp_path: Path, run: Run, store: Store) -> None:
    """A command that recorded events has them told; one that failed too; each event once; reading starts nothing."""
    write_site(tmp_path, "write")
    assert run("start", "expc-server")[0] == 0
    assert _wait() == 1
    assert run("run", "expc-server")[0] == 5, "the box is not there"
    assert _wait() == 1
    assert _heard(tmp_path) == [1, 2]
    assert run("show", "expc-server")[0] == run("why", "expc-server")[0] == run("list")[0] == 0
    assert _wait() == 0
    assert run("run", "expc-server")[0] == 5, "the same again is a try of its own"
    assert _wait() == 1
    assert _heard(tmp_path) == [1, 2, 3]
    kept = b"".join(path.read_bytes() for path in store.home.rglob("*") if path.is_file())
    assert CANARY.encode() not in kept


def test_history_is_not_told(tmp_path: Path, run: Run, store: Store) -> None:
    """What happened before the site had the observer is not told; what the first command with it records is."""
    item = Item(certificate="expc-server", node="expc", slots=["server"], authority="corp")
    ann = actor("ann")
    renewal = Renewal(id="old", workflow="renewal", state="New", created=AT, since=AT, requester=ann, items=[item])
    store.create(renewal, ann, "2020-01-01T00:00:00Z", "begun")
    write_site(tmp_path, "write")
    assert run("run", "old")[0] == 5
    assert _wait() == 1
    assert _heard(tmp_path) == [2]


def test_an_observer_that_hangs_holds_up_no_command(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command ends, and the next one works, while its observer still blocks."""
    monkeypatch.setattr(start, "GRACE", 0.1)
    write_site(tmp_path, "block")
    os.mkfifo(tmp_path / "heard")
    assert run("start", "expc-server")[0] == 0
    assert run("run", "expc-server")[0] == 5
    assert STARTED[0].poll() is None, "it still blocks"
    (tmp_path / "empty").write_text("")
    with (tmp_path / "heard").open("w"):  # as soon as it reads; and whoever reads later is not held up
        (tmp_path / "empty").rename(tmp_path / "heard")
    assert _wait() >= 1


def test_failing_observers_warn_once(tmp_path: Path, run: Run, store: Store) -> None:
    """What could not be told before is one line on standard error; standard output and exit code are the same."""
    write_site(tmp_path, "fail")
    code, out, err = run("start", "expc-server", "--json")
    assert (code, json.loads(out)["state"]) == (0, "New")
    assert err.startswith("Warning: Observer rude could not tell event 1"), "it ended before the command did"
    code, out, err = run("cancel", "expc-server", "--json")
    assert (code, json.loads(out)["state"]) == (0, "Cancelled")
    (line,) = err.splitlines()
    assert line.startswith("Warning: Observer rude could not tell event 1 of renewal")
    assert "away\\x1b[2J" in line
    assert "Warning" not in run("list", "--all")[2]


def test_a_command_that_is_watched_ends_at_once(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a command does not wait for telling; elsewhere it does for a short time, so that it is done."""
    waited: list[bool] = []
    monkeypatch.setattr("engine.runner.observers.linger", lambda: waited.append(True))
    monkeypatch.setattr("engine.cli.progress.Progress.__init__", lambda _self: None)
    write_site(tmp_path, "write")
    assert run("start", "expc-server")[0] == 0
    assert waited == [True]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert run("cancel", "expc-server")[0] == 0
    assert waited == [True]
    monkeypatch.undo()


def test_a_delivery_that_fails_is_told(tmp_path: Path, run: Run, store: Store) -> None:
    """When telling itself ends with an error, the next warning says which; a healthy one takes that away."""
    write_site(tmp_path, "write")
    assert run("start", "expc-server")[0] == 0
    place = store.home / "observers" / "rude.json"
    place.write_bytes(b'{"schema":2}')
    assert "newer certrenew" in run("run", "expc-server")[2]
    site = Site(load(tmp_path / "certrenew.toml"), Registry(("rude",)), store, actor("ann"))
    assert STARTED[-1].wait(60) == 1
    assert "ended with an error: engine.errors.UsageError" in problems(site)[-1]
    place.unlink()
    deliver_due(site)
    assert _wait() == 1, "although nothing is new: the last one did not end well"
    assert problems(site) == []


def test_a_wrong_setting_is_told_at_once(tmp_path: Path, run: Run) -> None:
    """An observer that can't be made is told in the same command, with the nearest right name; the command works."""
    path = write_site(tmp_path, "write")
    path.write_text(path.read_text().replace('plugin = "rude"', 'plugin = "rud"'))
    code, _, err = run("start", "expc-server")
    assert code == 0
    assert "Did you mean `rude`?" in err
    path.write_text(path.read_text().replace('plugin = "rud"', 'plugin = "rude"\nstates = ["Instaled"]'))
    assert "Did you mean `Installed`?" in run("cancel", "expc-server")[2]


def test_without_observers_nothing_is_started(tmp_path: Path, run: Run, store: Store) -> None:
    """A site without observers starts no process and makes no folder."""
    write_site(tmp_path)
    assert run("start", "expc-server")[0] == 0
    assert _wait() == 0
    assert not (store.home / "observers").exists()


def test_deliver_due_tells_when_to_come_back(tmp_path: Path, store: Store) -> None:
    """It starts a delivery for what is new or due, nothing else, and returns when the next retry is due."""
    clock = Moved()
    path = write_site(tmp_path, "write")
    long_ago(path)
    site = Site(load(path), Registry(("rude",)), store, actor("ann"), clock)
    runner = Runner(site, lambda: "r1")
    begin.start(runner, ["expc-server"])
    assert deliver_due(site) is None
    assert _wait() == 1
    assert deliver_due(site) is None
    assert _wait() == 0, "nothing is new"
    outbox = Outbox(store.home, "rude")
    outbox.write(
        Position(begun=AT, retry={"r1": Retry(seq=1, attempts=1, at=AT, next="2026-11-23T16:01:00Z", why="w")})
    )
    due = deliver_due(site)
    assert due is not None
    assert due - clock.now() == due.resolution * 60_000_000
    assert _wait() == 0, "not yet due"
    clock.move(minutes=2)
    deliver_due(site)
    assert _wait() == 1


def test_two_processes_at_once_tell_once(tmp_path: Path, run: Run, store: Store) -> None:
    """However many deliveries run at once, as processes of their own, each event is told once."""
    path = write_site(tmp_path)
    assert run("start", "expc-server")[0] == 0
    assert run("cancel", "expc-server")[0] == 0
    write_site(tmp_path, "write")
    command = [sys.executable, "-m", "engine.runner.observers", str(path), str(store.home), AT]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [one.wait(120) for one in running] == [0, 0, 0]
    assert _heard(tmp_path) == [1, 2]


def test_a_delivery_that_can_not_begin_is_a_note(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be started the step goes on, and a person is told."""
    notes: list[str] = []
    site = Site(load(write_site(tmp_path, "write")), Registry(("rude",)), store, actor("ann"))
    site.tell = lambda _kind, text: notes.append(text)
    begin.start(Runner(site, lambda: "r1"), ["expc-server"])
    monkeypatch.setattr("sys.executable", str(tmp_path / "absent"))
    assert deliver_due(site) is None
    assert len(notes) == 1
    assert "Nobody was told" in notes[0]


class _Stopped(Clock):
    """Be a clock that ends the command where it would wait."""

    def wait(self, seconds: float) -> None:
        """Stop here."""
        raise KeyboardInterrupt


def test_who_waits_tells_before_that(tmp_path: Path, store: Store) -> None:
    """`run --wait` tells of what happened before it begins to wait, which may take days."""
    site = Site(load(write_site(tmp_path, "write")), Registry(("rude",)), store, actor("ann"), _Stopped())
    runner = Runner(site, lambda: "r1")
    begin.start(runner, ["expc-server"])
    with Store(store.home).hold("r1", actor("eve"), AT, "test"), pytest.raises(KeyboardInterrupt):
        runner.run("r1", patient=True)
    assert _wait() == 1
    assert _heard(tmp_path) == [1]


def test_the_hook_is_told_beside_the_observers(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin with the hook `observe` is told of every event, without an entry in the site, in its own place."""
    source = tmp_path / "rude_plugin.py"
    source.write_text(source.read_text() + HOOK)
    monkeypatch.setenv("RUDE_FILE", str(tmp_path / "hooked"))
    monkeypatch.delitem(sys.modules, "rude_plugin", raising=False)
    write_site(tmp_path)
    assert run("start", "expc-server")[0] == 0
    assert _wait() == 1
    assert (tmp_path / "hooked").read_text() == "1\n"
    assert [path.name for path in (tmp_path / "home" / "observers").glob("*.json")] == ["rude%3Arude.json"]
