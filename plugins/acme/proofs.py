"""Publish what proves control of a name, see whether it is shown, and take it away again."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine.contracts import Office, Solver
from engine.errors import CertrenewError, Failed, UsageError
from engine.text import escape
from plugins.acme import Options
from plugins.acme.ticket import Proof


class Publisher(ABC):
    """Publish proofs of one kind; `publish` and `remove` are idempotent. Raises like a solver."""

    @abstractmethod
    def publish(self, proof: Proof) -> None:
        """Put it there, beside others."""

    @abstractmethod
    def missing(self, proof: Proof) -> Sequence[str]:
        """Name the places that do not show it yet; empty when all do. Read-only."""

    @abstractmethod
    def remove(self, proof: Proof) -> None:
        """Take this one away."""


def publisher(kind: str, office: Office, options: Options) -> Publisher:
    """Return who publishes proofs of a kind. Raises UsageError when the site does not say how."""
    if kind == "dns-01":
        if not options.solver:
            raise _lacking("dns-01", "`solver`, the name of a solver that puts records into the DNS")
        return _Dns(office.solver(options.solver, options.solver_options))
    if options.webroot is None:
        raise _lacking("http-01", "`webroot`, the folder that the web server of these names serves")
    return _Webroot(options.webroot)


def describe(proof: Proof) -> str:
    """Say where a proof is, for people."""
    return f"the TXT record {proof.place}" if proof.kind == "dns-01" else f"the file {proof.place}"


def clear(proofs: Sequence[Proof], office: Office, options: Options) -> list[str]:
    """Take away all of these, and say in a sentence each what is left and why."""
    left = []
    for proof in proofs:
        try:
            publisher(proof.kind, office, options).remove(proof)
        except CertrenewError as error:
            left.append(f"{escape(describe(proof), 200)} could not be removed: {error.what.rstrip('.')}")
    return left


def _lacking(kind: str, what: str) -> UsageError:
    return UsageError(f"{kind} needs {what}.", untouched="Nothing was sent.", todo="Set it in the authority's options.")


class _Dns(Publisher):
    """Use a solver (RFC 8555 section 8.4)."""

    def __init__(self, solver: Solver) -> None:
        self._solver = solver

    def publish(self, proof: Proof) -> None:
        self._solver.present(proof.place, proof.value)

    def missing(self, proof: Proof) -> Sequence[str]:
        return self._solver.missing_on(proof.place, proof.value)

    def remove(self, proof: Proof) -> None:
        self._solver.remove(proof.place, proof.value)


class _Webroot(Publisher):
    """Write files for a web server (RFC 8555 section 8.3); unlike all else here, others must be able to read them."""

    def __init__(self, root: Path) -> None:
        self._root, self._folder = root, root / ".well-known" / "acme-challenge"

    def publish(self, proof: Proof) -> None:
        if not self._root.is_dir():
            raise UsageError(
                f"The folder {escape(self._root)} does not exist.",
                untouched="Nothing was published.",
                todo="Correct `webroot` in the authority's options.",
            )
        path, temporary = self._folder / proof.place, self._folder / f".{proof.place}.new"
        try:
            self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                os.write(descriptor, proof.value.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            temporary.chmod(0o644)  # whatever the umask
            temporary.replace(path)
        except OSError as error:
            raise _unwritable(path, error) from None

    def missing(self, proof: Proof) -> Sequence[str]:
        with suppress(OSError, UnicodeDecodeError):
            if (self._folder / proof.place).read_text() == proof.value:
                return ()
        return (escape(self._folder),)

    def remove(self, proof: Proof) -> None:
        try:
            (self._folder / proof.place).unlink(missing_ok=True)
        except NotADirectoryError:
            pass
        except OSError as error:
            raise _unwritable(self._folder / proof.place, error) from None


def _unwritable(path: Path, error: OSError) -> Failed:
    return Failed(
        f"{escape(path)} can't be written: {escape(error.strerror or error)}.",
        untouched="No challenge was answered.",
        todo="Let the account that runs certrenew write into the webroot, then run the same command again.",
    )
