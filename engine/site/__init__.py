"""Read the site file: the estate in TOML, with errors that name file, table, key and what is allowed."""

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.errors import SiteError
from engine.estate import (
    AuthorityEntry,
    CertificateEntry,
    CleanUp,
    Connection,
    Estate,
    Freeze,
    KeyCustody,
    LeadTimes,
    Node,
    ObserverEntry,
    Person,
    Policy,
    Rule,
    Window,
)
from engine.model import Json, Value
from engine.settings import convert, unknown
from engine.site.checks import check, whole_clusters
from engine.text import escape

DOTS = 2000
"""How many dots a line of a site file may have."""

SIZE_LIMIT = 1024 * 1024
"""Largest site file that is read, in bytes."""

FILL_IN = "<fill in"
"""How a text begins that stands for something still to be filled in; what is wanted there follows a colon."""

TABLES = (
    "schema",
    "plugins",
    "nodes",
    "connections",
    "authorities",
    "certificates",
    "people",
    "approval",
    "windows",
    "freezes",
    "lead_times",
    "clean_up",
    "observers",
    "shared_keys",
)

V = TypeVar("V", bound=Value)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A name in the site; without a slash, because it becomes a part of a path in a renewal's values."""


class PluginsTable(Value, frozen=True, kw_only=True):
    """Be what may be loaded: `distributions` are names of installed packages; ours is always among them."""

    distributions: list[str] = msgspec.field(default_factory=lambda: ["certrenew"])


class NotFilledIn(SiteError):
    """The site file has places that are still to be filled in; `places` maps each to what is wanted there."""

    def __init__(self, path: Path, places: Mapping[str, str]) -> None:
        named = ", ".join(f"`{escape(place)}`" for place in places)
        super().__init__(
            f"{escape(path)}: not filled in yet: {named}.",
            todo="Fill them in; `certrenew doctor` says what goes where.",
        )
        self.places = dict(places)


def load(path: Path) -> Estate:
    """Read and check a site file. Read-only.

    Raises SiteError when it is absent, somebody else's, writable by others, no TOML, not filled in, or says something
    impossible.
    """
    tables = _parse(path, _read(path))
    for table in tables:
        if table not in TABLES:
            raise unknown(f"{escape(path)}: there is no table `{escape(table)}`", table, list(TABLES))
    if type(tables.get("schema")) is not int or tables["schema"] != 1:
        raise SiteError(f"{escape(path)}: `schema` must be 1.", todo="Put `schema = 1` at the top.")
    _check_filled_in(tables, path)
    base = path.resolve().parent
    estate = Estate(
        file=path.resolve(),
        distributions=_distributions(tables, path),
        nodes=_named(tables, "nodes", Node, path, base),
        connections=_listed(tables.get("connections", []), "connections", Connection, path),
        authorities=_named(tables, "authorities", AuthorityEntry, path, base),
        certificates=_named(tables, "certificates", CertificateEntry, path, base),
        people=_named(tables, "people", Person, path, base, key="id"),
        policy=_policy(tables, path),
        observers=_named(tables, "observers", ObserverEntry, path, base),
        windows=_named(tables, "windows", Window, path, base),
        freezes=_listed(tables.get("freezes", []), "freezes", Freeze, path),
        lead_times=convert(_table(tables, "lead_times", path), LeadTimes, f"{escape(path)}: [lead_times]"),
        clean_up=convert(_table(tables, "clean_up", path), CleanUp, f"{escape(path)}: [clean_up]", base=base),
        shared_keys=convert(_table(tables, "shared_keys", path), KeyCustody, f"{escape(path)}: [shared_keys]"),
    )
    estate = msgspec.structs.replace(estate, signers=_signers(estate.policy, base, path))
    check(estate, path)
    return whole_clusters(estate)


def _signers(policy: Policy, base: Path, path: Path) -> str:
    """Read the file of allowed signers, which must be as private as the site file."""
    for name in filter(None, (policy.allowed_signers, policy.revoked_keys)):
        if not (base / name).is_file():
            raise SiteError(
                f"{escape(path)}: [approval]: there is no file {escape(base / name)}.", todo="Put it there."
            )
        _private(base / name, (base / name).stat())
    if not policy.allowed_signers:
        return ""
    try:
        return (base / policy.allowed_signers).read_text()[:SIZE_LIMIT]
    except (OSError, ValueError):
        raise SiteError(
            f"{escape(base / policy.allowed_signers)} can't be read as text.", todo="Write it as ssh-keygen(1) says."
        ) from None


