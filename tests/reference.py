"""Write the reference pages that are made from the code, or check that they still fit it.

    python -m tests.reference            lists the pages that are out of date; ends with 1 when there are any
    python -m tests.reference --write    writes them

`make docs` does the latter, tests/test_reference.py the former.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args, get_type_hints

import msgspec
import msgspec.inspect
import typer

import engine.certificates.reading  # an error of its own
import engine.contracts
import engine.hookspecs
from engine import errors
from engine.cli.app import app
from engine.contracts import authorities, boxes, desks, observers, surveys
from engine.contracts import keys as key_holders
from engine.doctor.findings import exit_code
from engine.estate import (
    AuthorityEntry,
    CertificateEntry,
    CleanUp,
    Connection,
    Freeze,
    KeyCustody,
    LeadTimes,
    Node,
    ObserverEntry,
    Person,
    Policy,
    Rule,
    Window,
)
from engine.model import Value
from engine.registry import Registry
from engine.site import PluginsTable

if TYPE_CHECKING:
    from typer._click import Command, Context, Parameter

DOCS = Path(__file__).parents[1] / "docs"

TABLES: dict[str, tuple[type[Value], tuple[str, ...]]] = {
    "[plugins]": (PluginsTable, ()),
    "[nodes.NAME]": (Node, ("name",)),
    "[[connections]]": (Connection, ()),
    "[authorities.NAME]": (AuthorityEntry, ("name",)),
    "[certificates.NAME]": (CertificateEntry, ("name",)),
    "[people.NAME]": (Person, ("id",)),
    "[approval]": (Policy, ()),
    "[[approval.rules]]": (Rule, ()),
    "[observers.NAME]": (ObserverEntry, ("name",)),
    "[windows.NAME]": (Window, ("name",)),
    "[[freezes]]": (Freeze, ()),
    "[lead_times]": (LeadTimes, ()),
    "[clean_up]": (CleanUp, ()),
    "[shared_keys]": (KeyCustody, ()),
}
"""Tables of the site file: the value each becomes, and members that its heading gives."""


# ---- Markdown ------------------------------------------------------------------------------------------------------


def page(title: str, source: str, *parts: str) -> str:
    """Put a page together: heading, where it comes from, and its parts, each set off by an empty line."""
    note = f"<!-- Made from {source} by `make docs`; a test fails when it is out of date. Do not edit. -->"
    return "\n\n".join([f"# {title}", note, *(part.strip("\n") for part in parts if part.strip())]) + "\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; nothing when it has no rows."""
    lines = [" | ".join(_cell(cell) for cell in row) for row in rows]
    if not lines:
        return ""
    return "\n".join(f"| {line} |" for line in (" | ".join(headings), " | ".join(["---"] * len(headings)), *lines))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def prose(documented: object) -> str:
    """Return a docstring as Markdown: ``literal`` becomes `literal`."""
    return inspect.cleandoc(getattr(documented, "__doc__", "") or "").replace("``", "`")


def fenced(text: str, language: str = "text") -> str:
    """Put text into a code block."""
    return f"```{language}\n{text.strip()}\n```"


# ---- commands ------------------------------------------------------------------------------------------------------


def commands() -> str:
    """Return the page of all commands."""
    parts = [_command(name, command, context) for name, command, context in walk_commands()]
    return page("Commands", "`engine/cli/app.py` and the plugins' commands", COMMANDS_INTRO, *parts)


COMMANDS_INTRO = """`--site` and `--home` may stand anywhere in a command. An `ID` may be shortened to any unique
beginning; a certificate's name stands for its open renewal, or for its last one. With `--json` a command prints one
JSON value on standard output and everything else on standard error. What a command ends with:
[exit codes](exit-codes.md)."""


def walk_commands() -> "Iterator[tuple[str, Command, Context]]":
    """Yield every command with its full name and a context to ask it with, groups before what is in them."""
    yield from _walk("certrenew", typer.main.get_command(app), None)


def _walk(name: str, command: "Command", above: "Context | None") -> "Iterator[tuple[str, Command, Context]]":
    context = typer.Context(command, info_name=name.rpartition(" ")[2], parent=above)
    yield name, command, context
    if isinstance(command, typer.core.TyperGroup):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from _walk(f"{name} {inner}", found, context)


