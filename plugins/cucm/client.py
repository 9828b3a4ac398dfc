"""Talk to one node, its certificate management API and its Control Center: the only module here that connects."""

from engine.contracts import Access
from engine.errors import ApiDisabled, Failed, Refused, Waiting
from engine.https import HttpsClient, Response
from engine.net import split_address
from engine.text import escape
from plugins.cucm import Options, soap, wire
from plugins.cucm.account import Account

POLL_AFTER = 20
"""How long to leave a node alone that says it was asked too often, in seconds; 10 to 20 is seen."""

OS_ACCOUNT = (
    "Check `username` and `password` of the node: an OS administrator of this very node, as made by `set account "
    "name`; each node has its own."
)
APPLICATION_USER = (
    "The Control Center wants an application user of Unified CM with the role Standard Admin, not an OS administrator: "
    "set `soap_username` and `soap_password` in the node's options."
)
READ_ONLY = (
    "Make an account with privilege 1 at the node's OS command line (`set account name`), and set it as `username` of "
    "the node."
)


class Rest:
    """Send each request to the certificate management API once, with HTTP Basic."""

    def __init__(self, access: Access, account: Account) -> None:
        self._node, self._account = escape(access.node), account
        self._https = HttpsClient(access.address, access.trust, record=access.record)

    def get(self, path: str) -> Response:
        """Read. Raises LoginRefused, ApiDisabled, Failed, and what `HttpsClient.request` raises."""
        answer = self._send("GET", path)
        if answer.status == 403:
            raise ApiDisabled(
                f"{self._node} knows '{self._user}' but does not let it read certificates (HTTP 403).",
                untouched="Nothing was changed.",
                todo=OS_ACCOUNT,
            )
        if answer.status == 404 and path == wire.SNAPSHOT:
            raise self._no_api()
        if answer.status != 200:
            raise Failed(
                f"{self._node} did not answer {path}: {wire.words(answer.status, answer.body)}.",
                untouched="Nothing was changed.",
                todo="If the node or its Cisco Tomcat is starting, wait some minutes; then run the same command again.",
            )
        return answer

    def post(self, path: str, body: bytes) -> Response:
        """Write, once; the answer is the caller's to judge. Raises LoginRefused, Refused for an account that may read.

        After Unreachable it is unknown whether the node did it.
        """
        answer = self._send("POST", path, body)
        if answer.status == 403:
            raise Refused(
                f"The account '{self._user}' of {self._node} may only read (privilege 0): a write got HTTP 403.",
                untouched="Nothing was changed.",
                todo=READ_ONLY,
            )
        return answer

    def _send(self, method: str, path: str, body: bytes | None = None) -> Response:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        answer = self._https.request(method, path, basic=self._account.login, headers=headers, body=body)
        if answer.status == 401:
            raise self._account.refused(f"{OS_ACCOUNT} {READ_ONLY}" if method == "POST" else OS_ACCOUNT)
        return answer

    @property
    def _user(self) -> str:
        return escape(self._account.username)

    def _no_api(self) -> ApiDisabled:
        return ApiDisabled(
            f"{self._node} has no certificate management API (HTTP 404): its release is before 14, or the address is "
            "not that of a Unified CM node.",
            untouched="Nothing was changed.",
            todo='Check `address` of the node; on a release before 14 set `certificates = "ssh"` and `ssh_host_key` in '
            "the node's options, so that its command line is used.",
        )


class Soap:
    """Send each request to the Control Center once, with HTTP Basic."""

    def __init__(self, access: Access, options: Options, account: Account) -> None:
        self._node, self._account = escape(access.node), account
        host = split_address(access.address)[0]
        default = f"[{host}]:{options.soap_port}" if ":" in host else f"{host}:{options.soap_port}"
        self._https = HttpsClient(options.soap_address or default, access.trust, record=access.record)

    def call(self, operation: str, body: bytes) -> soap.Answer:
        """Send one request and return the answer, or the fault, for the caller to judge.

        Raises Waiting when the node was asked too often, LoginRefused, ApiDisabled, Failed, and what
        `HttpsClient.request` raises; after Unreachable it is unknown whether the node did it.
        """
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation}"'}
        answer = self._https.request("POST", soap.PATH, basic=self._account.login, headers=headers, body=body)
        if answer.status == 401:
            raise self._account.refused(APPLICATION_USER)
        if answer.status == 403:
            raise self._forbidden()
        if answer.status == 429:
            raise self._too_fast()
        if answer.status not in (200, 500):  # a fault comes with 500 (SOAP 1.1, section 6.2)
            raise self._no_answer(operation, answer)
        return self._read(operation, answer)

    def _read(self, operation: str, answer: Response) -> soap.Answer:
        try:
            read = soap.read_answer(answer.body, self._node, operation)
        except Failed:
            if answer.status == 200:
                raise
            raise self._no_answer(operation, answer) from None
        if read.fault is not None and soap.TOO_FAST in read.fault.casefold():
            raise self._too_fast()
        return read

    def _too_fast(self) -> Waiting:
        return Waiting(
            f"The Control Center of {self._node} was asked too often and wants a pause.",
            on="box",
            todo=f"Wait {POLL_AFTER} seconds, then run the same command again.",
            untouched="It did nothing of what was asked.",
            poll_after=POLL_AFTER,
        )

    def _forbidden(self) -> ApiDisabled:
        user = escape(self._account.username)
        return ApiDisabled(
            f"{self._node} knows '{user}' but does not let it use the Control Center (HTTP 403).",
            untouched="Nothing was changed.",
            todo=APPLICATION_USER,
        )

    def _no_answer(self, operation: str, answer: Response) -> Failed:
        return Failed(
            f"The Control Center of {self._node} did not answer: {wire.words(answer.status, answer.body)}.",
            untouched=soap.untouched(operation),
            todo="Check `soap_address` or `soap_port` in the node's options. If its Cisco Tomcat is starting, wait "
            "some minutes; then run the same command again.",
        )
