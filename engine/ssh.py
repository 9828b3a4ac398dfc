"""Log in by SSH: only to a host whose key a person confirmed; a password goes out once, and nothing of ours besides.

No configuration, agent, default key or list of known hosts of this account is used.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.text import escape

if TYPE_CHECKING:
    import asyncssh

CONNECT = 30.0
"""How long connecting and logging in may take, in seconds."""

PORT = 22


class Login:
    """Be one login: it shows which host key came, and sends the password once, by whichever way is asked first.

    `host_key` is the key that a person confirmed: ``SHA256:...`` as ``ssh-keygen -l`` shows it, or the key itself,
    ``ssh-ed25519 AAAA...``; no host fits an empty one. `key` is a private key in OpenSSH's or PEM form, tried first.
    Afterwards `shown` is the fingerprint that the host showed, "" for a kind that is not taken, `asked` what it wanted
    in place of a password, and `sent` whether the password went out.
    """

    def __init__(self, user: str, password: str, host_key: str, key: str = "") -> None:
        self.user, self.shown, self.asked, self.sent = user, "", "nothing", False
        self._password, self._host_key, self._key = password, host_key.strip(), key

    def is_known(self, key: "asyncssh.SSHKey") -> bool:
        """Tell whether a host key is the confirmed one: by fingerprint, or by its public key."""
        if self._host_key.startswith("SHA256:"):
            return key.get_fingerprint() == self._host_key.rstrip("=")
        known = self._host_key.split()[:2]
        return bool(known) and known == key.export_public_key().decode().split()[:2]

    def client_keys(self) -> "list[asyncssh.SSHKey] | None":
        """Return the private key to log in with. Raises asyncssh.KeyImportError for one that can't be read."""
        import asyncssh

        return [asyncssh.import_private_key(self._key)] if self._key else None

    def client(self) -> "Callable[[], asyncssh.SSHClient]":
        """Return a maker of what asyncssh asks; the class is made here because asyncssh is imported late."""
        import asyncssh

        login = self

        class Client(asyncssh.SSHClient):
            """Answer what asyncssh asks."""

            def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
                login.shown = key.get_fingerprint()
                return login.is_known(key)

            def password_auth_requested(self) -> str | None:
                return login.once()

            def kbdint_auth_requested(self) -> str | None:
                return None if login.sent else ""

            def kbdint_challenge_received(
                self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
            ) -> list[str] | None:
                return login.answer(instructions, prompts)

        return Client

    def once(self) -> str | None:
        """Return the password the first time, and nothing afterwards: a host locks out who keeps trying."""
        if self.sent or not self._password:
            return None
        self.sent = True
        return self._password

    def answer(self, instructions: str, prompts: Sequence[tuple[str, bool]]) -> list[str] | None:
        """Answer one hidden question for the password; a message without questions is taken note of."""
        if not prompts:
            return []
        self.asked = " ".join([instructions, *(text for text, _ in prompts)]).strip()
        (text, shown), *more = prompts
        if more or shown or "password" not in text.casefold() or "new" in text.casefold():
            return None
        password = self.once()
        return None if password is None else [password]


async def connect(host: str, port: int, login: Login) -> "asyncssh.SSHClientConnection":
    """Connect and log in.

    Raises asyncssh.HostKeyNotVerifiable (no credential was sent), asyncssh.PermissionDenied, another asyncssh.Error,
    asyncssh.KeyImportError, OSError or TimeoutError.
    """
    import asyncssh

    keys = login.client_keys()
    async with asyncio.timeout(CONNECT):
        return await asyncssh.connect(
            host,
            port,
            config=None,
            client_factory=login.client(),
            known_hosts=([], [], []),
            username=login.user,
            client_keys=keys,
            agent_path=None,
            gss_host=None,
            x509_trusted_certs=None,
            preferred_auth=(*(("publickey",) if keys else ()), "keyboard-interactive", "password"),
        )


def reason(error: Exception) -> str:
    """Say in a few words why a session failed, escaped."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = getattr(error, "strerror", None) or getattr(error, "reason", "") or str(error) or type(error).__name__
    return escape(text, 200).rstrip(".")
