"""Look at renewals, certificates, workflows and plugins; nothing here changes anything."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.commands.arguments import Id, Json, found, runner_of
from engine.cli.context import Settings
from engine.errors import UsageError
from engine.text import escape


def list_(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    json: Json = False,
) -> None:
    """List renewals: state, wait, days left, what to type next."""
    from engine.cli import listing

    listing.show(ctx.obj, everything=everything, as_json=json)


def show_(ctx: typer.Context, id: Id, json: Json = False) -> None:
    """Show where a renewal is, and what to type next."""
    from engine.cli import show

    runner = runner_of(ctx)
    show.renewal(runner, runner.store.load(found(runner, id)), as_json=json)


def why(ctx: typer.Context, id: Id, json: Json = False) -> None:
    """Say what a renewal waits for, who can unblock it, and how."""
    from engine.cli import show

    runner = runner_of(ctx)
    show.why(runner, found(runner, id), as_json=json)


def journal(
    ctx: typer.Context,
    id: Id,
    verify: Annotated[bool, typer.Option("--verify", help="Check the hash chain instead of printing it.")] = False,
    head: Annotated[
        str, typer.Option(metavar="HASH", help="With --verify: an event that must be in it, as a report noted it.")
    ] = "",
    json: Json = False,
) -> None:
    """Print everything that happened, or verify that nobody changed it.

    Whoever may write the home could cut the journal's end off; with --head that is found too.
    """
    from engine.cli import show

    if head and not verify:
        raise UsageError("--head is for --verify.", untouched="Nothing was read.", todo="Give both.")
    runner = runner_of(ctx)
    show.journal(runner, found(runner, id), verify=verify, head=head, as_json=json)


def report(
    ctx: typer.Context,
    id: Id,
    out: Annotated[
        Path | None, typer.Option(help="Where to; default: certrenew-report-ID in this folder.", show_default=False)
    ] = None,
    zip_: Annotated[bool, typer.Option("--zip", help="One zip file instead of a folder.")] = False,
    json: Json = False,
) -> None:
    """Write the evidence of a renewal: a page to print, and its proof. Open, cancelled or finished.

    Needs no site file and contacts no box. Overwrites nothing but an older report of the same renewal that nobody
    changed. Ends with 4 when the record does not verify; the report is written all the same and says so.
    """
    from engine.cli import reporting
    from engine.runner.people import find

    settings: Settings = ctx.obj
    reporting.report(settings.store, find(settings, id), out, as_zip=zip_, as_json=json)


def check(
    new: Annotated[
        list[Path], typer.Argument(metavar="NEW...", help="What the CA sent: certificate, chain, any form.")
    ],
    current: Annotated[
        Path | None, typer.Option(metavar="OLD", help="The certificate in use, with its chain; or its decoded text.")
    ] = None,
    csr: Annotated[Path | None, typer.Option(metavar="CSR", help="The request that it was made from.")] = None,
    trust: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="CA certificates that the peers trust. Repeatable.")
    ] = None,
    role: Annotated[str, typer.Option(metavar="ROLE", help="Where it goes: expressway-c or expressway-e.")] = "",
    slot: Annotated[str, typer.Option(metavar="SLOT", help="From X15.5 on: server or client.")] = "",
    release: Annotated[str, typer.Option(metavar="RELEASE", help="What the box runs, such as X14.3.")] = "",
    at: Annotated[str, typer.Option(metavar="TIME", help="The moment to judge for, in UTC; default: now.")] = "",
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name that its role needs; 'a|b': one of them is enough. Repeatable."),
    ] = None,
    server_eku_upload: Annotated[
        bool, typer.Option("--server-eku-upload", help="X15.4, Expressway-E: EnableServerEkuUpload is on.")
    ] = False,
    json: Json = False,
) -> None:
    """Judge a signed certificate from files alone.

    Needs no site, no box and no network. Example: certrenew check new.cer chain.p7b --current old.pem --csr box.csr

    Ends with 0 when it may be installed, 4 when a check fails, 2 when a file can't be read.
    """
    from engine.cli.check import Asked, check

    asked = Asked(
        new=new,
        current=current,
        csr=csr,
        trust=trust or (),
        role=role,
        slot=slot,
        release=release,
        at=at,
        names=name or (),
        server_eku_upload=server_eku_upload,
    )
    check(asked, as_json=json)


def diagram(
    ctx: typer.Context,
    workflow: Annotated[str, typer.Argument(metavar="[WORKFLOW]", help="The workflow's name.")] = "renewal",
) -> None:
    """Print a workflow's states and arrows as a Mermaid diagram."""
    from engine.registry import Registry
    from engine.settings import unknown

    workflows = Registry().workflows
    if workflow not in workflows:
        raise unknown(f"There is no workflow `{escape(workflow, 80)}`", workflow, list(workflows))
    typer.echo(workflows[workflow].diagram())


def plugins(ctx: typer.Context, json: Json = False) -> None:
    """List the installed plugins, and why each is enabled or not.

    Code of a distribution that the site does not allow is not loaded. Works without a site.
    """
    from engine.cli.plugins import plugins as plugins_

    plugins_(ctx.obj, as_json=json)
