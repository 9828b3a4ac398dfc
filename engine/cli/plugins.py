"""Show which plugins are installed, and which of them are enabled and why; it loads only what the site allows."""

from typing import TYPE_CHECKING

from engine.registry import OWN, Installed, installed, require_unique

if TYPE_CHECKING:
    from engine.cli.context import Settings
    from engine.model import Json


def plugins(settings: "Settings", *, as_json: bool) -> None:
    """Print every plugin of every installed distribution. Raises UsageError, after that, for two of one name."""
    from engine.cli.render import print_json

    listed = installed(settings.distributions)
    if as_json:
        print_json([_view(one) for one in listed])
    else:
        _table(listed)
        if settings.siteless:
            print(f"There is no site file here ({settings.site}): only our own plugins are enabled.")
    require_unique(listed)


def _view(one: Installed) -> "dict[str, Json]":
    return {
        "plugin": one.plugin,
        "distribution": one.distribution,
        "version": one.version,
        "enabled": one.allowed and not one.problem,
        "why": _why(one),
        "registers": {sort: list(names) for sort, names in one.registers.items()},
    }


def _why(one: Installed) -> str:
    if one.problem:
        return one.problem
    if not one.allowed:
        return "not in [plugins] distributions of the site"
    return "ours" if one.distribution == OWN else "allowed by the site"


def _table(listed: "list[Installed]") -> None:
    from engine.cli.columns import put, table
    from engine.text import escape

    rows = []
    for one in listed:
        registers = "\n".join(f"{sort}: {', '.join(map(escape, names))}" for sort, names in one.registers.items())
        enabled = "no, broken" if one.problem else "yes" if one.allowed else "no"
        distribution = f"{escape(one.distribution)} {escape(one.version)}"
        rows.append((escape(one.plugin), distribution, registers or "not loaded", f"{enabled}: {escape(_why(one))}"))
    put(table(("Plugin", "Distribution", "Registers", "Enabled"), rows))
