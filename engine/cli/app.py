"""Name the commands, their arguments and options; each hands over to `engine.runner` and shows what comes back.

Nothing heavy is imported before a command needs it: `certrenew --help` and `list` must feel instant.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.context import DEFAULT_SITE, Settings
from engine.cli.group import Group
from engine.cli.siting import Json, doctor, init, inspect
from engine.errors import UsageError
from engine.text import escape

if TYPE_CHECKING:
    from engine.runner import Runner

app = typer.Typer(
    cls=Group,
    help="Renew certificates of Cisco Expressway without breaking what talks to it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: loading rich for the frame costs a third of the time
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _renewals(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete IDs, and certificates with an open renewal; completion runs without the group's callback."""
    root = ctx.find_root()
    home = root.params.get("home")
    found = Settings(home=Path(home) if home else None).store.summaries()[0]
    ids = [(one.renewal.id, f"{one.renewal.items[0].certificate}: {one.renewal.state}") for one in found]
    names = [(one.renewal.items[0].certificate, one.renewal.id) for one in found if not one.renewal.ended]
    return [pair for pair in [*ids, *names] if pair[0].startswith(incomplete)]


def _certificates(ctx: typer.Context, incomplete: str) -> list[str]:
    site = ctx.find_root().params.get("site")
    certificates = Settings(site=Path(site) if site else DEFAULT_SITE).estate.certificates
    return [name for name in certificates if name.startswith(incomplete)]


Id = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A renewal: its ID, a beginning of it, or its certificate.", autocompletion=_renewals
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the journal.")]


@app.callback()
def globals_(
    ctx: typer.Context,
    site: Annotated[
        Path,
        typer.Option(envvar="CERTRENEW_SITE", help="The site file.", is_eager=True),  # before --help, which needs it
    ] = DEFAULT_SITE,
    home: Annotated[
        Path | None,
        typer.Option(envvar="CERTRENEW_HOME", help="Where renewals are kept.", show_default="your data folder"),
    ] = None,
) -> None:
    """Renew certificates of Cisco Expressway without breaking what talks to it.

    A renewal goes New → Inspected → CSRPending → Signed → Validated → TrustPropagated → Installed → Restarted, over
    days if it must. Begin one with `start`, carry it on with `run`, and ask `why` when it waits.
    """
    ctx.obj = Settings(site=site, home=home)


def _runner(ctx: typer.Context) -> "Runner":
    from engine.cli.progress import Progress

    settings: Settings = ctx.obj
    return settings.runner(Progress())


def _found(runner: "Runner", text: str) -> str:
    from engine.runner.people import find

    return find(runner, text)


# ---- going on ------------------------------------------------------------------------------------------------------


@app.command()
def start(
    ctx: typer.Context,
    certificates: Annotated[
        list[str],
        typer.Argument(metavar="CERTIFICATE...", help="Names in the site file.", autocompletion=_certificates),
    ],
    adopt_csr: Annotated[
        bool, typer.Option("--adopt-csr", help="Use the CSR that is already pending on the box.")
    ] = False,
    change: Annotated[
        str, typer.Option(metavar="CHG", help="The change record it is done under; stands in plans and decisions.")
    ] = "",
    json: Json = False,
) -> None:
    """Begin a renewal of certificates of the site. No box is contacted yet."""
    from engine.cli import show
    from engine.runner import begin

    runner = _runner(ctx)
    show.renewal(runner, begin.start(runner, certificates, adopt_csr=adopt_csr, change=change), as_json=json)


