"""Hold the way to a secret: by reference only, and no error ever tells what it led to."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from engine.errors import UsageError
from engine.secrets import fetch

SECRET = "hunter2-ünïcode"
WHERE = "site.toml: [nodes.expc]: `password`"


class Memory(KeyringBackend):
    """Be a keyring that forgets when the process ends; a locked one refuses."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("it is locked\x1b[2J")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def memory() -> Iterator[Memory]:
    """Put a keyring of our own in the place of the machine's."""
    before, own = keyring.get_keyring(), Memory()
    keyring.set_keyring(own)
    yield own
    keyring.set_keyring(before)


def _refusal(reference: str | list[str], base: Path) -> str:
    """Fail to fetch; return the whole message, which names the setting and never the secret."""
    with pytest.raises(UsageError) as caught:
        fetch(reference, base, WHERE)
    error = caught.value
    assert error.what.startswith(WHERE)
    assert error.todo
    assert "hunter2" not in f"{error.what} {error.todo} {error!r} {error.__cause__!r}"
    return f"{error.what} {error.todo}"


def _file(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`env:NAME` is the variable's value; one that is not set, or empty, is an error that names it."""
    monkeypatch.setenv("EXPC_PASSWORD", SECRET)
    assert fetch("env:EXPC_PASSWORD", tmp_path, WHERE) == SECRET
    assert "export EXPC_PASWORD" in _refusal("env:EXPC_PASWORD", tmp_path)
    monkeypatch.setenv("EXPC_PASSWORD", "")
    assert "is empty" in _refusal("env:EXPC_PASSWORD", tmp_path)


def test_from_a_file(tmp_path: Path) -> None:
    """`file:PATH` is relative to the site file and loses only the newline at its end."""
    _file(tmp_path / "secret", f"{SECRET} \r\n".encode())
    assert fetch("file:secret", tmp_path, WHERE) == f"{SECRET} "
    assert fetch(f"file:{tmp_path}/secret", Path("/"), WHERE) == f"{SECRET} "
    assert "can't be read" in _refusal("file:other", tmp_path)
    _file(tmp_path / "secret", b"\n")
    assert "is empty" in _refusal("file:secret", tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o611])
def test_a_file_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    """A secret in a file that group or others may use at all is refused, with the way to close it."""
    _file(tmp_path / "secret", SECRET.encode(), mode)
    assert "chmod 600" in _refusal("file:secret", tmp_path)
    (tmp_path / "secret").chmod(0o400)
    assert fetch("file:secret", tmp_path, WHERE) == SECRET


@pytest.mark.parametrize("name", ["file:~nobody-here/x", "file:a\0b", "file:."])
def test_a_path_that_is_no_file_is_an_error(name: str, tmp_path: Path) -> None:
    """A path that can't be one, or leads to a folder, is refused with the setting named."""
    tmp_path.chmod(0o700)
    _refusal(name, tmp_path)


def test_a_file_that_is_no_text_tells_nothing_of_itself(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are an error that repeats none of them."""
    _file(tmp_path / "secret", b"hunter2\xff")
    assert "no text" in _refusal("file:secret", tmp_path)


def test_from_a_keyring(memory: Memory, tmp_path: Path) -> None:
    """`keyring:SERVICE/USER` asks the keyring; an unknown pair, and half a pair, are errors."""
    keyring.set_password("certrenew", "expc", SECRET)
    assert fetch("keyring:certrenew/expc", tmp_path, WHERE) == SECRET
    assert "is empty" in _refusal("keyring:certrenew/expe", tmp_path)
    assert "SERVICE/USER" in _refusal("keyring:certrenew", tmp_path)


def test_a_locked_keyring_is_said(memory: Memory, tmp_path: Path) -> None:
    """A keyring that refuses is an error with its own words, escaped; unlocked it answers."""
    keyring.set_password("certrenew", "expc", SECRET)
    memory.locked = True
    message = _refusal("keyring:certrenew/expc", tmp_path)
    assert "it is locked\\x1b[2J" in message
    memory.locked = False
    assert fetch("keyring:certrenew/expc", tmp_path, WHERE) == SECRET


def test_from_a_command(tmp_path: Path) -> None:
    """A list of arguments is run, without a shell, and what it prints is the secret."""
    program = "import sys; sys.stdout.buffer.write((sys.argv[1] + '\\n').encode())"
    assert fetch([sys.executable, "-c", program, "a $HOME; b"], tmp_path, WHERE) == "a $HOME; b"


@pytest.mark.parametrize(
    "program",
    [
        "import sys; print('hunter2'); sys.exit('hunter2')",
        "print(end='')",
        "import sys; sys.stdout.buffer.write(b'hunter2\\xff')",
    ],
)
def test_a_command_that_fails_tells_nothing_it_printed(program: str, tmp_path: Path) -> None:
    """A command that fails, prints nothing or prints no text is an error that names the command alone."""
    assert os.path.basename(sys.executable) in _refusal([sys.executable, "-c", program], tmp_path)


@pytest.mark.parametrize("arguments", [[], ["/nowhere/to/be/found"], ["a\0b"]])
def test_a_command_that_can_not_be_run_is_an_error(arguments: list[str], tmp_path: Path) -> None:
    """No command, one that is not there and one that no system could run are errors."""
    _refusal(arguments, tmp_path)


@pytest.mark.parametrize("reference", ["hunter2", "hunter2:with-colon", "", ":", "ENV:hunter2", "keyring"])
def test_a_secret_in_the_open_is_refused_and_not_repeated(reference: str, tmp_path: Path) -> None:
    """Text that is no reference may be the secret itself: refused, with the kinds there are, and not shown."""
    message = _refusal(reference, tmp_path)
    for kind in ("env:NAME", "file:PATH", "keyring:SERVICE/USER", "list of arguments"):
        assert kind in message
