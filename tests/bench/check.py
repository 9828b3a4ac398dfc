"""Measure `certrenew check` as a whole process, and the rule book's rate beside `openssl verify` on the same files."""

import compileall
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from engine.certificates import Evidence, judge, read_certificates
from tests.bench.figures import Figure, alternately, duration, rate
from tests.pki import CA, Item, make_csr, pem, rsa_key

TIMES = 15
COUNT = 300
FLOOR = [sys.executable, "-c", "from cryptography import x509; import typer"]
SCRIPT = "from engine.cli import main; main()"
"""What the installed script does."""
NAMES = ("exp-c.example.org", "b.example.org", "c.example.org", "d.example.org")


def figures() -> list[Figure]:
    """Measure both with RSA 2048 throughout. Takes about fifteen seconds."""
    _compile()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        _write(folder)
        return [*_commands(folder), *_rate(folder)]


def _compile() -> None:
    """Write bytecode, as installing does: a checkout has none where PYTHONDONTWRITEBYTECODE is set."""
    for package in ("engine", "plugins", "workflows"):
        compileall.compile_dir(str(Path(__file__).parents[2] / package), quiet=2)


def _write(folder: Path) -> None:
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
        (folder / f"{name}.pem").write_text(pem(*items))
    for number in range(COUNT):
        (folder / f"new-{number}.pem").write_text(pem(issuing.sign(csr, **span)))  # type: ignore[arg-type]


def _commands(folder: Path) -> list[Figure]:
    words = ["check", f"{folder}/new-0.pem"]
    for option, name in (("--current", "old"), ("--csr", "csr"), ("--trust", "ca")):
        words += [option, f"{folder}/{name}.pem"]
    found = []
    for label, more in (("certrenew check", []), ("certrenew check --json", ["--json"])):
        command = [sys.executable, "-c", SCRIPT, *words, *more]
        _run(command)
        ours, floor = alternately(lambda command=command: _run(command), lambda: _run(FLOOR), TIMES)  # type: ignore[misc]
        found.append(duration(label, ours, floor, "import x509 and typer", at_most=1.6))
    return found


def _rate(folder: Path) -> list[Figure]:
    """Read and judge each file against the old certificate; OpenSSL builds and verifies the same chains."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return []
    files = [folder / f"new-{number}.pem" for number in range(COUNT)]
    trust = ["-CAfile", f"{folder}/root.pem", "-untrusted", f"{folder}/issuing.pem"]
    command = [openssl, "verify", *trust, *map(str, files)]
    ours, floor = alternately(lambda: _judge_all(folder, files), lambda: _run(command), 3)
    return [rate("certificates read and judged", ours / COUNT, floor / COUNT, "openssl verify, one process")]


def _judge_all(folder: Path, files: list[Path]) -> None:
    old, root, issuing = (_read(folder / f"{name}.pem") for name in ("old", "root", "issuing"))
    at = datetime.now(UTC)
    for file in files:
        judge(Evidence(given=_read(file), current=old[0], trusted=root, known=issuing, at=at)).require()


def _read(path: Path) -> list[x509.Certificate]:
    return read_certificates(path.read_bytes(), path.name)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