def _command(name: str, command: "Command", context: "Context") -> str:
    usage = " ".join([name, *command.collect_usage_pieces(context)]).replace("{", "").replace("}", "")
    told = [_parameter(one, context) for one in command.params if getattr(one, "help", None) or one.opts != ["--help"]]
    depth = "#" * min(1 + len(name.split()), 3)
    parts = [f"{depth} {name}", fenced(usage), inspect.cleandoc(command.help or ""), table(PARAMETERS, told)]
    return "\n\n".join(part for part in parts if part)


PARAMETERS = ("argument or option", "meaning", "default")


def _parameter(one: "Parameter", context: "Context") -> tuple[str, str, str]:
    names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
    if one.param_type_name == "argument":
        names = f"`{one.make_metavar(context)}`"
    elif not getattr(one, "is_flag", False):
        names = f"`{one.opts[0]} {one.make_metavar(context)}`"
    help_ = getattr(one, "help", "") or ""
    variable = f" Variable: `{one.envvar}`." if one.envvar else ""
    return names, f"{help_}{variable}", "required" if one.required else _shown(one)


def _shown(one: "Parameter") -> str:
    told = getattr(one, "show_default", None)
    if isinstance(told, str):
        return told
    default = None if callable(one.default) else one.default
    return f"`{default}`" if default not in (None, "", False, ()) else ""


# ---- errors --------------------------------------------------------------------------------------------------------


def exit_codes() -> str:
    """Return the page of exit codes and the errors behind them."""
    rows = [(f"{'· ' * depth}`{one.__name__}`", str(one.exit_code), prose(one)) for one, depth in walk_errors()]
    codes = table(("code", "meaning"), CODES)
    doctor = ["## What `certrenew doctor` ends with", prose(exit_code)]
    parts = [EXIT_INTRO, codes, *doctor, "## Errors", ERRORS_INTRO, _errors_table(rows)]
    return page("Exit codes", "`engine/errors.py` and `engine/doctor/findings.py`", *parts)


CODES = [
    ("0", "Done."),
    ("1", "A bug; the only code with a traceback."),
    ("2", "Usage or configuration: the command or the site file can't be used as it is."),
    ("3", "Waiting for a person, an authority, a window or another process. Nothing is wrong; run it again later."),
    ("4", "Refused by a safety check: a failed check, drift, an untrusted box, a decision that does not hold."),
    ("5", "The other end failed: unreachable, wrong password, API off, an error of its own."),
    ("130", "Interrupted with Ctrl-C. What was acknowledged is stored."),
]

EXIT_INTRO = "Scripts decide by the exit code; the text on standard error is for people and may change."

ERRORS_INTRO = """Each error says what happened, what was left untouched and what to do next. An error is also every
error above it, and inherits its exit code."""


def _errors_table(rows: Iterable[Sequence[str]]) -> str:
    return table(("error", "exit code", "what it says"), rows)


def walk_errors() -> Iterator[tuple[type[errors.CertrenewError], int]]:
    """Yield every error class of the engine with its depth in the tree, in the order of the source."""

    def below(kind: type[errors.CertrenewError], depth: int) -> Iterator[tuple[type[errors.CertrenewError], int]]:
        yield kind, depth
        for inner in kind.__subclasses__():
            if inner.__module__.startswith("engine."):
                yield from below(inner, depth + 1)

    yield from below(errors.CertrenewError, 0)


# ---- hooks ---------------------------------------------------------------------------------------------------------


def hooks() -> str:
    """Return the page for those who write plugins."""
    modules = (engine.hookspecs, boxes, key_holders, surveys, desks, authorities, observers)
    specs, *contracts = (ast.parse(inspect.getsource(module)) for module in modules)
    told = [_function(one, "###") for one in specs.body if isinstance(one, ast.FunctionDef)]
    classes = [_class(one) for module in contracts for one in module.body if isinstance(one, ast.ClassDef)]
    parts = ["## Hooks", prose(engine.hookspecs), *told, "## Contracts", prose(engine.contracts), *classes]
    return page("Hooks and contracts for plugins", "`engine/hookspecs.py` and `engine/contracts/`", HOOKS_INTRO, *parts)


