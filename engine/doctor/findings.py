"""Say what a check found, and what to do about it. Pure."""

from collections.abc import Iterable

from engine.errors import CertrenewError, Refused, Waiting
from engine.model import Finding, Outcome


class Diagnosis(Finding, frozen=True, kw_only=True):
    """Be one finding about the site, or about `node`; `todo` says what to do about it.

    `exit_code` is what the command ends with because of it: 0 unless it failed.
    """

    node: str = ""
    todo: str = ""
    exit_code: int = 0


def passed(check: str, message: str, *, node: str = "") -> Diagnosis:
    """Say that all is as it should be."""
    return Diagnosis(check=check, outcome=Outcome.PASS, message=message, node=node)


def warned(check: str, message: str, todo: str, *, node: str = "", source: str = "") -> Diagnosis:
    """Say that somebody should know or decide something; nothing is broken."""
    return Diagnosis(check=check, outcome=Outcome.WARN, message=message, node=node, todo=todo, source=source)


def failed(
    check: str, message: str, todo: str, *, node: str = "", source: str = "", code: int = Refused.exit_code
) -> Diagnosis:
    """Say that something is broken, or that a renewal would stop at it."""
    return Diagnosis(
        check=check, outcome=Outcome.FAIL, message=message, node=node, todo=todo, source=source, exit_code=code
    )


def from_error(check: str, error: CertrenewError, *, node: str = "") -> Diagnosis:
    """Say what an error says, with its exit code; one that only asks to wait is a warning."""
    told = f"{error.what} {error.untouched}".strip()
    if isinstance(error, Waiting):
        return warned(check, told, error.todo, node=node)
    return failed(check, told, error.todo, node=node, code=error.exit_code)


def exit_code(found: Iterable[Diagnosis]) -> int:
    """Return what `certrenew doctor` ends with: the smallest of the codes of all that failed, 0 when nothing did.

    So 2 (the site or the home can't be used) comes before 4 (a check failed), and that before 5 (a box could not be
    reached, or let nobody in). A warning changes nothing.
    """
    return min((one.exit_code for one in found if one.exit_code), default=0)
