"""Type commands as a person would, in a lab."""

import os
import re

import pytest

from engine.cli import main
from plugins.lab.lab import Lab


class Typed:
    """Be somebody at a terminal that keeps no colours: `typed("doctor")` returns exit code and both outputs."""

    def __init__(self, lab: Lab | None, capsys: pytest.CaptureFixture[str]) -> None:
        self.lab, self._capsys = lab, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Run one command on the lab's site and home."""
        assert self.lab is not None
        return self.anywhere("--site", str(self.lab.site_file), "--home", str(self.lab.home), *words)

    def anywhere(self, *words: str) -> tuple[int, str, str]:
        """Run one command as it is."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        return int(ended.value.code or 0), out, err


def flat(text: str) -> str:
    """Join the lines of a text that was broken to fit."""
    return re.sub(r"\s+", " ", text)


def to_the_end(descriptor: int) -> str:
    """Return all that programs write to a terminal, until the last of them has closed it."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux says so when the last program has closed the other end
            break
        if not part:
            break
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts).decode()
