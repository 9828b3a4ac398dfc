"""Write a first site file: ask for what was not said, show what boxes present, never overwrite a file."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import typer

from engine.discovery import sitefile
from engine.discovery.sitefile import CUCM, C, Draft, E, pin_of
from engine.errors import CertrenewError, SiteError, UsageError
from engine.text import escape


class Said(NamedTuple):
    """Be what was typed, as it was typed."""

    c: list[str]
    e: list[str]
    cucm: list[str]
    user: str
    cucm_user: str
    password: str
    ca: Path | None
    pins: list[str]
    authority: str
    roots: list[Path]
    engineer: str
    approvers: list[str]


def begin(file: Path, said: Said, *, asks: bool) -> None:
    """Write the file, private and in one piece. Raises UsageError when it is there already or can't be written."""
    if file.exists():
        raise _there(file)
    if asks:
        said = _asked(said)
    draft = _draft(said, file)
    if asks and not draft.ca:
        draft = _confirmed(draft)
    _write(file, sitefile.text(draft))
    print(f"Written: {escape(file)} (only you may read it).")
    print(left_to_do(file))


def _draft(said: Said, file: Path) -> Draft:
    found: list[sitefile.Box] = []
    # A site without an Expressway-C makes no sense: it stands there to be filled in.
    for kind, given in ((C, said.c or [""]), (E, said.e), (CUCM, said.cucm)):
        found += sitefile.boxes(kind, given, [box.name for box in found])
    plugin = said.authority or "manual"
    _check_authority(plugin)
    return Draft(
        boxes=found,
        user=said.user,
        cucm_user=said.cucm_user,
        password=said.password,
        ca=path_in(said.ca, file) if said.ca else "",
        pins=_pins(said.pins, [box.name for box in found]),
        authority=plugin,
        roots=[path_in(one, file) for one in said.roots],
        engineer=said.engineer or account_name(),
        uid=os.getuid(),
        approvers=said.approvers,
    )


def path_in(given: Path, file: Path) -> str:
    """Return a path as the site file takes it: relative to the file's folder where it is below that."""
    whole, folder = given.expanduser().absolute(), file.absolute().parent
    return str(whole.relative_to(folder)) if whole.is_relative_to(folder) else str(whole)


def _check_authority(plugin: str) -> None:
    from engine.registry import Registry
    from engine.settings import unknown

    known = Registry().authorities
    if plugin not in known:
        raise unknown(f"There is no authority plugin `{escape(plugin)}`", plugin, list(known))


def _pins(given: list[str], nodes: list[str]) -> dict[str, str]:
    from engine.settings import unknown

    pins = {}
    for text in given:
        name, _, mark = text.partition("=")
        if name not in nodes:
            raise unknown(f"`--pin` names `{escape(name)}`, which is no node here", name, nodes)
        pins[name] = pin_of(mark, f"--pin {escape(name)}=...")
    return pins


def account_name() -> str:
    """Return the name of who runs this, as the account has it."""
    import pwd

    try:
        account = pwd.getpwuid(os.getuid())
    except KeyError:
        return ""
    return account.pw_gecos.partition(",")[0] or account.pw_name


def _write(file: Path, content: str) -> None:
    """Write the file for its owner alone; one that appeared meanwhile stays as it is."""
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(content)
    except FileExistsError:
        raise _there(file) from None
    except OSError as error:
        raise UsageError(
            f"{escape(file)} can't be written: {error.strerror}.",
            untouched="Nothing was written.",
            todo="Name another file: certrenew init FILE",
        ) from None


def _there(file: Path) -> UsageError:
    return UsageError(
        f"{escape(file)} is there already.",
        untouched="It was left as it is.",
        todo="Name another file: certrenew init FILE",
    )


def left_to_do(file: Path) -> str:
    """Say what to do next: what is still to be filled in, or to have it checked."""
    from engine.site import NotFilledIn, load

    check = f"certrenew --site {escape(file)} doctor"
    try:
        load(file)
    except NotFilledIn as error:
        places = "\n".join(f"  {escape(place)}: {escape(wanted)}" for place, wanted in error.places.items())
        return f"To be filled in:\n{places}\nThen: {check}"
    except SiteError as error:
        return f"Next: {escape(error.what)} {escape(error.todo)} Then: {check}"
    return f"Next: {check}"


# ---- asking --------------------------------------------------------------------------------------------------------


def _asked(said: Said) -> Said:
    """Ask for what was not said; an empty answer leaves it to be filled in."""
    print("Press Enter to leave something out; it can be filled in later. Several are separated by blanks.")
    said = said._replace(
        c=said.c or _several("Expressway-C, HOST or HOST:PORT"),
        e=said.e or _several("Expressway-E, HOST or HOST:PORT"),
        cucm=said.cucm or _several("Unified CM nodes that phones outside reach, publisher first"),
        user=said.user or _one("Account of the Expressways that may use the API"),
    )
    if said.cucm and not said.cucm_user:
        said = said._replace(cucm_user=_one("OS administrator of the Unified CM nodes"))
    return said._replace(
        password=said.password
        or _one("Where passwords are (env:, file:, keyring:, command:); {node} is the node", "file:secrets/{node}"),
        authority=said.authority or _one("Who signs (an authority plugin)", "manual"),
        engineer=said.engineer or _one("Your name", account_name()),
        approvers=said.approvers or [name for name in [_one("Who else may approve")] if name],
    )


def _one(question: str, default: str = "") -> str:
    return str(typer.prompt(question, default=default, show_default=bool(default))).strip()


def _several(question: str) -> list[str]:
    return _one(question).replace(",", " ").split()


def _confirmed(draft: Draft) -> Draft:
    """Show what each box presents and ask a person whether it is right; only a yes makes it a pin."""
    pins = dict(draft.pins)
    for box in draft.boxes:
        if box.address and box.name not in pins and (mark := presented(box.name, box.address, typer.confirm)):
            pins[box.name] = f"sha256:{mark}"
    return replace(draft, pins=pins)


def presented(name: str, address: str, confirm: Callable[..., bool]) -> str:
    """Return the fingerprint that a person confirmed, else ""."""
    from engine.certificates import fingerprint
    from engine.certificates.facts import dn_text
    from engine.net import served

    try:
        shown = served(address)
    except CertrenewError as error:
        sys.stderr.write(f"{escape(error.what)}\n")
        return ""
    mark = fingerprint(shown)
    print(f"{escape(name)} at {escape(address)} presents {escape(dn_text(shown.subject), 200)}")
    print(f"  SHA-256 {mark}")
    print("  Compare it with what the box itself shows, or what its administrator reads out to you.")
    return mark if confirm("Is it the same? Then it is pinned", default=False) else ""
