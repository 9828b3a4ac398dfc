"""Renew one certificate in the lab, as four people would type it, and prove the end from outside.

Each command is a process of its own, so nothing but the store connects them. The proof does not ask the engine: it
reads the wire, the trust stores over the boxes' own API, and a handshake of the zone that is made for it.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from engine.errors import Failed
from engine.https import HttpsClient
from engine.model import Json
from engine.net import TlsTrust, served
from engine.text import escape
from plugins.lab.authority import fingerprint
from plugins.lab.estate import Options
from plugins.lab.lab import Lab

if TYPE_CHECKING:
    from rich.console import Console

CERTIFICATE, NODE, MANAGER = "expc-server", "expc", "change-manager"
WAITING = 3
CERTRENEW = (sys.executable, "-m", "engine.cli")


def demo(home: Path | None = None) -> None:
    """Start a lab, renew, prove, show. Raises Failed unless the end state was proven on the wire.

    The lab's folder is `home`, or a temporary one that is removed at the end.
    """
    out = _console()
    began = time.monotonic()
    with _folder(home) as folder, Lab(folder, Options()) as lab:
        lab.await_zone("Active")
        lab.await_mra("Active")
        _heading(
            out, "The lab is up: Expressway-C and -E with a traversal zone, a CUCM publisher and subscriber for MRA"
        )
        before = _boxes(lab)
        _table(out, "Before", before)
        _renew(out, lab)
        proofs = _prove(lab)
        _table(out, "After", _boxes(lab), before)
        _heading(out, "Proven from outside, without asking certrenew")
        for proof in proofs:
            out.print(f"  ✔ {proof}")
        took = time.monotonic() - began
        out.print(f"\nRenewed and proven in {took:.0f} seconds, restart included.")


def _renew(out: "Console", lab: Lab) -> None:
    """Type what the four people type, in order."""
    run = _Shell(out, lab.home)
    _heading(out, "The UC engineer begins; certrenew reads the box and has it make key and CSR")
    run(["start", CERTIFICATE])
    run(["run", CERTIFICATE], expected=WAITING)
    _heading(out, "The PKI team signs the CSR with the new corporate CA and sends the files back")
    answer = lab.home / "from-the-pki-team.pem"
    answer.write_bytes(lab.sign(_csr(lab.home)))
    run(["supply", CERTIFICATE, str(answer)])
    _heading(out, "The engineer goes on: judge it, then have every system trust the new CA before anything presents it")
    _run_on(run, lab)
    _heading(out, "CUCM's services load the new CA only when they start: the change manager approves their restart")
    run(["approve", CERTIFICATE, "--as", MANAGER, "--yes"])
    while asked := _run_on(run, lab):
        _heading(out, f"Only a person can restart {asked[1]}: the engineer does, at {asked[0]}'s command line")
        out.print(f"\nadmin: utils service restart {asked[1]}", style="bold cyan")
        lab.restart_service(*asked)
    _heading(out, "The change manager sees what will be done, and approves the upload")
    run(["approve", CERTIFICATE, "--as", MANAGER, "--yes"])
    run(["run", CERTIFICATE], expected=WAITING)
    _heading(out, "The change manager approves the restart; the engineer carries it out")
    run(["approve", CERTIFICATE, "--as", MANAGER, "--yes"])
    run(["run", CERTIFICATE])


def _run_on(run: "_Shell", lab: Lab) -> tuple[str, str] | None:
    """Run until a person is needed; return node and service when it is one who restarts a service.

    While a certificate is still being replicated there is nothing to do but to run again once it may have come.
    """
    while True:
        run(["run", CERTIFICATE], expected=WAITING)
        wait = run.json(["why", CERTIFICATE])["wait"]
        if wait["on"] != "box":
            asked = re.match(r"(Cisco \w+) on (\S+) has to be restarted by a person", wait["what"])
            return (asked[2], asked[1]) if asked else None
        lab.effects.wait_for_more(2)


def _csr(home: Path) -> bytes:
    """Take the CSR where certrenew put it for people."""
    return next(home.glob(f"renewals/*/papers/{CERTIFICATE}.csr")).read_bytes()


class _Shell:
    """Run certrenew commands as processes of their own, showing what was typed."""

    def __init__(self, out: "Console", home: Path) -> None:
        self._out, self._home = out, home
        settings = {"CERTRENEW_HOME": str(home), "CERTRENEW_SITE": str(home / "certrenew.toml")}
        self._environment = {**os.environ, **settings}

    def json(self, words: Sequence[str]) -> Json:
        """Run a reading command and return its JSON."""
        command = [*CERTRENEW, *words, "--json"]
        return json.loads(subprocess.run(command, env=self._environment, capture_output=True, check=True).stdout)

    def __call__(self, words: Sequence[str], *, expected: int = 0) -> None:
        shown = [word.replace(f"{self._home}/", "") for word in words]
        self._out.print(f"\n$ certrenew {' '.join(shown)}", style="bold cyan")
        self._out.file.flush()
        done = subprocess.run([*CERTRENEW, *words], env=self._environment, stderr=subprocess.STDOUT, check=False)
        if done.returncode != expected:
            raise Failed(
                f"certrenew {' '.join(words)} ended with {done.returncode} where {expected} was expected.",
                todo="What it printed is above.",
            )


# ---- proving -------------------------------------------------------------------------------------------------------


def _prove(lab: Lab) -> list[str]:
    """Return what was proven, a line each. Raises Failed for the first thing that is not so."""
    new = lab.authority.generation("new").chain
    machine = lab.machines[NODE]
    told = []
    for name in ("https", "sip"):
        address = machine.ports[name].address
        leaf = served(address)
        if fingerprint(leaf) == _csr_twin(lab, leaf) and leaf.issuer == new[0].subject:
            told.append(f"{NODE} serves the new certificate on {name} ({address}): {fingerprint(leaf)[:16]}…")
        else:
            raise Failed(f"{NODE} does not serve the new certificate on {name} ({address}).")
    for node in lab.machines:
        held = _trusted(lab, node)
        missing = [certificate for certificate in new if fingerprint(certificate) not in held]
        if missing:
            raise Failed(f"{node} does not trust {escape(missing[0].subject.rfc4514_string())}.")
        told.append(f"{node} holds the new chain in its trusted CA list, {len(held)} certificates in all")
    told.append(_zone(lab))
    told += [_mra(lab, node, stores) for node, stores in _stores(lab).items()]
    return told


def _stores(lab: Lab) -> dict[str, dict[str, list[str]]]:
    """Return the fingerprints in each store of each CUCM node, from the lab's own state."""
    return {
        name: {store: [held["sha256"] for held in certificates] for store, certificates in state["stores"].items()}
        for name, state in lab.state().items()
        if state["kind"] == "cucm"
    }


