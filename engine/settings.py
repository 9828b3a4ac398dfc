"""Turn tables of the site file into typed values, and say precisely what is wrong with one that doesn't fit."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.errors import SiteError
from engine.model import Json, Value
from engine.text import escape

V = TypeVar("V", bound=Value)

CORRECT = "Correct the site file."


def convert(table: Mapping[str, Json], kind: type[V], where: str, *, base: Path | None = None, **fixed: Json) -> V:
    """Build a value from a table. `where` names file and table; paths are taken relative to `base`.

    `fixed` are members that the table may not give. Raises SiteError that names the key and what is allowed; for a
    misspelt key the nearest right one.
    """
    known = [field.encode_name for field in msgspec.structs.fields(kind) if field.encode_name not in fixed]
    for key in table:
        if key not in known:
            raise unknown(f"{where}: there is no key `{escape(key)}`", key, known)
    try:
        return msgspec.convert({**table, **fixed}, kind, dec_hook=_path_under(base))
    except msgspec.ValidationError as error:
        raise _fault(where, str(error), kind) from None


def unknown(what: str, given: str, allowed: Sequence[str]) -> SiteError:
    """Make the error for a name that is none of `allowed`, with the nearest right one."""
    near = difflib.get_close_matches(given, allowed, n=1, cutoff=0.5)
    hint = f"Did you mean `{escape(near[0])}`? " if near else ""
    names = ", ".join(f"`{escape(name)}`" for name in sorted(allowed)) or "nothing yet"
    return SiteError(f"{what}.", todo=f"{hint}Allowed: {names}.")


def expand(name: str) -> Path:
    """Return the path with ``~`` resolved. Raises ValueError for what can't be a path on this machine."""
    if "\0" in name:
        raise ValueError("Expected a path, got one with a zero byte")
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ValueError("Expected a path, got one in the home of an unknown account") from None


def _path_under(base: Path | None):  # type: ignore[no-untyped-def]  # msgspec's hook signature is (type, object)
    def hook(kind: type, given: object) -> object:
        if kind is Path and isinstance(given, str):
            return (base or Path()) / expand(given)
        raise ValueError(f"Expected `str`, got `{type(given).__name__}`")

    return hook


def _fault(where: str, fault: str, kind: type[Value]) -> SiteError:
    """Write msgspec's message with the key first and what is allowed at the end."""
    what, found, place = fault.rpartition(" - at `$")
    what, key = (what, place.rstrip("`").lstrip(".")) if found else (fault, "")
    at = f"{where}: `{escape(key)}`" if key else where
    allowed = _allowed(kind, key)
    if missing := re.fullmatch(r"Object missing required field `(.+)`", what):
        return SiteError(f"{at}: the key `{missing[1]}` is missing.", todo=CORRECT)
    if stray := re.fullmatch(r"Object contains unknown field `(.+)`", what, re.DOTALL):
        return unknown(f"{at}: there is no key `{escape(stray[1])}`", stray[1], allowed)
    if other := re.fullmatch(r"Invalid enum value '(.*)'", what, re.DOTALL):
        return unknown(f"{at} can't be `{escape(other[1])}`", other[1], allowed)
    plain = escape(what).replace("Expected", "expected", 1).replace(" | null", "").replace("`object`", "`table`")
    return SiteError(f"{at}: {plain}.", todo=f"Allowed: {', '.join(allowed)}." if allowed else CORRECT)


def _allowed(kind: type[Value], key: str) -> list[str]:
    """Return the names that may stand at a place inside a value: a table's keys or a setting's choices."""
    import msgspec.inspect as inspect

    shapes: Iterable[inspect.Type] = [inspect.type_info(kind)]
    for part in re.findall(r"[^.\[\]]+|\[[^\]]*\]", key):
        shapes = [inner for shape in shapes for inner in _inside(shape, part)]
    found = [_choices(shape) for shape in shapes]
    return [name for names in found for name in names]


def _inside(shape: "msgspec.inspect.Type", part: str) -> "list[msgspec.inspect.Type]":
    import msgspec.inspect as inspect

    if isinstance(shape, inspect.UnionType):
        return [inner for one in shape.types for inner in _inside(one, part)]
    if isinstance(shape, inspect.StructType):
        return [field.type for field in shape.fields if field.encode_name == part]
    if isinstance(shape, inspect.ListType):
        return [shape.item_type]
    return [shape.value_type] if isinstance(shape, inspect.DictType) else []


def _choices(shape: "msgspec.inspect.Type") -> list[str]:
    import msgspec.inspect as inspect

    if isinstance(shape, inspect.StructType):
        return [field.encode_name for field in shape.fields]
    return [str(value) for value in shape.values] if isinstance(shape, inspect.LiteralType) else []
