"""Offer the lab on the command line; heavy modules are imported by the command that needs them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help, as the other commands have
    help="Practise on simulated boxes and a corporate CA, on this machine.",
)

Home = Annotated[
    Path,
    typer.Option(
        "--home", metavar="DIR", envvar="CERTRENEW_HOME", help="Folder of the lab: site file, secrets, CA certificates."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON value to stdout.")]

HOME = Path("lab")


def _named(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the boxes and authorities of the lab; whatever is wrong completes nothing."""
    import json

    try:
        lab = json.loads(Path(ctx.params.get("home") or HOME).joinpath("lab.json").read_bytes())
        return [name for name in (*lab["nodes"], *lab["authorities"]) if name.startswith(incomplete)]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _faults(incomplete: str) -> list[tuple[str, str]]:
    from plugins.lab.faults import FAULTS

    return [(name, kind.what) for name, kind in FAULTS.items() if name.startswith(incomplete)]


def _actions(incomplete: str) -> list[str]:
    from plugins.lab.page import ACTIONS

    return [name for name in ACTIONS if name.startswith(incomplete)]


def _flaws(incomplete: str) -> list[tuple[str, str]]:
    from plugins.lab.authority import FLAWS

    return [(name, what) for name, what in FLAWS.items() if name.startswith(incomplete)]


@app.command()
def up(
    home: Home = HOME,
    detach: Annotated[bool, typer.Option("--detach", help="Return when the lab is ready; it goes on running.")] = False,
    release: Annotated[
        list[str] | None, typer.Option(metavar="RELEASE", help="X15.5 for all boxes, or NODE=X15.5. Repeatable.")
    ] = None,
    switch: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SETTING", help="For one node: NODE.NAME=SETTING; see: lab switches."),
    ] = None,
    days_left: Annotated[
        list[str] | None, typer.Option(metavar="NODE=DAYS", help="How long its certificate is still valid.")
    ] = None,
    restart_seconds: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="How long a restart takes.")] = 1.5,
    zone_interval: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.05, help="How often a zone tries its handshake.")
    ] = 0.5,
    same_ca_names: Annotated[
        bool, typer.Option("--same-ca-names", help="Give the new CA the names of the old.")
    ] = False,
    cucm: Annotated[bool, typer.Option("--cucm/--no-cucm", help="With a CUCM cluster, and MRA to it.")] = True,
    ssh: Annotated[bool, typer.Option("--ssh", help="Have the site use the command line of the CUCM nodes.")] = False,
    axl: Annotated[bool, typer.Option("--axl", help="Have the site ask CUCM's configuration by AXL.")] = False,
    imp: Annotated[bool, typer.Option("--imp", help="With an IM and Presence node in the cluster.")] = False,
    cluster: Annotated[bool, typer.Option("--cluster", help="Expressway-C is a cluster of two peers.")] = False,
    neighbour: Annotated[
        bool, typer.Option("--neighbour", help="With a system of somebody else that the E talks to.")
    ] = False,
    authority: Annotated[
        str, typer.Option(metavar="PLUGIN", help="Who signs: manual (people), or a server: adcs, est.")
    ] = "manual",
) -> None:
    """Start a fresh lab and write its site file.

    Nothing of an earlier lab in the folder is kept. Example: certrenew lab up --home lab --detach --no-cucm
    """
    from plugins.lab import launch

    options = launch.options(
        releases=release or [],
        switches=switch or [],
        days_left=days_left or [],
        restart_seconds=restart_seconds,
        zone_interval=zone_interval,
        ca_names="same" if same_ca_names else "distinct",
        cucm=cucm,
        ssh=ssh,
        axl=axl,
        imp=imp,
        cluster=cluster,
        neighbour=neighbour,
        authority=authority,
    )
    if detach:
        launch.detach(home, options)
        _say(_welcome(home, stop=f"certrenew lab down --home {home}"))
    else:
        from plugins.lab.serve import run

        run(home, options, lambda _lab: _say(_welcome(home, stop="Ctrl-C")))


@app.command()
def down(home: Home = HOME) -> None:
    """Stop the lab of the folder, if one runs."""
    from plugins.lab import launch

    _say("The lab has stopped." if launch.end(home) else f"No lab is running in {home}.")


