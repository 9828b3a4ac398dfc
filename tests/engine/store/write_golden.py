"""Write the golden home of this schema: a renewal of the lab, stopped between upload and restart.

Usage: ``python -m tests.engine.store.write_golden``. It is written once, by the release that brings a schema, and never
again: later releases must load what that one wrote. What differs from lab to lab (transcript, lock) is left out.
"""

import shutil
from pathlib import Path
from unittest.mock import patch

from engine.model import SCHEMA
from plugins.lab.estate import Options
from plugins.lab.lab import Lab
from tests.e2e.conftest import QUICK
from tests.e2e.story import Story

GOLDEN = Path(__file__).with_name("golden")
LAB = Path("/tmp/certrenew-golden")  # noqa: S108 (papers name their folder, so it must be nobody's)


def main() -> None:
    """Run the renewal and keep its folder. Raises FileExistsError when there is a golden home of this schema."""
    to = GOLDEN / f"schema-{SCHEMA}"
    to.mkdir(parents=True)
    LAB.mkdir(mode=0o700)
    lab = Lab(LAB / "home", Options(**QUICK))
    try:
        with patch("socket.gethostname", lambda: "ops1"):
            lab.start()
            story = Story(lab)
            story.begin()
            story.until("Installed")
        ignored = shutil.ignore_patterns("lock", "transcript.jsonl")
        shutil.copytree(lab.home / "renewals", to / "renewals", ignore=ignored)
    finally:
        lab.stop()
        shutil.rmtree(LAB)


if __name__ == "__main__":
    main()
