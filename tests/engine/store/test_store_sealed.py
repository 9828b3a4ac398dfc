"""Private keys that peers share: sealed while they are kept, and gone whatever interrupts their end."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import Refused, UsageError
from engine.store import Store, files
from engine.store.sealed import SealedKeys
from tests.engine.store.samples import AT, BY, renewal

KEY = "ab" * 32
PRIVATE = b"-----BEGIN PRIVATE KEY-----\nnot one, and nobody asks here\n-----END PRIVATE KEY-----\n"
SECRET = "a secret of the site"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with a renewal."""
    store = Store(tmp_path / "home")
    store.create(renewal(), BY, AT, "begun")
    return store


def keys(store: Store, secret: str = SECRET, id: str = "r1") -> SealedKeys:
    """Return where the keys of a renewal are kept."""
    return store.sealed_keys(id, lambda: secret)


def left(store: Store) -> list[Path]:
    """Return what is kept of any key."""
    return sorted((store.home / "renewals").glob("*/keys/*"))


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(private=st.binary(min_size=1, max_size=9000), secret=st.text(min_size=1, max_size=200).filter(str.isprintable))
def test_what_is_kept_is_returned_and_can_not_be_read(store: Store, private: bytes, secret: str) -> None:
    """Whatever key and secret are: it comes back whole, and its files hold neither."""
    keys(store, secret).put(KEY, private)
    assert keys(store, secret).get(KEY) == private
    written = b"".join(path.read_bytes() for path in left(store))
    assert len(private) < 8 or private not in written
    assert len(secret) < 8 or secret.encode() not in written


def test_its_files_are_the_owners_alone(store: Store) -> None:
    """The folder is 0700 and the files 0600; nothing is there before, and nothing after."""
    assert not keys(store).held()
    keys(store).put(KEY, PRIVATE)
    assert [stat.S_IMODE(path.stat().st_mode) for path in left(store)] == [0o600, 0o600]
    assert stat.S_IMODE(left(store)[0].parent.stat().st_mode) == 0o700
    assert list(keys(store).drop()) == [f"{KEY}.wrapped", f"{KEY}.sealed"]
    assert not keys(store).held()
    assert list(keys(store).drop()) == []


def test_another_secret_opens_nothing(store: Store) -> None:
    """With another secret it is refused, and says what to do; with the old one it opens."""
    keys(store).put(KEY, PRIVATE)
    with pytest.raises(Refused, match="can't be opened") as refused:
        keys(store, "another secret of a site").get(KEY)
    assert SECRET not in str(refused.value)
    assert keys(store).get(KEY) == PRIVATE


def test_a_secret_that_can_not_be_had_writes_nothing(store: Store) -> None:
    """Where the reference leads nowhere no file is written."""

    def absent() -> str:
        raise UsageError("There is no secret.")

    with pytest.raises(UsageError):
        store.sealed_keys("r1", absent).put(KEY, PRIVATE)
    assert left(store) == []


def test_an_altered_file_opens_nothing(store: Store) -> None:
    """A changed byte, or another renewal's or key's file in its place, is refused."""
    keys(store).put(KEY, PRIVATE)
    store.create(renewal("r2"), BY, AT, "begun")
    sealed, wrapped = left(store)
    for path in (sealed, wrapped):
        whole = path.read_bytes()
        path.write_bytes(whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:])
        with pytest.raises(Refused):
            keys(store).get(KEY)
        path.write_bytes(whole)
    other = store.home / "renewals/r2/keys"
    other.mkdir()
    for path in (sealed, wrapped):
        (other / path.name).write_bytes(path.read_bytes())
        (path.with_name(path.name.replace(KEY, "cd" * 32))).write_bytes(path.read_bytes())
    for place, key in (("r2", KEY), ("r1", "cd" * 32)):
        with pytest.raises(Refused):
            keys(store, id=place).get(key)
    assert keys(store).get(KEY) == PRIVATE, "control"


class Killed(BaseException):
    """Be the end of a process at some call."""


def killing(monkeypatch: pytest.MonkeyPatch, point: int) -> list[str]:
    """End the process at the so-manyth call that changes the disk; return what was called."""
    called: list[str] = []

    def counted(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def counting(*given: object, **more: object) -> object:
            called.append(name)
            if len(called) == point:
                raise Killed
            return call(*given, **more)

        return counting

    for module, name in ((os, "replace"), (os, "unlink"), (os, "rmdir"), (files, "sync_folder"), (os, "mkdir")):
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    return called


def points(work: Callable[[], object]) -> Iterator[int]:
    """Kill some work at each of its calls in turn, until it comes to its end; yield the number each time."""
    for point in range(1, 60):
        with pytest.MonkeyPatch.context() as patch:
            killing(patch, point)
            try:
                work()
            except Killed:
                pass
            else:
                return
        yield point
    raise AssertionError("it never came to its end")


def test_killed_while_it_is_put_the_next_try_puts_it(store: Store) -> None:
    """At whatever call the process dies: the key is there whole or not at all, and can be put again and dropped."""
    tried = 0
    for _ in points(lambda: keys(store).put(KEY, PRIVATE)):
        assert keys(store).get(KEY) in (None, PRIVATE)
        tried += 1
        list(keys(store).drop())
        assert left(store) == []
    assert tried > 5
    assert keys(store).get(KEY) == PRIVATE


def test_killed_while_it_is_dropped_the_next_try_drops_it(store: Store) -> None:
    """At whatever call the process dies: what is left opens nothing once the small file is gone, and goes."""
    tried = 0

    def put_and_drop() -> None:
        keys(store).put(KEY, PRIVATE)
        list(keys(store).drop())

    for _ in points(put_and_drop):
        wrapped = [path for path in left(store) if path.suffix == ".wrapped"]
        assert wrapped or keys(store).get(KEY) is None
        list(keys(store).drop())
        assert not keys(store).held()
        tried += 1
    assert tried > 8
    assert left(store) == []


def test_what_a_crash_left_of_writing_goes_too(store: Store) -> None:
    """A temporary file beside the keys is deleted with them."""
    keys(store).put(KEY, PRIVATE)
    (left(store)[0].parent / ".tmp-1-abc").write_bytes(b"half")
    assert set(keys(store).drop()) == {".tmp-1-abc", f"{KEY}.wrapped", f"{KEY}.sealed"}
    assert not keys(store).held()
