"""Begin renewals and carry them on."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import completing
from engine.cli.commands.arguments import Change, Id, Json, Reason, found, runner_of
from engine.errors import UsageError

ByHand = Annotated[
    str,
    typer.Option(
        "--node",
        metavar="NODE",
        help="The box it is of, where several are worked by hand.",
        autocompletion=completing.nodes,
    ),
]


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
    change: Change = "",
    workflow: Annotated[
        str,
        typer.Option(metavar="WORKFLOW", help="What to begin, such as clean-up.", autocompletion=completing.workflows),
    ] = "renewal",
    json: Json = False,
) -> None:
    """Begin a renewal of certificates of the site. No box is contacted yet.

    Several certificates go through it together. Example: certrenew start expc-server --change CHG0042

    With --workflow clean-up it begins what takes the old CA out of trust stores, some time after their last renewal.
    """
    from engine.cli import show
    from engine.runner import begin

    runner = runner_of(ctx)
    if runner.workflow(workflow).follows is None:
        document = begin.start(runner, certificates, workflow=workflow, adopt_csr=adopt_csr, change=change)
    elif adopt_csr:
        raise UsageError(f"A {workflow} adopts no CSR.", untouched="Nothing was begun.", todo="Leave --adopt-csr out.")
    else:
        document = begin.follow_last(runner, workflow, certificates, change=change)
    show.renewal(runner, document, as_json=json)


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
    runner = runner_of(ctx)
    renewal = found(runner, id)
    if override:
        people.override(runner, renewal, override, reason)
    document = runner.run(renewal, until=until) if until else runner.advance(renewal)
    show.renewal(runner, document, as_json=json)


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

    runner = runner_of(ctx)
    show.renewal(runner, runner.run(found(runner, id), patient=wait), as_json=json)


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


def supply(
    ctx: typer.Context,
    id: Id,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="What the CA gave back, or a box shows; - for what is pasted."),
    ],
    node: ByHand = "",
    json: Json = False,
) -> None:
    """Hand in the signed certificate and its chain, in any form.

    PEM, DER or PKCS#7, in one file or several, in any order. Example: certrenew supply expc-server new.cer chain.p7b

    Where people work a box by hand: what it shows, such as its list of trusted CA certificates or "Show decoded".
    """
    from engine.cli import show
    from engine.runner import people

    runner = runner_of(ctx)
    show.renewal(runner, people.supply(runner, found(runner, id), files, node), as_json=json)


def confirm(
    ctx: typer.Context,
    id: Id,
    node: ByHand = "",
    request: Annotated[
        str, typer.Option(metavar="NUMBER", help="The uncertain request is at the CA, under this number.")
    ] = "",
    not_there: Annotated[
        bool, typer.Option("--not-there", help="The CA has no such request; it may be sent again.")
    ] = False,
    json: Json = False,
) -> None:
    """Say that you did, or saw, what a renewal asks of a person.

    `why` says what that is: a service to restart at a node's command line, a request to look up at the CA, or what only
    a person can see of a box that is worked by hand. What can be seen otherwise is not confirmed.
    """
    from engine.cli import show
    from engine.runner.confirming import confirm as confirm_

    runner = runner_of(ctx)
    document = confirm_(runner, found(runner, id), node=node, request=request, not_there=not_there)
    show.renewal(runner, document, as_json=json)