@app.command()
def advance(
    ctx: typer.Context,
    id: Id,
    until: Annotated[str, typer.Option(metavar="STATE", help="Go on to this state.")] = "",
    override: Annotated[str, typer.Option(metavar="CHECK", help="Accept this failed check; needs --reason.")] = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Carry out the next step, as far as it goes now. Safe to repeat at any time."""
    from engine.cli import show
    from engine.runner import people

    if bool(override) != bool(reason):
        raise UsageError("--override and --reason go together.", untouched="Nothing was done.", todo="Give both.")
    runner = _runner(ctx)
    renewal = _found(runner, id)
    if override:
        people.override(runner, renewal, override, reason)
    document = runner.run(renewal, until=until) if until else runner.advance(renewal)
    show.renewal(runner, document, as_json=json)


@app.command()
def run(
    ctx: typer.Context,
    id: Id,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for people and authorities instead of ending.")] = False,
    json: Json = False,
) -> None:
    """Carry out step after step until somebody else must act. Safe to repeat at any time."""
    from engine.cli import show

    runner = _runner(ctx)
    show.renewal(runner, runner.run(_found(runner, id), patient=wait), as_json=json)


@app.command()
def watch(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Make one pass and end, for cron and timers.")] = False,
    json: Json = False,
) -> None:
    """Carry on every open renewal that is due, as `run` does. Goes on until Ctrl-C, or makes one pass with --once.

    Asks an authority as often as it wants to be asked, a box or CA that is down ever more rarely, and looks again as
    soon as somebody approved. Prints what changed.
    """
    from engine.cli import watching

    watching.watch(ctx.obj.runner(), once=once, as_json=json)


@app.command()
def supply(
    ctx: typer.Context,
    id: Id,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="What the CA gave back, in any form.")],
    json: Json = False,
) -> None:
    """Hand in the signed certificate and its chain, in any form."""
    from engine.cli import show
    from engine.runner import people

    runner = _runner(ctx)
    show.renewal(runner, people.supply(runner, _found(runner, id), files), as_json=json)


@app.command()
def confirm(
    ctx: typer.Context,
    id: Id,
    request: Annotated[
        str, typer.Option(metavar="NUMBER", help="The uncertain request is at the CA, under this number.")
    ] = "",
    not_there: Annotated[
        bool, typer.Option("--not-there", help="The CA has no such request; it may be sent again.")
    ] = False,
    json: Json = False,
) -> None:
    """Say that you did what the renewal asks a person to do, or saw what only a person can see."""
    from engine.cli import show
    from engine.runner.confirming import confirm as confirm_

    runner = _runner(ctx)
    document = confirm_(runner, _found(runner, id), request=request, not_there=not_there)
    show.renewal(runner, document, as_json=json)


# ---- deciding ------------------------------------------------------------------------------------------------------

Digest = Annotated[str, typer.Option("--plan", metavar="DIGEST", help="The plan's digest, or its beginning.")]
As = Annotated[str, typer.Option("--as", metavar="PERSON", help="Who decides; default: by your account.")]
Key = Annotated[
    Path | None, typer.Option(help="Sign with this private SSH key, or with ssh-agent's by its public key.")
]
Out = Annotated[Path | None, typer.Option(help="Also write the signed decision into a file, to send.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def plan(
    ctx: typer.Context,
    id: Id,
    everything: Annotated[bool, typer.Option("--all", help="Every plan that can be made from here.")] = False,
    export: Annotated[Path | None, typer.Option(help="Write it with all that is needed to judge it elsewhere.")] = None,
    json: Json = False,
) -> None:
    """Show exactly what the next step will do. Looks at the boxes and changes nothing.

    An approval binds the digest that is printed. After `Validated`, --all shows every plan that remains, each naming
    the one before it, so that a whole weekend can be approved in one meeting.
    """
    from engine.cli import plans

    runner = _runner(ctx)
    plans.plan(runner, _found(runner, id), everything=everything, export=export, as_json=json)


@app.command()
def approve(
    ctx: typer.Context,
    ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Renewals, or a file of `plan --export`.", autocompletion=_renewals),
    ],
    digest: Digest = "",
    everything: Annotated[bool, typer.Option("--all", help="Every plan of `plan --all`, each shown.")] = False,
    as_: As = "",
    not_before: Annotated[str, typer.Option("--from", metavar="TIME", help="Counts from then on.")] = "",
    not_after: Annotated[str, typer.Option("--until", metavar="TIME", help="Counts no longer than that.")] = "",
    key: Key = None,
    out: Out = None,
    decision: Annotated[Path | None, typer.Option(help="Record a signed decision that somebody sent.")] = None,
    emergency: Annotated[bool, typer.Option("--emergency", help="By the emergency path; needs --reason.")] = False,
    reason: Reason = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Approve a plan: the one named, or the newest shown. Prints it, and asks on a terminal.

    A TIME is written like 2026-11-24T02:00 in your own time zone, or with one: 2026-11-24T02:00Z. Given a file of
    `plan --export` it needs no site and no home: it signs, and writes the decision to send back.
    """
    from engine.cli import deciding, plans
    from engine.runner.deciding import Said

    verb = "emergency" if emergency else "approve"
    said = Said(verb, plans.moment_of(not_before), plans.moment_of(not_after), reason)
    asked = deciding.Asked(said, digest, as_, key, out, ask=not yes, as_json=json, everything=everything)
    if len(ids) == 1 and os.path.isfile(ids[0]):
        deciding.offline(ctx.obj, Path(ids[0]), asked)
        return
    runner = _runner(ctx)
    if decision is not None:
        deciding.take(runner, _found(runner, ids[0]), decision, as_json=json)
        return
    deciding.decide(runner, [_found(runner, id) for id in ids], asked)


@app.command()
def reject(
    ctx: typer.Context,
    id: Id,
    reason: Reason,
    digest: Digest = "",
    as_: As = "",
    key: Key = None,
    out: Out = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Reject a plan. It can't be carried out until you withdraw that, or it has become another plan."""
    from engine.cli import deciding
    from engine.runner.deciding import Said

    runner = _runner(ctx)
    asked = deciding.Asked(Said("reject", reason=reason), digest, as_, key, out, ask=not yes, as_json=json)
    deciding.decide(runner, [_found(runner, id)], asked)


@app.command()
def withdraw(
    ctx: typer.Context,
    id: Id,
    decision: Annotated[str, typer.Option(metavar="DECISION", help="Its name, as `show` prints it.")],
    reason: Reason = "",
    as_: As = "",
    key: Key = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Take back an approval or a rejection of your own. A withdrawn decision never counts again."""
    from engine.cli import deciding
    from engine.runner.deciding import Said

    runner = _runner(ctx)

    asked = deciding.Asked(Said("withdraw", reason=reason, withdraws=decision), "", as_, key, out, as_json=json)
    deciding.withdraw(runner, _found(runner, id), asked)


@app.command()
def queue(ctx: typer.Context, as_: As = "", json: Json = False) -> None:
    """List what waits for your approval, across all renewals. No box is contacted."""
    from engine.cli import deciding

    deciding.queue(_runner(ctx), as_, as_json=json)


# ---- looking -------------------------------------------------------------------------------------------------------


@app.command("list")
def list_(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    json: Json = False,
) -> None:
    """List renewals: state, wait, days left, what to type next."""
    from engine.cli import listing

    listing.renewals(ctx.obj, everything=everything, as_json=json)


@app.command("show")
def show_(ctx: typer.Context, id: Id, json: Json = False) -> None:
    """Show where a renewal is, and what to type next."""
    from engine.cli import show

    runner = _runner(ctx)
    show.renewal(runner, runner.store.load(_found(runner, id)), as_json=json)


@app.command()
def why(ctx: typer.Context, id: Id, json: Json = False) -> None:
    """Say what a renewal waits for, who can unblock it, and how."""
    from engine.cli import show

    runner = _runner(ctx)
    show.why(runner, _found(runner, id), as_json=json)


@app.command()
def journal(
    ctx: typer.Context,
    id: Id,
    verify: Annotated[bool, typer.Option("--verify", help="Check the hash chain instead of printing it.")] = False,
    head: Annotated[
        str, typer.Option(metavar="HASH", help="With --verify: an event that must be in it, as a report noted it.")
    ] = "",
    json: Json = False,
) -> None:
    """Print everything that happened, or verify the record.

    Whoever may write the home could cut the journal's end off; with --head that is found too.
    """
    from engine.cli import show

    if head and not verify:
        raise UsageError("--head is for --verify.", untouched="Nothing was read.", todo="Give both.")
    runner = _runner(ctx)
    show.journal(runner, _found(runner, id), verify=verify, head=head, as_json=json)


@app.command()
def report(
    ctx: typer.Context,
    id: Id,
    out: Annotated[
        Path | None, typer.Option(help="Where to; default: certrenew-report-ID in this folder.", show_default=False)
    ] = None,
    zip_: Annotated[bool, typer.Option("--zip", help="One zip file instead of a folder.")] = False,
    json: Json = False,
) -> None:
    """Write the evidence: a page to read and print, and all that proves it. Open, cancelled or finished.

    Needs no site file and contacts no box. Overwrites nothing but an older report of the same renewal that nobody
    changed. Ends with 4 when the record does not verify; the report is written all the same and says so.
    """
    from engine.cli import reporting
    from engine.runner.people import find

    settings: Settings = ctx.obj
    reporting.report(settings.store, find(settings, id), out, as_zip=zip_, as_json=json)


@app.command()
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
    release: Annotated[str, typer.Option(metavar="X14.3", help="The release that the box runs.")] = "",
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
    """Judge a signed certificate from files alone: no site, no box, no network.

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


@app.command()
def diagram(
    ctx: typer.Context, workflow: Annotated[str, typer.Argument(help="The workflow's name.")] = "renewal"
) -> None:
    """Print a workflow's states and arrows as a Mermaid diagram."""
    from engine.registry import Registry
    from engine.settings import unknown

    workflows = Registry().workflows
    if workflow not in workflows:
        raise unknown(f"There is no workflow `{escape(workflow, 80)}`", workflow, list(workflows))
    typer.echo(workflows[workflow].diagram())


@app.command()
def plugins(ctx: typer.Context, json: Json = False) -> None:
    """List the plugins that are installed: from where, what each registers, enabled or not, and why.

    Code of a distribution that the site does not allow is not loaded. Works without a site.
    """
    from engine.cli.plugins import plugins as plugins_

    plugins_(ctx.obj, as_json=json)


# ---- stepping aside ------------------------------------------------------------------------------------------------


def _aside(ctx: typer.Context, id: str, step: str, reason: str, *, as_json: bool) -> None:
    from engine.cli import show
    from engine.runner import people

    runner = _runner(ctx)
    document = people.aside(runner, _found(runner, id), step, reason)
    show.renewal(runner, document, as_json=as_json)
    if step == "cancel" and not as_json:
        show.left_behind(document)


@app.command()
def resubmit(ctx: typer.Context, id: Id, reason: Reason = "", json: Json = False) -> None:
    """Ask the authority again with the same CSR. The certificate was wrong, or grew old."""
    _aside(ctx, id, "resubmit", reason, as_json=json)


@app.command()
def restage(ctx: typer.Context, id: Id, reason: Reason, json: Json = False) -> None:
    """Begin again from the box with a new CSR. The old one was lost, or must change."""
    _aside(ctx, id, "restage", reason, as_json=json)


@app.command()
def cancel(ctx: typer.Context, id: Id, reason: Reason = "", json: Json = False) -> None:
    """Stop a renewal, and say what is left on the boxes. Nothing is removed from any of them.

    A request that waits is withdrawn where the authority knows such a thing.
    """
    _aside(ctx, id, "cancel", reason, as_json=json)


# ---- the site ------------------------------------------------------------------------------------------------------

for command in (init, doctor, inspect):
    app.command()(command)


def name_of(command: "typer.models.CommandInfo") -> str:
    """Return what is typed for a command."""
    return command.name or getattr(command.callback, "__name__", "").replace("_", "-")


OWN = frozenset(name_of(command) for command in app.registered_commands)
"""The names of the engine's own commands."""
