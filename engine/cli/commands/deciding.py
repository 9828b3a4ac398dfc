"""Show plans, and take down what people decide."""

import os
from pathlib import Path
from typing import Annotated

import typer

from engine.cli import completing
from engine.cli.commands.arguments import Id, Json, Reason, found, runner_of

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

    runner = runner_of(ctx)
    plans.plan(runner, found(runner, id), everything=everything, export=export, as_json=json)


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
        deciding.offline(Path(ids[0]), asked)
        return
    runner = runner_of(ctx)
    if decision is not None:
        deciding.take(runner, found(runner, ids[0]), decision, as_json=json)
        return
    deciding.decide(runner, [found(runner, id) for id in ids], asked)


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

    runner = runner_of(ctx)
    asked = deciding.Asked(Said("reject", reason=reason), digest, as_, key, out, ask=not yes, as_json=json)
    deciding.decide(runner, [found(runner, id)], asked)


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

    runner = runner_of(ctx)

    asked = deciding.Asked(Said("withdraw", reason=reason, withdraws=decision), "", as_, key, out, as_json=json)
    deciding.withdraw(runner, found(runner, id), asked)


def queue(ctx: typer.Context, as_: As = "", json: Json = False) -> None:
    """List what waits for your approval, across all renewals. No box is contacted."""
    from engine.cli import deciding

    deciding.queue(runner_of(ctx), as_, as_json=json)
