"""Log what happened to the boxes: the lab's only truth about what a client really did.

Append-only, in memory and as JSON lines in a file; tests assert on it and wait on it.
"""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from engine.model import Json

KINDS = {
    "csr-generated": "a key and a CSR were made; `request` is the CSR's SHA-256",
    "csr-conflict": "a second CSR was asked for while one was pending; nothing was made",
    "csr-refused": "a CSR was asked for with values that the box does not take",
    "csr-discarded": "a pending CSR and its key were thrown away",
    "trust-appended": "a CA certificate was added to the trusted CA list",
    "trust-removed": "a CA certificate was removed from the trusted CA list",
    "trust-refused": "an upload to the trusted CA list was refused",
    "trust-replaced": "CUCM: a newer CA certificate of the same subject took the place of `evicted`",
    "trust-ignored": "CUCM: an upload was answered and not stored; `reason` says why",
    "trust-replicated": "CUCM: a CA certificate came from another node",
    "backup-restored": "a person restored a backup; the box restarts with what it held then",
    "certificate-installed": "a certificate and its key went into a slot",
    "upload-refused": "an upload of a certificate was refused; `reason` says why",
    "login-refused": "user or password were wrong, or the account is locked",
    "account-locked": "too many logins were refused",
    "api-refused": "the account may not use the API",
    "csrf-refused": "a write came without the header X-CSRF-Header",
    "write-refused": "CUCM: the account may only read",
    "rate-limited": "CUCM: too many Control Center requests",
    "service-restarting": "CUCM: somebody restarts a service; `service` is its name",
    "service-restarted": "CUCM: a service runs again, with what its store held when it started",
    "service-refused": "CUCM: Control Center refused to control a service; `code` is its ReasonCode",
    "service-stopped": "CUCM: a service was stopped",
    "command-typed": "CUCM: somebody typed `line` at the command line",
    "powered-off": "CUCM: the node went down",
    "powered-on": "CUCM: the node came up",
    "mra-up": "CUCM: a service accepted what the Expressway-C presents; `consumer` names it",
    "mra-down": "CUCM: a service or the Expressway-C refused the other; `cause` and `verdict` say why",
    "certificate-issued": "an authority signed; `request` is the CSR's SHA-256, `fingerprint` the certificate's",
    "request-pending": "an authority has a request wait for an officer",
    "request-rejected": "an authority refused a request",
    "request-submitted": "a CA got a request; with `number`, `requester` and the request's `attributes`",
    "request-issued": "a CA issued a request",
    "request-denied": "a CA denied a request; `reason` says why",
    "certificate-fetched": "somebody fetched what a CA issued; `chain` tells whether with its chain",
    "maintenance-on": "somebody put the box into maintenance mode",
    "maintenance-off": "somebody took the box out of maintenance mode",
    "call-refused": "a new call was refused in maintenance mode",
    "restarting": "the box closed its ports",
    "restarted": "the box opened its ports again; `serves` is what it serves now, `presents` what it shows as client",
    "zone-up": "a zone became Active",
    "peer-up": "the link to the cluster's other peer became Active; `peer` names it",
    "peer-down": "the link to the cluster's other peer failed; `cause` says why",
    "zone-down": "a zone became Failed; `cause` says why",
    "fault-ordered": "somebody ordered a fault",
    "fault-cleared": "somebody cleared the faults of a box",
    "fault-struck": "a fault changed an answer",
}
"""Every kind of effect; a fingerprint is the SHA-256 of the DER."""


class Effects:
    """Be the log. Safe for threads; each entry has `seq`, `at` (RFC 3339, UTC, milliseconds), `node` and `kind`."""

    def __init__(self, path: Path) -> None:
        self._entries: list[dict[str, Json]] = []
        self._changed = threading.Condition()
        self._file = path.open("a", encoding="utf-8")

    def add(self, node: str, kind: str, **more: Json) -> None:
        """Append one entry and wake whoever waits. Raises KeyError for an unknown kind."""
        if kind not in KINDS:
            raise KeyError(kind)
        with self._changed:
            entry = {"seq": len(self._entries) + 1, "at": _now(), "node": node, "kind": kind, **more}
            self._entries.append(entry)
            self._write(entry)
            self._changed.notify_all()

    def _write(self, entry: dict[str, Json]) -> None:
        if not self._file.closed:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def all(self) -> list[dict[str, Json]]:
        """Return every entry so far, oldest first. Read-only."""
        with self._changed:
            return list(self._entries)

    def of(self, kind: str, node: str = "") -> list[dict[str, Json]]:
        """Return the entries of one kind, of one node if named, oldest first. Read-only."""
        return [entry for entry in self.all() if entry["kind"] == kind and node in ("", entry["node"])]

    def kinds(self, node: str = "") -> list[str]:
        """Return the kinds of what happened, in order. Read-only."""
        return [str(entry["kind"]) for entry in self.all() if node in ("", entry["node"])]

    def wait(self, kind: str, node: str = "", *, count: int = 1, timeout: float = 60.0) -> list[dict[str, Json]]:
        """Wait until `count` such entries exist and return them; raises TimeoutError after `timeout` seconds."""
        return self._wait(lambda: self.of(kind, node), kind, count, timeout)

    def _wait(self, look: Callable[[], list[dict[str, Json]]], kind: str, count: int, timeout: float) -> list[Json]:
        with self._changed:
            if self._changed.wait_for(lambda: len(look()) >= count, timeout):
                return look()
        raise TimeoutError(f"no {count} times {kind} within {timeout} s; happened: {self.kinds()}")

    def wait_for_more(self, timeout: float) -> bool:
        """Wait until anything more happens, at most `timeout` seconds; tell whether it did."""
        with self._changed:
            seen = len(self._entries)
            return self._changed.wait_for(lambda: len(self._entries) > seen, timeout)

    def close(self) -> None:
        """Close the file; the entries stay readable. Idempotent."""
        with self._changed:
            self._file.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
