"""Measure a pass of `watch`: over boxes that are slow, and over many renewals that wait."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import msgspec

from engine.runner import watch
from tests.bench.figures import Figure, count, duration, folder, size
from tests.slow import runner

LATENCY = 2.0
"""How long a box takes for an answer, in seconds; what Expressways take for some."""

MANY = 1_000


class Pass(msgspec.Struct):
    """Be what one pass took, in seconds and bytes, in a process of its own; and the most requests under way at once."""

    wall: float
    cpu: float
    memory: int
    at_once: int = 0


def figures() -> list[Figure]:
    """Make passes over one, 64 and 1,000 renewals, each on a box of its own. Takes about two minutes."""
    one, full, many = (_passed(number, LATENCY) for number in (1, watch.AT_ONCE, MANY))
    quick = _passed(MANY, 0)
    rounds = -(-MANY // watch.AT_ONCE)
    alone = f"a pass over one renewal, box of {LATENCY:.0f} s"
    return [
        duration(
            f"pass over {watch.AT_ONCE} renewals, boxes of {LATENCY:.0f} s", full.wall, one.wall, alone, at_most=2.0
        ),
        duration(
            f"pass over {MANY:,} renewals, boxes of {LATENCY:.0f} s", many.wall, one.wall * rounds, f"{rounds} × that"
        ),
        count("requests under way at once", many.at_once, watch.AT_ONCE, "the bound", at_most=1.0),
        duration(
            f"processor for one renewal of {MANY:,}, boxes of 0 s", quick.cpu / MANY, _asked(), "its request alone"
        ),
        size(f"memory of a pass over {MANY:,} renewals", many.memory, one.memory, "of a pass over one"),
    ]


def _passed(renewals: int, latency: float) -> Pass:
    """Make one pass in a process of its own, with the boxes in another."""
    with folder() as place, _boxes(place, latency) as server:
        assert server.stdout is not None
        command = [
            sys.executable,
            "-m",
            "tests.bench.watch",
            str(place),
            server.stdout.readline().strip(),
            str(renewals),
        ]
        done = subprocess.run(command, check=True, capture_output=True)
        made = msgspec.json.decode(done.stdout, type=Pass)
        made.at_once = int(server.communicate()[0])
        return made


@contextmanager
def _boxes(place: Path, latency: float) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.slow", str(place), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield server


def _asked() -> float:
    """Return what a bare request of the engine's client takes of the processor, in seconds."""
    from engine.https import HttpsClient
    from engine.net import TlsTrust
    from tests.slow import NAME

    with folder() as place, _boxes(place, 0) as server:
        assert server.stdout is not None
        client = HttpsClient(server.stdout.readline().strip(), TlsTrust(NAME, ca=str(place / "ca.pem")))
        client.request("GET", "/warm")
        begun = _cpu()
        for _ in range(100):
            client.request("GET", "/box")
        took = (_cpu() - begun) / 100
        server.communicate()
        return took


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak() -> int:
    """Return the most memory that this process had, in bytes; `getrusage` begins with that of whoever started it."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def main(place: str, address: str, renewals: str) -> None:
    """Begin the renewals, make the pass, and print what it took."""
    made = runner(Path(place) / "home", address, {f"r{number}": [f"box{number}"] for number in range(int(renewals))})
    cpu, wall = _cpu(), perf_counter()
    watch.once(made, lambda _looked: None)
    took = Pass(perf_counter() - wall, _cpu() - cpu, _peak())
    print(msgspec.json.encode(took).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
