"""Check logins of one account of a box, and lock it after too many refused ones.

That an account locks is inferred: boxes from X14.0.2 list addresses that fail2ban banned (Administrator Guide X15.5,
change history). The lab locks for its lifetime, so that a client which repeats a refused login is found out.
"""

import hmac
import threading

from plugins.lab.effects import Effects


class Account:
    """Be one account of a box. Safe for threads."""

    def __init__(self, node: str, password: str, limit: int, effects: Effects, username: str = "admin") -> None:
        self.username, self.password = username, password
        self._node, self._limit, self._effects = node, limit, effects
        self._lock = threading.Lock()
        self._refused = 0

    @property
    def locked(self) -> bool:
        """Tell whether the account is locked."""
        return 0 < self._limit <= self._refused

    def login(self, username: str, password: str) -> bool:
        """Tell whether the box lets this user in; a refusal is counted and logged."""
        with self._lock:
            right = hmac.compare_digest(f"{username}:{password}".encode(), f"{self.username}:{self.password}".encode())
            if right and not self.locked:
                return True
            self._refuse(username)
            return False

    def _refuse(self, username: str) -> None:
        before = self.locked
        self._refused += 1
        self._effects.add(self._node, "login-refused", username=username, count=self._refused, locked=before)
        if self.locked and not before:
            self._effects.add(self._node, "account-locked")