HOOKS_INTRO = """A plugin is a Python module that another distribution names with an entry point:

```toml
[project.entry-points.certrenew]
mine = "my_package.my_plugin"
```

It is loaded only when the site lists that distribution in [`[plugins]`](site-file.md#plugins). It implements one or
more of the hooks below, each marked with `engine.hookspecs.hookimpl`. A name that two plugins register, a misspelt hook
and a hook wrapper are errors that name the plugins. Hold your plugin to its contract with the classes in
`engine.testing`. A distribution whose plugins add commands may name those once more under
`[project.entry-points."certrenew.commands"]`: then `certrenew --help` loads none of its others.
[Write an authority](../how-to/write-an-authority.md) shows all of it by an example, and `certrenew plugins` what became
of it."""


def _function(one: ast.FunctionDef, depth: str) -> str:
    arguments = ast.unparse(one.args).replace("'", "")
    returns = f" -> {ast.unparse(one.returns)}".replace("'", "") if one.returns else ""
    return "\n\n".join([f"{depth} {one.name}", fenced(f"{one.name}({arguments}){returns}", "python"), _doc(one)])


def _class(one: ast.ClassDef) -> str:
    bases = f"({', '.join(ast.unparse(base) for base in one.bases)})" if one.bases else ""
    fields = [_field(line) for line in one.body if isinstance(line, ast.AnnAssign)]
    methods = [_method(line) for line in one.body if isinstance(line, ast.FunctionDef)]
    head = fenced("\n".join([f"class {one.name}{bases}:", *(f"    {line}" for line in fields)]), "python")
    return "\n\n".join([f"### {one.name}", head, _doc(one), *methods])


def _field(one: ast.AnnAssign) -> str:
    default = f" = {ast.unparse(one.value)}".replace("'", '"') if one.value else ""
    return f"{ast.unparse(one.target)}: {ast.unparse(one.annotation)}".replace("'", "") + default


def _method(one: ast.FunctionDef) -> str:
    decorators = {ast.unparse(line) for line in one.decorator_list}
    arguments = ast.unparse(one.args).removeprefix("self").removeprefix(", ").replace("'", "")
    returns = ast.unparse(one.returns).replace("'", "") if one.returns else "None"
    shown = one.name if "property" in decorators else f"{one.name}({arguments})"
    optional = "" if "abstractmethod" in decorators else " *(has a default)*"
    return f"#### {one.name}\n\n`{shown} -> {returns}`{optional}\n\n{_doc(one)}"


def _doc(one: ast.FunctionDef | ast.ClassDef) -> str:
    return (ast.get_docstring(one) or "").replace("``", "`")


# ---- the site file -------------------------------------------------------------------------------------------------


def site_file() -> str:
    """Return the page of every table and key of the site file."""
    tables = [_table(heading, kind, given) for heading, (kind, given) in TABLES.items()]
    registry = Registry()
    drivers = [_options("nodes.NAME", "driver", one) for one in registry.devices.values()]
    backends = [_options("authorities.NAME", "plugin", one) for one in registry.authorities.values()]
    solvers = [_options("authorities.NAME.options", "solver", one) for one in registry.solvers.values()]
    tellers = [_options("observers.NAME", "plugin", one) for one in registry.observers.values()]
    parts = [SITE_INTRO, *tables, "## Options of drivers", *drivers, "## Options of authorities", *backends]
    parts += ["## Options of solvers", SOLVERS_INTRO, *solvers, "## Options of observers", *tellers]
    return page("The site file", "`engine/estate.py`, `engine/site/` and the plugins", *parts)


SITE_INTRO = """The site is one TOML file, `certrenew.toml` in the current folder unless `--site` or `CERTRENEW_SITE`
names another. It belongs to you or root, and nobody else may write it. It begins with `schema = 1`. Paths are relative
to the file. `certrenew init` writes a first one, with comments ([how](../how-to/describe-your-site.md)).

Secrets never stand in the file, only where they are: `env:NAME`, `file:PATH` (readable by its owner alone),
`keyring:SERVICE/USER` (needs the extra `keyring`) or a list of arguments of a program that prints the secret."""


