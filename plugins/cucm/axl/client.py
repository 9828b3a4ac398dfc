"""Send AXL requests to one node: of this folder, the module that connects."""

from collections.abc import Mapping

from engine.contracts import Access
from engine.errors import ApiDisabled, Waiting
from engine.https import HttpsClient
from engine.net import split_address
from engine.text import escape
from plugins.cucm import Options
from plugins.cucm.account import Account
from plugins.cucm.axl import wire

POLL_AFTER = 60
"""How long to leave AXL alone that is asked too often, in seconds: it counts by the minute."""

ACCOUNT = (
    "AXL wants an application user with the role Standard AXL API Access, or one that may only read; set "
    "`axl_username` and `axl_password` in the node's options."
)


class Axl:
    """Read lists of a cluster's configuration; nothing is ever written."""

    def __init__(self, access: Access, options: Options) -> None:
        self._node, self._version = access.node, options.axl_version
        self._account = Account(access, options.axl_username, options.axl_password)
        host = split_address(access.address)[0]
        default = f"[{host}]:8443" if ":" in host else f"{host}:8443"
        self._https = HttpsClient(options.axl_address or default, access.trust, record=access.record)

    def entries(self, operation: str) -> list[Mapping[str, str]]:
        """Read a whole list, page by page. Read-only.

        Raises LoginRefused, ApiDisabled, Waiting when it was asked too often, Failed, and what `HttpsClient` raises.
        """
        found: list[Mapping[str, str]] = []
        for _ in range(wire.PAGES):
            page = self._page(operation, len(found))
            found += page
            if len(page) < wire.PAGE:
                return found
        raise wire.unusable(self._node, f"it lists more than {len(found)} entries")

    def _page(self, operation: str, skip: int) -> list[Mapping[str, str]]:
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": wire.action(operation, self._version)}
        body = wire.request(operation, self._version, skip)
        answer = self._https.request("POST", wire.PATH, basic=self._account.login, headers=headers, body=body)
        if answer.status == 401:
            raise self._account.refused(ACCOUNT)
        if answer.status == 403:
            raise ApiDisabled(
                f"{escape(self._node)} does not let '{escape(self._account.username)}' use AXL (HTTP 403).",
                untouched="Nothing was changed.",
                todo=ACCOUNT,
            )
        if answer.status == 503:
            raise Waiting(
                f"AXL of {escape(self._node)} was asked too often, or is starting (HTTP 503).",
                on="box",
                todo="Run the same command again in a minute.",
                untouched="It was only asked for something; nothing was changed.",
                poll_after=POLL_AFTER,
            )
        if answer.status not in (200, 500):  # a fault comes with 500 (SOAP 1.1, section 6.2)
            raise wire.unusable(self._node, f"HTTP {answer.status}")
        return wire.read(answer.body, self._node, operation)
