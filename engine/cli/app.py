"""Put the command line together: global options, and every command by its name."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.commands import aside, deciding, going, looking
from engine.cli.commands.site import discover, doctor, init, inspect, inventory
from engine.cli.context import DEFAULT_SITE, Settings
from engine.cli.group import Group

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: loading rich for the frame costs a third of the time
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


COMMANDS = (
    going.start,
    going.advance,
    going.run,
    going.watch,
    going.supply,
    going.confirm,
    deciding.plan,
    deciding.approve,
    deciding.reject,
    deciding.withdraw,
    deciding.queue,
    looking.list_,
    looking.show_,
    looking.why,
    looking.journal,
    looking.report,
    looking.check,
    looking.diagram,
    looking.plugins,
    aside.resubmit,
    aside.restage,
    aside.cancel,
    aside.rollback,
    init,
    discover,
    doctor,
    inspect,
    inventory,
)

for command in COMMANDS:
    Group.own[command.__name__.rstrip("_")] = command