def _table(heading: str, kind: type[Value], given: Sequence[str]) -> str:
    shown = heading.strip("[]")
    return "\n\n".join(
        [f"## {shown}", fenced(heading, "toml"), prose(kind), keys(kind, given, shown.removesuffix(".NAME"))]
    )


SOLVERS_INTRO = """A solver puts TXT records into the DNS for an authority that asks for them by an option `solver`
(RFC 8555 section 8.4). How to: [prove names by DNS](../how-to/prove-names-by-dns.md)."""


class Registered(Protocol):
    """Be a driver, an authority's plugin or a solver as it was registered."""

    @property
    def name(self) -> str: ...

    @property
    def options(self) -> type[Value]: ...


def _options(where: str, key: str, one: Registered) -> str:
    inner = "solver_options" if key == "solver" else "options"
    example = fenced(f'[{where}]\n{key} = "{one.name}"\n\n[{where}.{inner}]', "toml")
    parts = [example, _told(one.options)[0], keys(one.options, meanings=meanings(one.options))]
    for name, kind in nested(one.options):
        parts += [f"#### {where}.{inner}.{name}", _told(kind)[0], keys(kind, meanings=meanings(kind))]
    return "\n\n".join([f'### {key} = "{one.name}"', *(part for part in parts if part)])


def nested(kind: type[Value]) -> Iterator[tuple[str, type[Value]]]:
    """Yield the options that are a table of their own: name and kind."""
    for name, one in get_type_hints(kind).items():
        for each in get_args(one):
            if isinstance(each, type) and issubclass(each, Value):
                yield name, each


def meanings(kind: type[Value]) -> dict[str, str]:
    """Return what the docstring of a plugin's options says of each, behind "`name`: "."""
    _, *parts = _told(kind)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _told(kind: type[Value]) -> list[str]:
    """Split a docstring of options: what stands before the first, then name and text of each."""
    names = "|".join(map(re.escape, _names(kind))) or "(?!)"
    return [part.strip() for part in re.split(rf"(?:^|(?<=\s))`({names})`:", " ".join(prose(kind).split()))]


