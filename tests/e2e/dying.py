"""Have commands die at events of their journal, as a SIGKILL would have them."""

from typing import Any

import pytest

from engine.runner.live import LiveWork


class Died(BaseException):
    """Stand for SIGKILL: no `except Exception` and no error handling of ours sees it."""


def die_at(monkeypatch: pytest.MonkeyPatch, kind: str, *, written: bool = True) -> set[str]:
    """Raise Died at each event of this kind, once, when it was written or right before; return at which it was.

    The set fills while commands run.
    """
    record, seen = LiveWork.record, set[str]()

    def dying(work: LiveWork, what: str, text: str, **more: Any) -> None:
        fatal = what == kind and text not in seen
        if written or not fatal:
            record(work, what, text, **more)
        if fatal:
            seen.add(text)
            raise Died

    monkeypatch.setattr(LiveWork, "record", dying)
    return seen
