"""Break the engine or the store in a command's process, so that the matrix can be seen to find it."""

import os
from pathlib import Path
from typing import Any
from unittest import mock

from engine.model import Change
from engine.runner.live import LiveWork
from engine.store import files
from engine.workflow import Proof, Work
from workflows.request import GenerateCsr


def _no_intents() -> None:
    """Act without journalling first what is about to be done."""
    record = LiveWork.record

    def forgetful(work: LiveWork, kind: str, text: str, **more: Any) -> None:
        if kind != "intent":
            record(work, kind, text, **more)

    mock.patch.object(LiveWork, "record", forgetful).start()


def _no_look() -> None:
    """Ask for a CSR without looking first whether one is pending."""
    looked: set[str] = set()
    holds = GenerateCsr.holds

    def blind(action: GenerateCsr, work: Work, change: Change) -> Proof | None:
        if change.key not in looked:
            looked.add(change.key)
            return None
        return holds(action, work, change)

    mock.patch.object(GenerateCsr, "holds", blind).start()


def _in_place() -> None:
    """Write files in place, as TinyDB's own storage does, instead of beside and renamed."""

    def replace(path: Path, content: bytes | bytearray, *, durable: bool = True) -> files.Identity:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(descriptor, content)
        if durable:
            os.fsync(descriptor)
        os.close(descriptor)
        return files.identity(path) or (0, 0, 0, 0)

    mock.patch.object(files, "replace", replace).start()


KINDS = {"no-intents": _no_intents, "no-look": _no_look, "in-place": _in_place}
"""What can be broken."""
