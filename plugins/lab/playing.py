"""Play, on the command line, everybody who does something to a lab's systems: the PKI team, colleagues, callers.

Heavy modules are imported by the command that needs them.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from plugins.lab import arguments
from plugins.lab.arguments import HOME, Home, say


def sign(
    csr: Annotated[list[Path], typer.Argument(metavar="CSR...", help="Signing requests in PEM.")],
    home: Home = HOME,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write here instead of to standard output.")] = None,
    generation: Annotated[
        str, typer.Option(metavar="WHICH", help="Sign with the new CA or the old one: new, old.")
    ] = "new",
    flaw: Annotated[
        str, typer.Option(metavar="FLAW", help="Do something wrong; see: lab flaws.", autocompletion=arguments.flaws)
    ] = "",
    days: Annotated[int, typer.Option(metavar="DAYS", help="How long the certificates are valid.")] = 365,
) -> None:
    """Play the PKI team: sign requests with the lab's CA.

    Writes PEM: each certificate, followed by its chain. Example: certrenew lab sign expc-server.csr --out answer.pem
    """
    from plugins.lab.control import order
    from plugins.lab.launch import read_text

    texts = [read_text(file) for file in csr]
    signed = [order(home, "sign", csr=text, generation=generation, flaw=flaw, days=days) for text in texts]
    if out:
        out.write_text("".join(signed), encoding="ascii")
        say(f"Signed {len(signed)}, written to {out}.")
    else:
        sys.stdout.write("".join(signed))


def issue(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The request's number.")],
    home: Home = HOME,
    deny: Annotated[bool, typer.Option("--deny", help="Deny it instead.")] = False,
) -> None:
    """Play the manager of the lab's AD CS: issue or deny."""
    from plugins.lab.control import order

    order(home, "decide", number=number, issue=not deny)
    say(f"Request {number} is {'denied' if deny else 'issued'}.")


def fault(
    node: Annotated[
        str, typer.Argument(metavar="NODE", help="The box, or the authority.", autocompletion=arguments.named)
    ],
    name: Annotated[
        str, typer.Argument(metavar="FAULT", help="See: lab faults.", autocompletion=arguments.faults)
    ] = "",
    home: Home = HOME,
    count: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="Strike so often; by default until cleared.")
    ] = None,
    path: Annotated[
        str, typer.Option(metavar="PATH", help="Strike requests whose path begins so, such as /api/provisioning.")
    ] = "",
    method: Annotated[
        str, typer.Option(metavar="METHOD", help="Strike only requests of this method, such as POST.")
    ] = "",
    seconds: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="slow: how long. pending: when to ask again. set-clock: how far ahead."),
    ] = 2.0,
    ca: Annotated[
        str, typer.Option(metavar="CA", help="For forget-ca: new, old or the SHA-256 of a certificate.")
    ] = "new",
    store: Annotated[
        str, typer.Option(metavar="STORE", help="For forget-ca on CUCM, such as tomcat-trust; default: every store.")
    ] = "",
    flaw: Annotated[
        str,
        typer.Option(
            metavar="FLAW", help="For flawed: what the CA does wrong; see: lab flaws.", autocompletion=arguments.flaws
        ),
    ] = "",
    clear: Annotated[bool, typer.Option("--clear", help="Clear this fault, or all of the box.")] = False,
) -> None:
    """Order a fault on a box or an authority, or clear it.

    Example: certrenew lab fault expc drop-after --method POST --count 1
    """
    from engine.errors import UsageError
    from plugins.lab.control import order

    if clear:
        gone = order(home, "clear", node=node, fault=name)
        say(f"Cleared on {node}: {gone}.")
    elif name:
        details = {"count": count, "path": path, "method": method, "seconds": seconds, "ca": ca, "store": store}
        order(home, "order", node=node, fault=name, flaw=flaw, **details)
        say(f"Ordered on {node}: {name}.")
    else:
        raise UsageError("Name a fault, or say --clear.", todo="List them with: certrenew lab faults")


def page(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The Expressway.", autocompletion=arguments.named)],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="What to press.", autocompletion=arguments.actions)],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="What to choose, where something is chosen.")
    ] = None,
    home: Home = HOME,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what the page shows here.")] = None,
) -> None:
    """Play the person at the web pages of a box.

    Shows: show-decoded, show-all, download, zones, backup (the name of the one that it makes). Presses: generate-csr,
    append, delete, upload, restore (a file with that name), discard, restart, maintenance-on, maintenance-off.
    Example: certrenew lab page expc show-all --out list.pem
    """
    from plugins.lab.control import order
    from plugins.lab.launch import read_text

    shown = order(home, "page", node=node, action=action, text=read_text(file) if file else "")
    if out:
        out.write_text(shown, encoding="utf-8")
        say(f"Written to {out}.")
    elif shown:
        sys.stdout.write(shown if shown.endswith("\n") else f"{shown}\n")
    else:
        say(f"Done on {node}: {action}.")


def use(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The Expressway.", autocompletion=arguments.named)],
    calls: Annotated[int, typer.Option(metavar="NUMBER", min=0, help="How many calls there are now.")] = 0,
    registrations: Annotated[
        int, typer.Option(metavar="NUMBER", min=0, help="How many registrations there are now.")
    ] = 0,
    home: Home = HOME,
) -> None:
    """Play the people who call by a box.

    In maintenance mode it takes no more. Example: certrenew lab use expc --calls 3
    """
    from plugins.lab.control import order

    order(home, "use", node=node, calls=calls, registrations=registrations)
    say(f"Now on {node}: {calls} calls, {registrations} registrations.")


def restart_service(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The CUCM node.", autocompletion=arguments.named)],
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Such as 'Cisco Tomcat'.")],
    home: Home = HOME,
) -> None:
    """Play the person at a CUCM node: restart a service.

    Waits until it is back. Example: certrenew lab restart-service cucm-pub 'Cisco Tomcat'
    """
    from plugins.lab.control import order

    order(home, "restart-service", node=node, service=service)
    say(f"{service} on {node} has restarted.")


COMMANDS = (sign, issue, fault, page, use, restart_service)
"""In the order of the help."""
