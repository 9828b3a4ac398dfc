"""Show what a watch sees: a line for each renewal that went on or waits for something else now."""

import sys
from typing import TYPE_CHECKING

from engine.cli.columns import say
from engine.text import escape

if TYPE_CHECKING:
    from engine.runner import Runner
    from engine.runner.watch import Looked


def watch(runner: "Runner", *, once: bool, as_json: bool) -> None:
    """Make one pass, or one after another, and print what changed; as JSON a value per line."""
    from engine.runner import watch as passes

    def tell(looked: "Looked") -> None:
        if looked.changed:
            if as_json:
                print(_json(looked))
            else:
                say(_line(looked))
            sys.stdout.flush()

    if once:
        passes.once(runner, tell)
        return
    sys.stderr.write(f"Watching the renewals in {escape(runner.store.home)}; Ctrl-C ends it.\n")
    for _ in passes.forever(runner, tell):
        pass


def _line(looked: "Looked") -> str:
    states = looked.state if looked.before == looked.state else f"{looked.before} → {looked.state}"
    waits = f"; waits for {looked.waits_for}: {looked.what}" if looked.waits_for else ""
    return f"{', '.join(looked.certificates)} ({looked.id}): {states}{waits}"


def _json(looked: "Looked") -> str:
    import json

    return json.dumps(looked.plain())