MEANINGS = {
    "plugins.distributions": "installed packages whose plugins may be loaded; ours always may",
    "nodes.kind": "what it is; VCS Control is an `expressway-c`, VCS Expressway an `expressway-e`; an `external` one "
    "is looked after by others and only has to trust",
    "nodes.driver": "who talks to it: one of the [drivers](#options-of-drivers)",
    "nodes.address": "HOST or HOST:PORT of its API",
    "nodes.hostname": "the name that its own certificate must carry when we connect",
    "nodes.username": "the account that may use the API",
    "nodes.password": "reference to the password, never the password itself",
    "nodes.ca": "PEM file with the CA certificates that verify it; without `ca` and `pin` the system's store",
    "nodes.pin": "instead of `ca`: `sha256:` and the fingerprint of its certificate, confirmed by a person",
    "nodes.phone_roots": "Expressway-E with MRA: PEM files with the CA certificates that phones of the series 7800 and "
    "8800 trust by their firmware; without, only a change of the CA is warned of ([why](certificates.md#phone-trust))",
    "nodes.maintenance_mode": "a person puts the box into maintenance mode ahead of its restart, so that calls end",
    "nodes.server_eku_upload": "X15.4, Expressway-E: `EnableServerEkuUpload` is on, so clientAuth is not needed",
    "nodes.publisher": "of a CUCM subscriber: the node that is its publisher",
    "nodes.tls": "where the certificate of the server slot is served: endpoint name to HOST:PORT",
    "nodes.options": "settings of the driver",
    "connections.kind": "why they talk",
    "connections.client": "the node that opens the connection",
    "connections.server": "the node that it is opened to",
    "authorities.plugin": "how it is asked: one of the [authority plugins](#options-of-authorities)",
    "authorities.roots": "PEM files with CA certificates that the site has of it",
    "authorities.lead_hours": "how long it usually takes to sign, in hours; without it `lead_times.authority`",
    "authorities.options": "settings of the plugin",
    "certificates.node": "the node that makes key and CSR",
    "certificates.slot": "the slot that it is for; `client` exists from X15.5",
    "certificates.authority": "who signs it",
    "certificates.also_client": "whether a certificate of the server slot goes into the client slot, too, in one "
    "upload; from X15.5, where the node's driver can ([how](../how-to/renew-both-slots.md))",
    "certificates.cluster_name": "the name of the node's cluster, where all its peers share this certificate and its "
    "private key: it becomes the common name ([how](../how-to/share-one-certificate.md))",
    "certificates.names": "names it must carry besides those of the old certificate, such as `DNS:a.example`",
    "people.name": "the name for people",
    "people.uid": "the local account that is this person; two people never share one",
    "people.roles": "what rules can ask for",
    "approval.unsigned_approvals": "whether an approval counts that rests on a local account alone",
    "approval.approve_for_others": "whether an unsigned approval may be typed by another person's account: labs only",
    "approval.change_required": "whether every renewal must name its change record (`start --change`)",
    "approval.separate_persons": "whether who approved one step may not approve another of the same renewal",
    "approval.max_age_hours": "how old an approval may be when it is used; 0: any age",
    "approval.emergency_people": "how many carry a plan in an emergency, each with a reason; 0 closes that path",
    "approval.allowed_signers": "file of OpenSSH that says whose signing key is whose, beside the site file",
    "approval.revoked_keys": "file of OpenSSH with keys that no longer count (a KRL or public keys)",
    "approval.rules": "the rules below; an empty list asks for nobody's approval of anything",
    "approval.rules.effects": "apply to plans with these effects; empty: any",
    "approval.rules.impacts": "apply to plans with a change that people notice so much; empty: any",
    "approval.rules.steps": "apply to plans of these [steps](states.md); empty: any",
    "approval.rules.people": "how many must approve, from 1",
    "approval.rules.roles": "only holders of one of these count; empty: everybody of the site",
    "approval.rules.exclude": "who does not count: who began the renewal, who carries it out",
    "observers.plugin": "how it is told: one of the [observer plugins](#options-of-observers)",
    "observers.events": "what it is told of; by default [what people must know](observers.md#which-events)",
    "observers.states": "of `state` events only those that reach one of these [states](states.md); empty: any",
    "observers.options": "settings of the plugin",
    "windows.zone": "the time zone of its times, as IANA names it, such as `Europe/London`",
    "windows.weekly": "times of each week: `Sat 22:00 - Sun 06:00`; without the second day the same or the next one",
    "windows.cron": "when it opens: minute (one number), hour, day, month, weekday; as `0 22 * * 6`",
    "windows.hours": "how long it stays open after `cron`, as time passes; from 1 to 168",
    "windows.dates": "times that come once: `2026-12-05T22:00 - 2026-12-06T04:00`",
    "windows.nodes": "the nodes it is for; empty: all. What serves on several nodes needs an open one for each",
    "windows.steps": "the [steps](states.md) it is for; empty: all. A step that no window is for never has one",
    "freezes.from": "when it begins, as `2026-12-18T18:00`",
    "freezes.until": "when it ends",
    "freezes.zone": "the time zone of both, as IANA names it",
    "freezes.reason": "why; told to whoever waits",
    "freezes.nodes": "the nodes it is for; empty: all",
    "lead_times.authority": "hours that an authority usually takes to sign, where it has no `lead_hours` of its own",
    "lead_times.approval": "hours that the approvers usually take",
    "clean_up.after_days": "days that an old CA stays in trust stores at least, from the end of the renewal, up to 366",
    "clean_up.keep": "PEM files with CA certificates that stay in every store, whatever is presented",
    "shared_keys.secret": "reference to the secret that a private key which peers share is encrypted under while it is "
    "here; 16 characters or more",
}
"""What each key of the site file means, by table and key; a test holds that none is missing and none is left over."""


def keys(
    kind: type[Value], given: Sequence[str] = (), where: str = "", meanings: Mapping[str, str] | None = None
) -> str:
    """Return the table of a value's keys with their meanings, besides those that are given by its heading.

    A table of the site, `where`, has its `MEANINGS`; options tell theirs in the docstring.
    """
    told = meanings if meanings is not None else {key: MEANINGS.get(f"{where}.{key}", "") for key in _names(kind)}
    found = msgspec.inspect.type_info(kind)
    assert isinstance(found, msgspec.inspect.StructType)
    types = {one.encode_name: one.type for one in found.fields}
    rows = [
        (f"`{name}`", type_text(types[name]), _default(one), told.get(name, ""))
        for one in msgspec.structs.fields(kind)
        if (name := one.encode_name) not in given
    ]
    return table(("key", "what it takes", "default", "meaning"), rows)