def distributions(path: Path) -> list[str]:
    """Read what a site file allows to be loaded, and nothing else of it, like `load`."""
    return _distributions(_parse(path, _read(path)), path)


def parse(path: Path) -> tuple[bytes, dict[str, Json]]:
    """Return a site file's bytes and what it says, unjudged; it may have places to be filled in. Raises SiteError."""
    content = _read(path)
    return content, _parse(path, content)


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
        _private(path, status)
        if status.st_size > SIZE_LIMIT:
            raise SiteError(f"{escape(path)} is larger than {SIZE_LIMIT} bytes.", todo="Is it the site file?")
        return path.read_bytes()
    except OSError as error:
        raise SiteError(
            f"The site file {escape(path)} can't be read: {error.strerror}.",
            todo="Name it with --site FILE or CERTRENEW_SITE; `certrenew lab up --home DIR` writes a complete example.",
        ) from None


def _private(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (os.getuid(), 0):
        raise SiteError(
            f"{escape(path)} belongs to somebody else (uid {status.st_uid}).", todo="Use a file of your own."
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SiteError(f"Others may write {escape(path)}.", todo=f"Close it: chmod go-w {escape(path)}")


def _parse(path: Path, content: bytes) -> dict[str, Json]:
    if any(line.count(b".") > DOTS for line in content.splitlines()):  # tomllib takes quadratic time for such a key
        raise SiteError(f"{escape(path)} has a line with more than {DOTS} dots.", todo="Is it the site file?")
    try:
        return tomllib.loads(content.decode())
    except ValueError as error:  # besides TOMLDecodeError: bytes that are no UTF-8, a number of 5,000 digits
        raise SiteError(f"{escape(path)} is no valid TOML: {escape(error, 200)}.", todo="Correct it there.") from None
    except RecursionError:
        raise SiteError(f"{escape(path)} is nested too deeply.", todo="Is it the site file?") from None


def _check_filled_in(tables: Json, path: Path) -> None:
    """Refuse a file with places that `certrenew init` left to be filled in; all of them are named."""
    left = dict(_unfilled(tables))
    if left:
        raise NotFilledIn(path, left)


def _unfilled(value: Json, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the place, such as ``nodes.expc.address``, of each text that is to be filled in, and what is wanted."""
    if isinstance(value, str) and value.startswith(FILL_IN):
        yield place, value.removeprefix(FILL_IN).strip("<>: ")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _unfilled(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _unfilled(inner, f"{place} {number}")


def _table(tables: Mapping[str, Json], name: str, path: Path) -> dict[str, Json]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise SiteError(f"{escape(path)}: `{name}` must be a table.", todo=f"Write [{name}].")
    return table


def _named(
    tables: Mapping[str, Json], name: str, kind: type[V], path: Path, base: Path, *, key: str = "name"
) -> dict[str, V]:
    """Read ``[name.X]`` tables; X becomes the member `key` (a person's `name` is a name for people)."""
    found: dict[str, V] = {}
    for label, table in _table(tables, name, path).items():
        where = f"{escape(path)}: [{name}.{escape(label)}]"
        if not _NAME.fullmatch(label):
            raise SiteError(
                f"{where}: a name has letters, digits, dot, dash, underscore; 64 at most.", todo="Rename it."
            )
        if not isinstance(table, dict):
            raise SiteError(f"{where} must be a table.", todo=f"Write [{name}.{label}].")
        found[label] = convert(table, kind, where, base=base, **{key: label})
    return found


def _listed(given: Json, name: str, kind: type[V], path: Path) -> list[V]:
    """Read ``[[name]]`` tables; errors number them from 1."""
    if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
        raise SiteError(f"{escape(path)}: `{name}` must be tables.", todo=f"Write [[{name}]] for each.")
    return [convert(table, kind, f"{escape(path)}: [[{name}]] {number}") for number, table in enumerate(given, 1)]


def _distributions(tables: Mapping[str, Json], path: Path) -> list[str]:
    return convert(_table(tables, "plugins", path), PluginsTable, f"{escape(path)}: [plugins]").distributions


def _policy(tables: Mapping[str, Json], path: Path) -> Policy:
    table = dict(_table(tables, "approval", path))
    rules = table.pop("rules", None)
    policy = convert(table, Policy, f"{escape(path)}: [approval]")
    if rules is None:
        return policy
    return msgspec.structs.replace(policy, rules=_listed(rules, "approval.rules", Rule, path))
