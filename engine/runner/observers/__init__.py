"""Tell people and other systems what happened, beside the steps and never inside one.

A command that recorded something ends with `deliver_due`, which starts a process of its own (`__main__`) and does not
wait for it. That one reads the journals, asks who wants to know (`wanted`), and has each event told by one more process
with a time limit (`child`), because a plugin may hang, crash or alter what it is given. docs/reference/observers.md
"""

from engine.runner.observers.start import deliver_due, linger, problems

__all__ = ["deliver_due", "linger", "problems"]
