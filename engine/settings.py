"""Turn tables of the site file into typed values, and say precisely what is wrong with one that doesn't fit."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.errors import SiteError
from engine.model import Json, Value, escape

V = TypeVar("V", bound=Value)

_FAULT = re.compile(r"(?P<what>.*?) - at `\$(?:\.(?P<key>[^`]*))?`$", re.DOTALL)


def convert(table: Mapping[str, Json], kind: type[V], where: str, *, base: Path | None = None) -> V:
    """Build a value from a table. `where` names file and table; paths are taken relative to `base`.

    Raises SiteError that names the key and what is allowed; for a misspelt key the nearest right one.
    """
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    for key in table:
        if key not in known:
            raise unknown(f"{where}: there is no key `{escape(key)}`", key, known)
    try:
        return msgspec.convert(dict(table), kind, dec_hook=_path_under(base))
    except msgspec.ValidationError as error:
        raise SiteError(f"{where}: {_plain(str(error))}", todo="Correct the site file.") from None


def unknown(what: str, given: str, allowed: list[str]) -> SiteError:
    """Make the error for a name that is none of `allowed`, with the nearest right one."""
    near = difflib.get_close_matches(given, allowed, n=1, cutoff=0.5)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    names = ", ".join(f"`{escape(name)}`" for name in sorted(allowed)) or "nothing yet"
    return SiteError(f"{what}.", todo=f"{hint}Allowed: {names}.")


def _path_under(base: Path | None):  # type: ignore[no-untyped-def]  # msgspec's hook signature is (type, object)
    def hook(kind: type, given: object) -> object:
        if kind is Path and isinstance(given, str):
            return (base or Path()) / Path(given).expanduser()
        raise msgspec.ValidationError(f"Expected `path`, got `{type(given).__name__}`")

    return hook


def _plain(fault: str) -> str:
    """Write msgspec's message with the key first."""
    missing = re.match(r"Object missing required field `(.+?)`(?: - at `\$\.(.*)`)?$", fault)
    if missing:
        return f"the key `{missing[1]}` is missing."
    match = _FAULT.match(fault)
    if match is None:
        return f"{escape(fault)}."
    what = match["what"].replace("Expected", "expected", 1).replace("Invalid", "invalid", 1)
    return f"`{escape(match['key'] or '')}`: {escape(what)}."
