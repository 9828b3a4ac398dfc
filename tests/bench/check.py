"""Measure `certrenew check` as a whole process, and the rule book's rate beside `openssl verify` on the same files."""

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from engine.certificates import Evidence, judge, read_certificates
from tests.bench.figures import Figure, duration, folder, in_turn, rate, run
from tests.bench.startup import SCRIPT, compiled
from tests.pki import CA, Item, make_csr, pem, rsa_key

TIMES = 15
COUNT = 300
FLOOR = [sys.executable, "-c", "from cryptography import x509; import typer"]
NAMES = ("exp-c.example.org", "b.example.org", "c.example.org", "d.example.org")


def figures() -> list[Figure]:
    """Measure both with RSA 2048 throughout. Takes about fifteen seconds."""
    compiled()
    with folder() as place:
        _write(place)
        return [*_commands(place), *_rate(place)]


def _write(place: Path) -> None:
    """Write a chain, the certificate in use, a CSR, and many certificates for its key, valid around today."""
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    span = {"not_before": start, "not_after": start.replace(year=start.year + 1, day=1)}
    root = CA.root("Bench Root", key=rsa_key(2048, 1))
    issuing = root.intermediate("Bench Issuing CA", key=rsa_key(2048, 2))
    csr = make_csr(NAMES, key=rsa_key(2048, 3))
    old = issuing.issue(*NAMES, key=rsa_key(2048, 4), **span)  # type: ignore[arg-type]
    parts: dict[str, list[Item]] = {
        "old": [old.certificate],
        "csr": [csr],
        "root": [root.certificate],
        "issuing": [issuing.certificate],
        "ca": [issuing.certificate, root.certificate],
    }
    for name, items in parts.items():
        (place / f"{name}.pem").write_text(pem(*items))
    for number in range(COUNT):
        (place / f"new-{number}.pem").write_text(pem(issuing.sign(csr, **span)))  # type: ignore[arg-type]


def _commands(place: Path) -> list[Figure]:
    words = ["check", f"{place}/new-0.pem"]
    for option, name in (("--current", "old"), ("--csr", "csr"), ("--trust", "ca")):
        words += [option, f"{place}/{name}.pem"]
    found = []
    for label, more in (("certrenew check", []), ("certrenew check --json", ["--json"])):
        command = [*SCRIPT, *words, *more]
        ours, floor = in_turn(TIMES, lambda command=command: run(command), lambda: run(FLOOR))  # type: ignore[misc]
        found.append(duration(label, ours, floor, "import x509 and typer", at_most=1.6))
    return found


def _rate(place: Path) -> list[Figure]:
    """Read and judge each file against the old certificate; OpenSSL builds and verifies the same chains."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return []
    files = [place / f"new-{number}.pem" for number in range(COUNT)]
    trust = ["-CAfile", f"{place}/root.pem", "-untrusted", f"{place}/issuing.pem"]
    command = [openssl, "verify", *trust, *map(str, files)]
    ours, floor = in_turn(3, lambda: _judge_all(place, files), lambda: run(command))
    return [rate("certificates read and judged", ours / COUNT, floor / COUNT, "openssl verify, one process")]


def _judge_all(place: Path, files: list[Path]) -> None:
    old, root, issuing = (_read(place / f"{name}.pem") for name in ("old", "root", "issuing"))
    at = datetime.now(UTC)
    for file in files:
        judge(Evidence(given=_read(file), current=old[0], trusted=root, known=issuing, at=at)).require()


def _read(path: Path) -> list[x509.Certificate]:
    return read_certificates(path.read_bytes(), path.name)
