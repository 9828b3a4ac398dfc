"""Name the commands, their arguments and options; each hands over to `engine.runner` and shows what comes back.

Nothing heavy is imported before a command needs it: `certrenew --help` and `list` must feel instant.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli import completing
from engine.cli.context import DEFAULT_SITE, Settings
from engine.cli.group import Group, Plain
from engine.cli.siting import Json, doctor, init, inspect
from engine.errors import UsageError
from engine.text import escape

if TYPE_CHECKING:
    from engine.runner import Runner

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: loading rich for the frame costs a third of the time
    context_settings={"help_option_names": ["-h", "--help"]},
)


Id = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="A renewal: its ID, the beginning of it, or its certificate.",
        autocompletion=completing.renewals,
    ),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the journal.")]


@app.callback()
def globals_(
    ctx: typer.Context,
    site: Annotated[
        Path,
        typer.Option(
            metavar="FILE", envvar="CERTRENEW_SITE", help="The site file.", is_eager=True
        ),  # before --help, which needs it
    ] = DEFAULT_SITE,
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", envvar="CERTRENEW_HOME", help="Where renewals are kept.", show_default="your data folder"
        ),
    ] = None,
) -> None:
    """Renew certificates of Cisco Expressway without breaking what talks to it.

    A renewal goes New → Inspected → CSRPending → Signed → Validated → TrustPropagated → Installed → Restarted, over
    days if it must. Begin one with `start`, carry it on with `run`, and ask `why` when it waits. It stands still where
    somebody else has to act, and any command can be repeated. `certrenew COMMAND --help` tells more of each.
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
        typer.Argument(
            metavar="CERTIFICATE...",
            help="Names of [certificates.NAME] in the site file.",
            autocompletion=completing.certificates,
        ),
    ],
    adopt_csr: Annotated[
        bool, typer.Option("--adopt-csr", help="Use the CSR that is already pending on the box.")
    ] = False,
    change: Annotated[
        str, typer.Option(metavar="CHG", help="The change record it is done under; stands in plans and decisions.")
    ] = "",
    json: Json = False,
) -> None:
    """Begin a renewal of certificates of the site. No box is contacted yet.

    Several certificates go through it together. Example: certrenew start expc-server --change CHG0042
    """
    from engine.cli import show
    from engine.runner import begin

    runner = _runner(ctx)
    show.renewal(runner, begin.start(runner, certificates, adopt_csr=adopt_csr, change=change), as_json=json)


@app.command()
def advance(
    ctx: typer.Context,
    id: Id,
    until: Annotated[
        str,
        typer.Option(
            metavar="STATE", help="Go on until it is in this state, and no further.", autocompletion=completing.states
        ),
    ] = "",
    override: Annotated[
        str,
        typer.Option(
            metavar="CHECK",
            help="Accept this failed check, if it can be; needs --reason.",
            autocompletion=completing.checks,
        ),
    ] = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Carry out the next step, as far as it goes now. Safe to repeat at any time.

    A STATE is one that `show` prints, such as Validated. A CHECK is the first word of what failed, such as same-ca.
    """
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
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for people, authorities and windows instead of ending.")
    ] = False,
    json: Json = False,
) -> None:
    """Carry out step after step until somebody else must act. Safe to repeat at any time.

    Ends with 0 when the renewal is over, 3 when it waits: `why` then says for what. Example: certrenew run expc-server
    """
    from engine.cli import show

    runner = _runner(ctx)
    show.renewal(runner, runner.run(_found(runner, id), patient=wait), as_json=json)


@app.command()
def watch(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Make one pass and end, for cron and timers.")] = False,
    json: Json = False,
) -> None:
    """Carry on every open renewal that is due, as `run` does. Until Ctrl-C, or one pass with --once.

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
    """Hand in the signed certificate and its chain, in any form.

    PEM, DER or PKCS#7, in one file or several, in any order. Example: certrenew supply expc-server new.cer chain.p7b
    """
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
    """Say that you did, or saw, what a renewal asks of a person.

    `why` says what that is: a service to restart at a node's command line, or a request to look up at the CA.
    """
    from engine.cli import show
    from engine.runner.confirming import confirm as confirm_

    runner = _runner(ctx)
    document = confirm_(runner, _found(runner, id), request=request, not_there=not_there)
    show.renewal(runner, document, as_json=json)


# ---- deciding ------------------------------------------------------------------------------------------------------

Digest = Annotated[str, typer.Option("--plan", metavar="DIGEST", help="The plan's digest, or the beginning of it.")]
As = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="PERSON",
        help="Who decides, of the site's people; default: by your account.",
        autocompletion=completing.people,
    ),
]
Key = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Sign with this private SSH key, or with ssh-agent's by its public key."),
]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the signed decision into a file, to send.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def plan(
    ctx: typer.Context,
    id: Id,
    everything: Annotated[
        bool, typer.Option("--all", help="Every plan from here to the end, as far as it can be made.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it with all that is needed to judge it elsewhere.")
    ] = None,
    json: Json = False,
) -> None:
    """Show exactly what the next step will do. Looks at the boxes and changes nothing.

    An approval binds the digest that is printed. From the state Validated on, --all shows
    every plan that remains, each naming the one before it, so that a whole weekend can be approved in one meeting.
    """
    from engine.cli import plans

    runner = _runner(ctx)
    plans.plan(runner, _found(runner, id), everything=everything, export=export, as_json=json)


