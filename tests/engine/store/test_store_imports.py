"""Hold that reading is cheap: what only writers need is not imported."""

import subprocess
import sys
from pathlib import Path

from engine.store import Store
from tests.engine.store.samples import AT, BY, renewal

READ = """
import sys
from pathlib import Path
from engine.store import Store
store = Store(Path(sys.argv[1]))
store.summaries(), store.load_all(), store.decisions("r1"), store.plans("r1")
print(sorted({"tinydb", "filelock", "asyncio", "cryptography", "dataclasses"} & set(sys.modules)))
store.verify("r1")
from engine.store import AtomicStorage
print("tinydb" in sys.modules)
"""


def test_readers_do_not_load_tinydb(tmp_path: Path) -> None:
    """Reading renewals, decisions and plans loads neither TinyDB nor anything else that is heavy; writing does."""
    Store(tmp_path / "home").create(renewal(), BY, AT, "begun")
    command = [sys.executable, "-c", READ, str(tmp_path / "home")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.split("\n")[:2] == ["[]", "True"]
