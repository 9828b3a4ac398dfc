"""Step aside: ask again, begin again, stop."""

import typer

from engine.cli.commands.arguments import Change, Id, Json, Reason, found, runner_of


def _aside(ctx: typer.Context, id: str, step: str, reason: str, *, as_json: bool) -> None:
    from engine.cli import show
    from engine.runner import people

    runner = runner_of(ctx)
    document = people.aside(runner, found(runner, id), step, reason)
    show.renewal(runner, document, as_json=as_json)
    if step == "cancel" and not as_json:
        show.left_behind(document)


def resubmit(ctx: typer.Context, id: Id, reason: Reason = "", json: Json = False) -> None:
    """Ask the authority again with the same CSR. The certificate was wrong, or grew old."""
    _aside(ctx, id, "resubmit", reason, as_json=json)


def restage(ctx: typer.Context, id: Id, reason: Reason, json: Json = False) -> None:
    """Begin again from the box with a new CSR. The old one was lost, or must change."""
    _aside(ctx, id, "restage", reason, as_json=json)


def rollback(ctx: typer.Context, id: Id, reason: Reason = "", change: Change = "", json: Json = False) -> None:
    """Begin to come back from a renewal that is over. No box is contacted yet.

    The old certificate comes back with a device backup alone that a person made before; what was evicted is put back,
    and CA certificates that the renewal added go where nothing needs them. It has plans, approvals and an ID of its
    own, which is printed.
    """
    from engine.cli import show
    from engine.runner import begin

    runner = runner_of(ctx)
    document = begin.follow(runner, "rollback", found(runner, id), reason=reason, change=change)
    show.renewal(runner, document, as_json=json)


def cancel(ctx: typer.Context, id: Id, reason: Reason = "", json: Json = False) -> None:
    """Stop a renewal, and say what is left on the boxes.

    Nothing is removed, but where a CA certificate evicted another one of its name: that one is put back, if the box can
    do it and nothing needs the newer. A request that waits is withdrawn where the authority knows such a thing.
    """
    _aside(ctx, id, "cancel", reason, as_json=json)