@app.command()
def sign(
    csr: Annotated[list[Path], typer.Argument(metavar="CSR...", help="Signing requests in PEM.")],
    home: Home = HOME,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write here instead of to standard output.")] = None,
    generation: Annotated[
        str, typer.Option(metavar="WHICH", help="Sign with the new CA or the old one: new, old.")
    ] = "new",
    flaw: Annotated[
        str, typer.Option(metavar="FLAW", help="Do something wrong; see: lab flaws.", autocompletion=_flaws)
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
        _say(f"Signed {len(signed)}, written to {out}.")
    else:
        sys.stdout.write("".join(signed))


@app.command()
def issue(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The request's number.")],
    home: Home = HOME,
    deny: Annotated[bool, typer.Option("--deny", help="Deny it instead.")] = False,
) -> None:
    """Play the manager of the lab's AD CS: issue or deny."""
    from plugins.lab.control import order

    order(home, "decide", number=number, issue=not deny)
    _say(f"Request {number} is {'denied' if deny else 'issued'}.")


@app.command()
def fault(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The box, or the authority.", autocompletion=_named)],
    name: Annotated[str, typer.Argument(metavar="FAULT", help="See: lab faults.", autocompletion=_faults)] = "",
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
        typer.Option(metavar="FLAW", help="For flawed: what the CA does wrong; see: lab flaws.", autocompletion=_flaws),
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
        _say(f"Cleared on {node}: {gone}.")
    elif name:
        details = {"count": count, "path": path, "method": method, "seconds": seconds, "ca": ca, "store": store}
        order(home, "order", node=node, fault=name, flaw=flaw, **details)
        _say(f"Ordered on {node}: {name}.")
    else:
        raise UsageError("Name a fault, or say --clear.", todo="List them with: certrenew lab faults")


@app.command()
def page(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The Expressway.", autocompletion=_named)],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="What to press.", autocompletion=_actions)],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="For generate-csr, append, delete and upload: what to choose.")
    ] = None,
    home: Home = HOME,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what the page shows here.")] = None,
) -> None:
    """Play the person at the web pages of a box.

    Shows: show-decoded, show-all, download, zones. Presses: generate-csr, append, delete, upload, discard, restart,
    maintenance-on, maintenance-off.
    Example: certrenew lab page expc show-all --out list.pem
    """
    from plugins.lab.control import order
    from plugins.lab.launch import read_text

    shown = order(home, "page", node=node, action=action, text=read_text(file) if file else "")
    if out:
        out.write_text(shown, encoding="utf-8")
        _say(f"Written to {out}.")
    elif shown:
        sys.stdout.write(shown if shown.endswith("\n") else f"{shown}\n")
    else:
        _say(f"Done on {node}: {action}.")


@app.command()
def use(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The Expressway.", autocompletion=_named)],
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
    _say(f"Now on {node}: {calls} calls, {registrations} registrations.")


@app.command("restart-service")
def restart_service(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The CUCM node.", autocompletion=_named)],
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Such as 'Cisco Tomcat'.")],
    home: Home = HOME,
) -> None:
    """Play the person at a CUCM node: restart a service.

    Waits until it is back. Example: certrenew lab restart-service cucm-pub 'Cisco Tomcat'
    """
    from plugins.lab.control import order

    order(home, "restart-service", node=node, service=service)
    _say(f"{service} on {node} has restarted.")


@app.command()
def faults() -> None:
    """List the faults that can be ordered."""
    from plugins.lab.faults import FAULTS

    _table({name: kind.what for name, kind in FAULTS.items()})


@app.command()
def flaws() -> None:
    """List what the lab's CA can be told to do wrong."""
    from plugins.lab.authority import FLAWS

    _table(FLAWS)


@app.command()
def switches() -> None:
    """List what the vendor leaves open, to be set."""
    from plugins.lab.cucm.switches import CUCM_SWITCHES
    from plugins.lab.offices import SWITCHES as OFFICES
    from plugins.lab.switches import SWITCHES

    offices = [(f"Authority {name}", table) for name, table in OFFICES.items()]
    for title, table in [("Expressway", SWITCHES), ("CUCM", CUCM_SWITCHES), *offices]:
        _say(f"{title}:")
        for name, switch in table.items():
            numbers = [] if switch.number is None else [str(switch.number)]
            _say(f"{name} = {' | '.join([*numbers, *switch.settings])}\n    {switch.what}\n    {switch.why}")


@app.command()
def effects(home: Home = HOME, as_json: AsJson = False) -> None:
    """Show what happened to the boxes, oldest first."""
    import json

    from plugins.lab.control import order

    entries = order(home, "effects")
    if as_json:
        return _json(entries)
    for entry in entries:
        more = {key: value for key, value in entry.items() if key not in ("seq", "at", "node", "kind")}
        _say(f"{entry['at']}  {entry['node']:8} {entry['kind']:22} {json.dumps(more) if more else ''}")
    return None


@app.command()
def state(home: Home = HOME, as_json: AsJson = False) -> None:
    """Show what every node holds, presents and trusts."""
    from plugins.lab.control import order
    from plugins.lab.state import lines

    nodes = order(home, "state")
    if as_json:
        return _json(nodes)
    for line in lines(nodes):
        _say(line)
    return None


def _welcome(home: Path, *, stop: str) -> str:
    return (
        f"The lab is up. What is in it: {home / 'lab.json'}\n"
        f"Use it:  export CERTRENEW_HOME={home.absolute()} CERTRENEW_SITE={home.absolute() / 'certrenew.toml'}\n"
        f"Begin:   certrenew start expc-server\n"
        f"Stop it: {stop}"
    )


def _table(rows: dict[str, str]) -> None:
    width = max(map(len, rows))
    for name, what in rows.items():
        _say(f"{name:{width}}  {what}")


def _say(text: str) -> None:
    from engine.text import escape

    for line in text.split("\n"):
        typer.echo(escape(line))


def _json(value: object) -> None:
    import json

    typer.echo(json.dumps(value, indent=2))


@app.command()
def demo(
    home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the lab's folder here; default: a temporary one.")
    ] = None,
) -> None:
    """Renew a certificate and prove it on the wire.

    Ends with 0 only if it was.
    """
    from plugins.lab.demo import demo as run

    run(home)
