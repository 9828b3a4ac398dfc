"""Have Microsoft AD CS sign through its web enrolment pages (``/certsrv/``).

For users: docs/reference/adcs.md.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from engine.contracts import Authority, AuthorityPlugin, Office
from engine.errors import UsageError
from engine.hookspecs import hookimpl
from engine.model import Value
from engine.text import escape

TEMPLATE = re.compile(r"[A-Za-z0-9._-]+")
"""A template's cn, or its OID; nothing that could begin another line of the request's attributes."""

URL = re.compile(r"https://(?P<address>(?P<host>\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?)(/certsrv)?/?")


class Options(Value, frozen=True, kw_only=True):
    r"""Be the settings of one such authority, ``[authorities.NAME.options]``.

    `url`: where web enrolment is, such as ``https://ca1.corp.example``; ``/certsrv`` may follow. One machine, not a
    load balancer: channel binding and the login's steps need a single one.

    `template`: the certificate template to ask for, by its cn (the console calls it Template name), not by its display
    name: ``ExpresswayServerClient``, not ``Expressway Server and Client``.

    `ca`: a file of CA certificates in PEM, relative to the site file, by which the web server itself is verified.

    `auth`: how to log in, ``kerberos`` by default; ``negotiate`` takes Kerberos where it can and NTLM where it can't,
    ``ntlm`` and ``basic`` only that. Kerberos needs the extra ``kerberos``.

    `username`: who asks, such as ``CORP\svc-expressway`` or, for Kerberos, ``svc-expressway@CORP.EXAMPLE``; empty by
    default, and then Kerberos uses the ticket that this account holds.

    `password`: where the password is, by reference as for a node; empty by default, which ``ntlm`` and ``basic`` do not
    allow.

    `poll_after`: seconds between two questions while a request waits for a certificate manager; 900 by default.
    """

    url: str
    template: str
    ca: Path
    auth: Literal["kerberos", "negotiate", "ntlm", "basic"] = "kerberos"
    username: str = ""
    password: str | list[str] = ""
    poll_after: Annotated[int, msgspec.Meta(ge=1)] = 900


def connect(office: Office, options: Options) -> Authority:
    """Make the authority; nothing is sent. Raises UsageError for settings that can't be."""
    from plugins.adcs.authority import AdCs

    _check(escape(office.name), options)
    return AdCs(office, options)


def _check(name: str, options: Options) -> None:
    if not URL.fullmatch(options.url):
        raise _wrong(name, "`url` must be https://HOST or https://HOST:PORT, with /certsrv after it or not", "address")
    if not TEMPLATE.fullmatch(options.template):
        raise _wrong(
            name,
            "`template` is the cn, not the display name: letters, digits, dot, dash and underscore",
            "cn of the template",
        )
    if options.auth in ("ntlm", "basic") and not (options.username and options.password):
        raise _wrong(name, f"`auth = {options.auth}` needs `username` and `password`", "login")
    if bool(options.password) and not options.username:
        raise _wrong(name, "`password` needs `username`", "login")
    if options.auth == "kerberos" and not _has_kerberos():
        raise UsageError(
            f"The authority {name} logs in with Kerberos, which needs the extra `kerberos`.",
            untouched="Nothing was sent.",
            todo="Install certrenew[kerberos] (gcc, python3-dev and libkrb5-dev build it), or set another `auth`.",
        )


def _wrong(name: str, what: str, todo: str) -> UsageError:
    return UsageError(
        f"The options of authority {name}: {what}.",
        untouched="Nothing was sent.",
        todo=f"Correct the {todo} in the site file; docs/reference/adcs.md tells what each option takes.",
    )


def _has_kerberos() -> bool:
    from importlib.util import find_spec

    return find_spec("gssapi") is not None and find_spec("krb5") is not None


@hookimpl
def register_authorities() -> Sequence[AuthorityPlugin]:
    """Offer it as ``plugin = "adcs"``."""
    return [AuthorityPlugin("adcs", Options, connect)]