def _mra(lab: Lab, node: str, stores: dict[str, list[str]]) -> str:
    """Check a CUCM node: both stores hold the chain, and its running services accept the box by a new handshake."""
    wanted = {fingerprint(certificate) for certificate in lab.authority.generation("new").chain}
    for store in ("tomcat-trust", "CallManager-trust"):
        if not wanted <= set(stores[store]):
            raise Failed(f"{store} of {node} lacks the new chain.")
    try:
        lab.await_mra("Active", node=node)
    except TimeoutError as error:
        raise Failed(f"MRA through {node} does not work: {escape(error)}.") from error
    return f"{node} holds the new chain in both stores, and its services accept {NODE} by handshakes made just now"


def _csr_twin(lab: Lab, leaf: x509.Certificate) -> str:
    """Return the fingerprint of a certificate when its key is that of the CSR the box made, else ""."""
    csr = x509.load_pem_x509_csr(_csr(lab.home))
    return fingerprint(leaf) if leaf.public_key() == csr.public_key() else ""


def _trusted(lab: Lab, node: str) -> set[str]:
    """Read a box's trusted CA list over its own API, pinned to what it serves."""
    box, address = lab.boxes[node], lab.machines[node].ports["https"].address
    trust = TlsTrust(box.hostname, pins=frozenset({fingerprint(served(address))}), pins_only=True)
    account = box.account
    answer = HttpsClient(address, trust).request(
        "GET", "/api/provisioning/certs/root", basic=lambda: (account.username, account.password)
    )
    return {fingerprint(certificate) for certificate in x509.load_pem_x509_certificates(answer.body)}


