"""Be a CA handler for acme2certifier whose officer takes her time: nothing is issued until a file `approved` exists."""

import os
from pathlib import Path

from acme2certifier.cahandlers import openssl_ca_handler

APPROVED = Path(os.environ["ACME2CERTIFIER_BASE_DIR"]) / "approved"


class CAhandler(openssl_ca_handler.CAhandler):  # type: ignore[misc]  # it has no types
    """Keep requests `processing`, and issue when they are polled after the approval."""

    def enroll(self, csr: str) -> tuple[str | None, str | None, str | None, str | None]:
        """Issue at once where it is approved, else give a number to poll by."""
        return super().enroll(csr) if APPROVED.exists() else (None, None, None, "request-1")

    def poll(
        self, _name: str, identifier: str, csr: str
    ) -> tuple[str | None, str | None, str | None, str | None, bool]:
        """Issue where it is approved by now."""
        if not APPROVED.exists():
            return None, None, None, identifier, False
        error, bundle, raw, _ = super().enroll(csr)
        return error, bundle, raw, identifier, False
