"""Run a lab as a process of its own until it is told to stop; `python -m plugins.lab.serve` is the detached child."""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from engine.errors import CertrenewError
from plugins.lab import site
from plugins.lab.control import ControlServer
from plugins.lab.estate import Options
from plugins.lab.files import write_private
from plugins.lab.lab import Lab


def run(home: Path, options: Options, ready: Callable[[Lab], None]) -> None:
    """Run a lab until Ctrl-C, SIGTERM or the order to stop; call `ready` when everything answers.

    Raises UsageError when a lab runs in `home` already.
    """
    lab = Lab(home, options)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: lab.stop_wanted.set())
    control = ControlServer(orders(lab), lab.stop_wanted)
    try:
        lab.start()
        control.start()
        write_private(home / site.TOKEN, control.token.encode())
        lab.describe(control={"url": control.url, "token_file": str((home / site.TOKEN).resolve())})
        ready(lab)
        lab.stop_wanted.wait()
    finally:
        control.close()
        (home / site.TOKEN).unlink(missing_ok=True)
        lab.stop()


def orders(lab: Lab) -> dict[str, Callable[..., object]]:
    """Return what another process may order of a lab."""
    return {
        "state": lab.state,
        "effects": lab.effects.all,
        "order": lab.order,
        "clear": lab.clear,
        "restart-service": lab.restart_service,
        "decide": lab.decide,
        "page": lab.page,
        "use": lab.use,
        "sign": lambda csr, **how: lab.sign(csr.encode(), **how).decode(),
        "stop": lab.stop_wanted.set,
    }


def main(arguments: Sequence[str]) -> int:
    """Run the detached child: home, options as JSON, and the descriptor on which the parent waits for news."""
    home, options, news = Path(arguments[0]), arguments[1], int(arguments[2])

    def tell(value: dict[str, object]) -> None:
        with os.fdopen(news, "w", encoding="utf-8") as pipe:
            pipe.write(json.dumps(value))

    try:
        run(home, msgspec.json.decode(options, type=Options), lambda _lab: tell({}))
    except CertrenewError as error:
        tell({"what": error.what, "untouched": error.untouched, "todo": error.todo})
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
