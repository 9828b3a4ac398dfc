"""Have people restart a box that they work by hand, and know what they said of it.

A word is asked for only where nothing else can show it, and only once the ports show what they can.
"""

from engine.errors import Waiting
from engine.model import Ask
from engine.workflow import Work


def away(work: Work, node: str) -> Waiting:
    """Say that a port does not answer, as while a box restarts."""
    return Waiting(
        f"{node} does not answer on every port, as while it restarts.",
        on="box",
        poll_after=work.device(node).poll_interval,
        todo=f"When it is back: certrenew run {work.renewal.id}",
    )


def have_restarted(work: Work, node: str) -> None:
    """Have people restart a box whose certificate stays, so that its ports can't show it. Raises Waiting."""
    try:
        work.device(node).restart()
    except Waiting as waiting:
        word = f"{node} was restarted just now"
        step = f"When it is back: certrenew confirm {work.renewal.id} --node {node}"
        ask = Ask(node=node, what="restarted", text=word, step=step, word=word)
        raise waiting.asking(ask, steps=[*waiting.steps, step]) from None


def told_since(work: Work, node: str, what: str) -> str:
    """Say who told something of a box since what was up there was recorded; "" when nobody did."""
    told, before = work.renewal.brought.get(f"{node}:{what}"), work.renewal.before.get(node, {})
    return told.origin if told and told.at >= str(before.get("at", "")) else ""
