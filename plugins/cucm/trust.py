"""Read the trust stores of one node and add to them: by its certificate management API, or at its command line."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from engine.errors import Failed
from engine.text import escape
from plugins.cucm import Options, wire
from plugins.cucm.cli import stores
from plugins.cucm.cli.client import Cli
from plugins.cucm.client import Rest

if TYPE_CHECKING:
    from cryptography import x509


class Way(Protocol):
    """Be a way to a node's trust stores; each method raises what its client does."""

    def snapshot(self) -> wire.Snapshot:
        """Read the stores. Read-only."""

    def listed(self, store: str) -> list[str]:
        """Read one store's own list, where the snapshot lacks it. Read-only. Raises Failed that says both."""

    def add(self, certificate: "x509.Certificate", store: str, last: Callable[[], wire.Snapshot]) -> None:
        """Add a CA certificate; `last` returns the last snapshot. Raises Failed unless the node took it."""

    def check_writable(self) -> None:
        """Raise Refused when the account may only read, where that can be told before writing."""


class ByRest:
    """Go by the certificate management API, which there is from release 14 on."""

    def __init__(self, node: str, options: Options, rest: Rest) -> None:
        self._node, self._options, self._rest = node, options, rest

    def snapshot(self) -> wire.Snapshot:
        """Read every store of the node in one request."""
        return wire.read_snapshot(self._rest.get(wire.SNAPSHOT).body, self._node)

    def listed(self, store: str) -> list[str]:
        """Read a store's own list, for a snapshot that lacks it."""
        try:
            answer = self._rest.get(f"{wire.TRUST}?service={wire.read_name(store)}")
            return wire.read_list(answer.body, self._node, store)
        except Failed as error:
            if type(error) is not Failed:
                raise
            raise Failed(
                f"The snapshot of {escape(self._node)} lists no {store}, and its own list can't be had: {error.what}",
                untouched="Nothing was changed.",
                todo=error.todo,
            ) from None

    def add(self, certificate: "x509.Certificate", store: str, last: Callable[[], wire.Snapshot]) -> None:
        """Upload; only HTTP 200 and 201 mean that it was taken (seen)."""
        from engine.certificates import to_pem

        setting = self._options.callmanager_service
        seen = last() if store == wire.CALLMANAGER and setting == "auto" else wire.Snapshot({})
        body = wire.upload_body([wire.upload_name(store, setting, seen)], [to_pem(certificate)])
        answer = self._rest.post(wire.UPLOAD, body)
        if answer.status not in wire.SUCCESS:
            raise wire.refusal(self._node, store, answer.status, answer.body)

    def check_writable(self) -> None:
        """Send an upload of no certificate to no store, unless the setting `write_probe` says ``none``.

        No function of the API tells the privilege: a reader is refused with 403, and any other answer proves nothing.
        """
        if self._options.write_probe == "empty-upload":
            self._rest.post(wire.UPLOAD, wire.upload_body([], []))


class ByCli:
    """Go by the OS command line, which every release has."""

    def __init__(self, node: str, names: Sequence[str], cli: Cli) -> None:
        self._node, self._names, self._cli = node, names, cli

    def snapshot(self) -> wire.Snapshot:
        """Have the stores listed, and each certificate in them shown, in one session."""
        return self._cli.play(stores.read(self._node, self._names))

    def listed(self, store: str) -> list[str]:
        """Return nothing: every wanted store is in the snapshot."""
        return []

    def add(self, certificate: "x509.Certificate", store: str, last: Callable[[], wire.Snapshot]) -> None:
        """Import, and take nothing but the node's word for it as success (confirmed)."""
        from engine.certificates import to_pem

        self._cli.play(stores.add(self._node, store, to_pem(certificate)))

    def check_writable(self) -> None:
        """Do nothing: listing needs the same privilege 1 as importing (confirmed), so who could read may write."""
