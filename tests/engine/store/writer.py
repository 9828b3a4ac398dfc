"""Append events until told to stop or killed, acknowledging each on stdout: the other process of the store's tests.

Usage: ``python -m tests.engine.store.writer HOME RENEWAL COUNT``. Prints ``held`` and ends when somebody has the lock.
"""

import os
import sys
from pathlib import Path

from engine.errors import HeldElsewhere
from engine.store import Store
from tests.engine.store.samples import AT, BY


def main(home: str, renewal: str, count: str) -> None:
    """Append `count` events, each setting ``since`` to its own number."""
    try:
        with Store(Path(home)).hold(renewal, BY, AT, "write events") as handle:
            _say("ready")
            for _ in range(int(count)):
                event = handle.append("tick", "x" * 200, at=AT, by=BY, values={"since": str(handle.document.revision)})
                _say(str(event.seq))
    except HeldElsewhere:
        _say("held")


def _say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
