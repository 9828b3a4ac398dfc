"""Type what the README and the tutorial say, as they say it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import needs

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/tutorial/first-renewal.md")


def _commands(page: str) -> list[str]:
    """Return what stands behind a prompt, without the lines that set the project up."""
    lines = re.findall(r"^    \$ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    return [line for line in lines if not line.startswith(("make ", "export PATH"))]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_works_as_written(page: str, tmp_path: Path) -> None:
    """Typed one after the other in one shell, the commands renew a certificate; none is misspelt or out of order."""
    needs("ssh-keygen")  # the change manager signs
    script = "".join(f'{line}\necho "ended $? {number}"\n' for number, line in enumerate(_commands(page)))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-s"],
        input=script,
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    codes = [int(code) for code in re.findall(r"^ended (\d+) \d+$", done.stdout, re.MULTILINE)]
    assert len(codes) == len(_commands(page))
    assert set(codes) <= {0, 3, 5}, done.stdout
    assert "→ Installed → [Restarted])" in " ".join(done.stdout.split())
    assert "is whole" in done.stdout
    assert "The lab has stopped." in done.stdout
