"""Offer the lab on the command line; heavy modules are imported by the command that needs them."""

from pathlib import Path
from typing import Annotated

import typer

from plugins.lab import playing
from plugins.lab.arguments import HOME, AsJson, Home, columns, print_json, say

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help, as the other commands have
    help="Practise on simulated boxes and a corporate CA, on this machine.",
)


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
    same_ca_names: Annotated[
        bool, typer.Option("--same-ca-names", help="Give the new CA the names of the old.")
    ] = False,
    cucm: Annotated[bool, typer.Option("--cucm/--no-cucm", help="With a CUCM cluster, and MRA to it.")] = True,
    ssh: Annotated[bool, typer.Option("--ssh", help="Have the site use the command line of the CUCM nodes.")] = False,
    axl: Annotated[bool, typer.Option("--axl", help="Have the site ask CUCM's configuration by AXL.")] = False,
    imp: Annotated[bool, typer.Option("--imp", help="With an IM and Presence node in the cluster.")] = False,
    cluster: Annotated[bool, typer.Option("--cluster", help="Expressway-C is a cluster of two peers.")] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="The cluster has three peers that can share a certificate and its key.")
    ] = False,
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
        ca_names="same" if same_ca_names else "distinct",
        cucm=cucm,
        ssh=ssh,
        axl=axl,
        imp=imp,
        cluster=cluster,
        shared=shared,
        neighbour=neighbour,
        authority=authority,
    )
    if detach:
        launch.detach(home, options)
        say(_welcome(home, stop=f"certrenew lab down --home {home}"))
    else:
        from plugins.lab.serve import run

        run(home, options, lambda _lab: say(_welcome(home, stop="Ctrl-C")))


@app.command()
def down(home: Home = HOME) -> None:
    """Stop the lab of the folder, if one runs."""
    from plugins.lab import launch

    say("The lab has stopped." if launch.end(home) else f"No lab is running in {home}.")


for command in playing.COMMANDS:
    app.command(command.__name__.replace("_", "-"))(command)


@app.command()
def faults() -> None:
    """List the faults that can be ordered."""
    from plugins.lab.faults import FAULTS

    columns({name: kind.what for name, kind in FAULTS.items()})


@app.command()
def flaws() -> None:
    """List what the lab's CA can be told to do wrong."""
    from plugins.lab.authority import FLAWS

    columns(FLAWS)


@app.command()
def switches() -> None:
    """List what the vendor leaves open, to be set."""
    from plugins.lab.cucm.switches import CUCM_SWITCHES
    from plugins.lab.offices import SWITCHES as OFFICES
    from plugins.lab.switches import SWITCHES

    offices = [(f"Authority {name}", table) for name, table in OFFICES.items()]
    for title, table in [("Expressway", SWITCHES), ("CUCM", CUCM_SWITCHES), *offices]:
        say(f"{title}:")
        for name, switch in table.items():
            numbers = [] if switch.number is None else [str(switch.number)]
            say(f"{name} = {' | '.join([*numbers, *switch.settings])}\n    {switch.what}\n    {switch.why}")


@app.command()
def effects(home: Home = HOME, as_json: AsJson = False) -> None:
    """Show what happened to the boxes, oldest first."""
    import json

    from plugins.lab.control import order

    entries = order(home, "effects")
    if as_json:
        return print_json(entries)
    for entry in entries:
        more = {key: value for key, value in entry.items() if key not in ("seq", "at", "node", "kind")}
        say(f"{entry['at']}  {entry['node']:8} {entry['kind']:22} {json.dumps(more) if more else ''}")
    return None


@app.command()
def state(home: Home = HOME, as_json: AsJson = False) -> None:
    """Show what every node holds, presents and trusts."""
    from plugins.lab.control import order
    from plugins.lab.state import lines

    nodes = order(home, "state")
    if as_json:
        return print_json(nodes)
    for line in lines(nodes):
        say(line)
    return None


def _welcome(home: Path, *, stop: str) -> str:
    return (
        f"The lab is up. What is in it: {home / 'lab.json'}\n"
        f"Use it:  export CERTRENEW_HOME={home.absolute()} CERTRENEW_SITE={home.absolute() / 'certrenew.toml'}\n"
        f"Begin:   certrenew start expc-server\n"
        f"Stop it: {stop}"
    )


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
