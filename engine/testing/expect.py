"""State rules so that a broken one says what it is."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from engine.errors import CertrenewError

E = TypeVar("E", bound=CertrenewError)


def expect(holds: bool, rule: str) -> None:
    """Raise AssertionError with the rule, unless it holds."""
    if not holds:
        raise AssertionError(rule)


def refused(call: Callable[[], object], kind: type[E], rule: str) -> E:
    """Return the error that `call` raises. Raises AssertionError when it raises none, or one of another kind."""
    try:
        call()
    except kind as error:
        return error
    except Exception as error:
        raise AssertionError(f"{rule}, but it raised {type(error).__name__}") from error
    raise AssertionError(f"{rule}, but it raised nothing")


def texts(place: object, seen: set[int] | None = None) -> Iterator[str]:
    """Yield every text that can be reached from an object through attributes and collections, not through calls."""
    seen = set() if seen is None else seen
    if id(place) in seen:
        return
    seen.add(id(place))
    if isinstance(place, str | bytes):
        yield place if isinstance(place, str) else place.decode("latin-1")
    inner = list(place.items()) if isinstance(place, dict) else list(getattr(place, "__dict__", {}).values())
    if isinstance(place, list | tuple | set | frozenset):
        inner = list(place)
    for value in inner:
        yield from texts(value, seen)
