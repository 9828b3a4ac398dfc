"""Write the files that a person would give to `certrenew check`, and run it as that person would."""

from collections.abc import Callable
from pathlib import Path

from tests.engine.certificates.cases import CHAIN, CSR, NEW, OLD
from tests.pki import Item, pem

Check = Callable[..., tuple[int, str, str]]
AT = "2026-11-23T12:00:00Z"


def write(folder: Path) -> None:
    """Write the good case: new.pem, old.pem, csr.pem and ca.pem (issuer and root)."""
    files: dict[str, list[Item]] = {"new": [NEW], "old": [OLD.certificate], "csr": [CSR], "ca": [*CHAIN]}
    for name, items in files.items():
        (folder / f"{name}.pem").write_text(pem(*items))


GOOD = ("new.pem", "--current", "old.pem", "--csr", "csr.pem", "--trust", "ca.pem", "--at", AT)
"""The arguments with which the good case passes every check."""