def _names(kind: type[Value]) -> list[str]:
    return [one.encode_name for one in msgspec.structs.fields(kind)]


def type_text(kind: msgspec.inspect.Type) -> str:
    """Say in TOML's words what a setting takes."""
    match kind:
        case msgspec.inspect.LiteralType(values=values):
            return " or ".join(f'`"{value}"`' for value in values)
        case msgspec.inspect.ListType(item_type=inner):
            return f"list of: {type_text(inner)}"
        case msgspec.inspect.DictType(value_type=inner):
            return f"table of: {type_text(inner)}"
        case msgspec.inspect.UnionType(types=types):
            some = [one for one in types if not isinstance(one, msgspec.inspect.NoneType)]
            whole = len(some) == 1 and isinstance(some[0], msgspec.inspect.StructType)
            return "a table" if whole else " or ".join(map(type_text, some))
        case msgspec.inspect.StructType(cls=cls):
            return f"`{cls.__name__}` tables"
        case msgspec.inspect.CustomType():
            return "path"
        case msgspec.inspect.IntType(ge=None):
            return "whole number"
        case msgspec.inspect.IntType(ge=least):
            return f"whole number from {least}"
    return PLAIN[type(kind)]


PLAIN: dict[type, str] = {
    msgspec.inspect.StrType: "text",
    msgspec.inspect.BoolType: "`true` or `false`",
    msgspec.inspect.AnyType: "anything",
}


def _default(one: msgspec.structs.FieldInfo) -> str:
    if one.required:
        return "required"
    default = one.default if one.default is not msgspec.NODEFAULT else _made(one)
    return f"`{toml(default)}`" if default not in (None, "", [], {}) else "none"


def _made(one: msgspec.structs.FieldInfo) -> Any:
    assert callable(one.default_factory)
    return one.default_factory()


def toml(value: Any) -> str:
    """Write a default as TOML has it; of a value only what differs from its own defaults."""
    if isinstance(value, Value):
        plain = {one.encode_name: getattr(value, one.name) for one in msgspec.structs.fields(type(value))}
        empty = type(value)().plain()
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in plain.items() if v != empty[k]) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value.value if isinstance(value, Enum) else value)


# ---- states --------------------------------------------------------------------------------------------------------


def states() -> str:
    """Return the page of states and arrows of every workflow."""
    parts: list[str] = []
    for workflow in Registry().workflows.values():
        arrows = [
            (f"`{one.step}`", ", ".join(one.sources), one.to, "a person" if one.aside else "the renewal itself")
            for one in workflow.arrows
        ]
        steps = [
            (f"`{one.name}`", one.purpose, ", ".join(phase.name for phase in one.phases))
            for one in workflow.steps.values()
        ]
        parts += [
            f"## {workflow.name}",
            f"A renewal begins in {workflow.initial}; it is over in {' and '.join(workflow.final)}.",
            fenced(workflow.diagram(), "mermaid"),
            table(("step", "from", "to", "taken by"), arrows),
            table(("step", "what for", "phases, each with a plan of its own"), steps),
        ]
    return page("States", "the tables in `workflows/`", STATES_INTRO, *parts)


STATES_INTRO = "The table decides what is possible; the diagram is drawn from it. `certrenew diagram` prints it too."

PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/exit-codes.md": exit_codes,
    "reference/hooks.md": hooks,
    "reference/site-file.md": site_file,
    "reference/states.md": states,
}


def stale() -> list[str]:
    """Name the pages that do not fit the code."""
    return [name for name, make in PAGES.items() if not (DOCS / name).exists() or (DOCS / name).read_text() != make()]


def main(arguments: Sequence[str]) -> int:
    """Write or check, as told; return the exit code."""
    if list(arguments) not in ([], ["--write"]):
        print(__doc__)
        return 2
    old = stale()
    for name in old:
        if arguments:
            (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
            (DOCS / name).write_text(PAGES[name]())
        print(f"{'written' if arguments else 'out of date'}: docs/{name}")
    return 1 if old and not arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