@app.command()
def approve(
    ctx: typer.Context,
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...", help="Renewals, or a file of `plan --export`.", autocompletion=completing.renewals
        ),
    ],
    digest: Digest = "",
    everything: Annotated[bool, typer.Option("--all", help="Every plan of `plan --all`, each shown.")] = False,
    as_: As = "",
    not_before: Annotated[str, typer.Option("--from", metavar="TIME", help="It counts from then on.")] = "",
    not_after: Annotated[str, typer.Option("--until", metavar="TIME", help="It counts no longer than that.")] = "",
    key: Key = None,
    out: Out = None,
    decision: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record a signed decision that somebody sent.")
    ] = None,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="By the emergency path of the site; needs --reason.")
    ] = False,
    reason: Reason = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Approve a plan: the one named, or the one that is waited for. Prints it, and asks on a terminal.

    A TIME is written like 2026-11-24T02:00 in your own time zone, or with one: 2026-11-24T02:00Z. Given a file of
    `plan --export` it needs no site and no home: it signs, and writes the decision to send back.
    """
    from engine.cli import deciding, plans
    from engine.runner.deciding import Said

    verb = "emergency" if emergency else "approve"
    said = Said(verb, plans.moment_of(not_before), plans.moment_of(not_after), reason)
    asked = deciding.Asked(said, digest, as_, key, out, ask=not yes, as_json=json, everything=everything)
    if len(ids) == 1 and os.path.isfile(ids[0]):  # not Path.is_file, which raises for an overlong name
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
    """Reject a plan, for a reason. It can't be carried out until you withdraw that, or it is another plan."""
    from engine.cli import deciding
    from engine.runner.deciding import Said

    runner = _runner(ctx)
    asked = deciding.Asked(Said("reject", reason=reason), digest, as_, key, out, ask=not yes, as_json=json)
    deciding.decide(runner, [_found(runner, id)], asked)


@app.command()
def withdraw(
    ctx: typer.Context,
    id: Id,
    decision: Annotated[str, typer.Option(metavar="DECISION", help="Its name, as `show` prints it beside 'decision'.")],
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
    json: Json = False,
) -> None:
    """Print everything that happened, or verify that nobody changed it."""
    from engine.cli import show

    runner = _runner(ctx)
    show.journal(runner, _found(runner, id), verify=verify, as_json=json)


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


@app.command()
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


@app.command()
def plugins(ctx: typer.Context, json: Json = False) -> None:
    """List the installed plugins, and why each is enabled or not.

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
    """Stop a renewal, and say what is left on the boxes. Nothing is removed from any of them."""
    _aside(ctx, id, "cancel", reason, as_json=json)


# ---- the site ------------------------------------------------------------------------------------------------------

for command in (init, doctor, inspect):
    app.command()(command)
for info in app.registered_commands:
    info.cls = Plain


def name_of(command: "typer.models.CommandInfo") -> str:
    """Return what is typed for a command."""
    return command.name or getattr(command.callback, "__name__", "").replace("_", "-")


OWN = frozenset(name_of(command) for command in app.registered_commands)
"""The names of the engine's own commands."""