def _zone(lab: Lab) -> str:
    """Have the zone make a new handshake and wait for what comes of it."""
    try:
        zone = lab.await_zone("Active")
    except TimeoutError as error:
        raise Failed(f"The traversal zone did not come up: {escape(error)}.") from error
    new = fingerprint(served(lab.machines[NODE].ports["https"].address))
    if lab.zone.seen["expe"] != new:
        raise Failed(f"In the zone's handshake expe saw another certificate of {NODE} than the new one.")
    return (
        f"the zone {zone.name} is {zone.status} by a mutual TLS handshake made just now: "
        f"expe saw and accepted {new[:16]}…, {NODE} saw {lab.zone.seen[NODE][:16]}…"
    )


# ---- showing -------------------------------------------------------------------------------------------------------


def _boxes(lab: Lab) -> dict[str, list[str]]:
    """Return per box the cells of a table: serves, until, trusts, zone; from the lab's own state."""
    rows = {}
    for name, state in lab.state().items():
        serves = state["serves"]
        up = state["zones"] if "zones" in state else state["mra"]
        zones = [f"{name}: {now['status']} {now['cause']}".rstrip() for name, now in up.items()]
        rows[name] = [
            f"{serves['sha256'][:12]}… by {_common_name(serves['issuer'])}",
            str(serves["not_after"])[:10],
            "\n".join(_trusts(state)),
            "\n".join(zones),
        ]
    return rows


def _trusts(state: Json) -> list[str]:
    """Name what a box trusts; of a CUCM node the two stores that are of interest, together."""
    if "trusts" in state:
        return [_common_name(held["subject"]) for held in state["trusts"]]
    both = [state["stores"][store] for store in ("tomcat-trust", "CallManager-trust")]
    names = [{_common_name(held["subject"]) for held in store} for store in both]
    return [f"{name} (both stores)" for name in sorted(names[0] & names[1])]


def _common_name(name: str) -> str:
    return escape(name.partition(",")[0].removeprefix("CN="))


def _table(out: "Console", title: str, rows: dict[str, list[str]], before: dict[str, list[str]] | None = None) -> None:
    """Print the boxes; what is not as before is marked with an asterisk, not by colour alone."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for heading in ("Box", "Serves", "Until", "Trusts", "Up"):
        table.add_column(heading, overflow="fold")
    for name, cells in rows.items():
        old = before[name] if before else cells
        marked = [cell if cell == was else _marked(cell, was) for cell, was in zip(cells, old, strict=True)]
        table.add_row(*(Text(cell) for cell in (name, *marked)))
    out.print(table)
    if before:
        out.print("  * changed by this renewal")


def _marked(cell: str, was: str) -> str:
    known = was.split("\n")
    return "\n".join(line if line in known else f"{line} *" for line in cell.split("\n"))


def _heading(out: "Console", text: str) -> None:
    out.print(f"\n── {text}", style="bold")


def _console() -> "Console":
    from rich.console import Console

    measured = Console()
    return Console(width=min(measured.width, 80), highlight=False, markup=False)


@contextmanager
def _folder(home: Path | None) -> Iterator[Path]:
    if home is not None:
        yield home
        return
    with tempfile.TemporaryDirectory(prefix="certrenew-demo-") as folder:
        yield Path(folder)
