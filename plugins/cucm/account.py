"""Be a login at a node: the secret is fetched when it is needed, and never sent again once it was refused."""

from engine.contracts import Access
from engine.errors import LoginRefused
from engine.text import escape


class Account:
    """Be one login; after the node refused it once, it is never sent again (lockout)."""

    def __init__(self, access: Access, username: str, password: str | list[str] = "") -> None:
        self._access, self.username, self._reference = access, username, password
        self._refused: tuple[str, str] | None = None

    def login(self) -> tuple[str, str]:
        """Fetch user and password. Raises LoginRefused once the node refused them."""
        if self._refused:
            todo, how = self._refused
            raise self.refused(todo, how=how, untouched="It refused the login before, so nothing more was sent.")
        password = self._access.secret(self._reference) if self._reference else self._access.password()
        return self.username, password

    def refused(self, todo: str, *, how: str = "HTTP 401", untouched: str = "Nothing was changed.") -> LoginRefused:
        """Note that the node refused this login, and return the error; `how` says in a word or two how it did."""
        self._refused = todo, how
        return LoginRefused(
            f"{escape(self._access.node)} refused the login of '{escape(self.username)}' ({how}).",
            untouched=f"{untouched} It is not tried again: a node locks out who keeps trying.",
            todo=todo,
        )
