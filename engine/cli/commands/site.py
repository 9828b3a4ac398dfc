"""Name the commands about the site itself: write its file, examine it, look at one box or port."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.commands.arguments import Json
from engine.cli.completing import nodes
from engine.cli.context import Settings
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.cli.progress import Progress


def doctor(
    ctx: typer.Context,
    nodes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NODE...]", help="Visit these nodes alone.", autocompletion=nodes),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right in the home what its journals prove; visit no box.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --repair: do not ask.")] = False,
    json: Json = False,
) -> None:
    """Check site, people, boxes and trust, and say what to do. Changes nothing without --repair.

    Looks at plugins, home, keys, logins, certificates, pending CSRs, zones and services, too. Each box is asked with
    one login. Ends with 0 when nothing failed; else with 2 when site or home can't be used,
    before 4 when a check failed, before 5 when a box could not be reached or let nobody in.

    --repair says what it would change in the home, and asks; where nobody can be asked it needs --yes. A copy of each
    file that it changes is kept beside it. What no journal proves is left as it is.
    """
    from engine.cli.examining import examine

    if repair and not nodes:
        from engine.cli.repairing import mend

        mend(ctx.obj, ask=not yes, as_json=json)
    elif repair or yes:
        raise UsageError("--repair visits no node, and --yes goes with it.", todo="See: certrenew doctor --help")
    examine(ctx.obj, nodes or (), _progress(), as_json=json)


def inspect(
    ctx: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="NODE", help="A node of the site; or any HOST:PORT.", autocompletion=nodes)
    ],
    json: Json = False,
) -> None:
    """Show what a box presents on the wire, and what it holds. Changes nothing.

    HOST:PORT needs no site and no login: it shows the certificate of that TLS port, which proves nothing.
    """
    from engine.cli import examining

    if ":" in what:
        examining.port(what, as_json=json)
    else:
        examining.node(ctx.obj, what, as_json=json)


def init(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where; default: the --site file.")] = None,
    expressway_c: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="An Expressway-C: HOST, HOST:PORT or FQDN=HOST:PORT.")
    ] = None,
    expressway_e: Annotated[list[str] | None, typer.Option(metavar="HOST", help="An Expressway-E, likewise.")] = None,
    cucm: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="A Unified CM node, likewise; the publisher first.")
    ] = None,
    user: Annotated[str, typer.Option(metavar="NAME", help="The boxes' account that may use the API.")] = "",
    cucm_user: Annotated[str, typer.Option(metavar="NAME", help="The OS administrator of the CUCM nodes.")] = "",
    password: Annotated[
        str,
        typer.Option(metavar="REF", help="env:, file:, keyring: or command: for all; {node} becomes the node's name."),
    ] = "",
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CA certificates (PEM) that verify the boxes.")
    ] = None,
    pin: Annotated[
        list[str] | None, typer.Option(metavar="NODE=SHA256", help="A box's fingerprint that you have confirmed.")
    ] = None,
    authority: Annotated[str, typer.Option(metavar="PLUGIN", help="Who signs: an authority plugin.")] = "",
    roots: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="CA certificates (PEM) of who signs. Repeatable.")
    ] = None,
    engineer: Annotated[str, typer.Option(metavar="NAME", help="You: who runs certrenew with this account.")] = "",
    approver: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Somebody else, who may approve. Repeatable.")
    ] = None,
) -> None:
    """Write a commented site file. Asks on a terminal; every question is an option, too. Never overwrites a file.

    What nobody said stands in it as text to be filled in, and `certrenew doctor` names each such place.
    """
    from engine.cli.beginning import Said, begin

    said = Said(
        c=expressway_c or [],
        e=expressway_e or [],
        cucm=cucm or [],
        user=user,
        cucm_user=cucm_user,
        password=password,
        ca=ca,
        pins=pin or [],
        authority=authority,
        roots=roots or [],
        engineer=engineer,
        approvers=approver or [],
    )
    settings: Settings = ctx.obj
    begin(file or settings.site, said, asks=sys.stdin.isatty() and sys.stdout.isatty())


def discover(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="The box: https://HOST, or https://HOST:PORT.")],
    user: Annotated[str, typer.Option(metavar="NAME", help="Its account that may use the API.")] = "",
    password: Annotated[
        str, typer.Option(metavar="REF", help="env:, file:, keyring: or command:; {node} becomes the node's name.")
    ] = "",
    ca: Annotated[Path | None, typer.Option(metavar="FILE", help="CA certificates (PEM) that verify it.")] = None,
    pin: Annotated[str, typer.Option(metavar="SHA256", help="Its fingerprint that you have confirmed.")] = "",
    hostname: Annotated[
        str, typer.Option(metavar="NAME", help="The name in its certificate, where URL has an address.")
    ] = "",
    write: Annotated[bool, typer.Option("--write", help="Write it to the site file without asking.")] = False,
    json: Json = False,
) -> None:
    """Read the estate from a box, and add it to the site file. Changes nothing on the box.

    Reads zones, cluster peers, CUCM and IM and Presence servers, domains, certificates and trusted CAs, with one login.
    Shows what the site file would get, and writes it when you say so; what a person wrote is never changed. A box that
    the file has needs no options.
    """
    from engine.cli.discovering import completed
    from engine.cli.discovering import discover as look
    from engine.discovery.reach import Asked

    settings: Settings = ctx.obj
    asked = Asked(url, user, password, ca, pin, hostname)
    asks = not json and sys.stdin.isatty() and sys.stdout.isatty()
    look(settings, completed(settings, asked) if asks else asked, write=write, asks=asks, as_json=json)


def inventory(
    ctx: typer.Context,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it, too: boxes, who trusts whom, what ends when.")
    ] = None,
    json: Json = False,
) -> None:
    """Show every certificate and CA of the estate, by its end. Changes nothing.

    With issuer, names that it lacks or that nothing known asks for, where it is, and who presents what to whom and is
    trusted. Each box is asked with one login. Ends with the code of what could not be read, 0 when all could.
    """
    from engine.cli.inventorying import inventory as show

    show(ctx.obj, svg, _progress(), as_json=json)


def _progress() -> "Progress | None":
    """Show what is looked at where somebody watches."""
    if not sys.stderr.isatty():
        return None
    from engine.cli.progress import Progress

    return Progress()
