"""Be the SSH server of a node: who may log in and how, and a shell in which commands are typed.

No exec channel, a slow start, and a login by keyboard-interactive were seen in clients (docs/reference/cucm.md).
"""

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from plugins.lab.cucm.node import Node
from plugins.lab.cucm.shell import COMMANDS, Shell
from plugins.lab.faults import Fault
from plugins.lab.hostkey import HostKey
from plugins.lab.web import GARBAGE

if TYPE_CHECKING:
    import asyncssh

PROMPT = "admin:"
WELCOME = (
    "Command Line Interface is starting up, please wait ...\n\n   Welcome to the Platform Command Line Interface\n\n"
)
PAGE = 12
"""Lines of a page, where the node pages; few, so that certificates take several."""
MORE = "Press <enter> for 1 line, <space> for one page, or <q> to quit"
METHOD = "SSH"
"""What a fault calls the method of a command; its path is the line, and ``login`` for a login."""


class SshServer:
    """Serve the connections of one node; each is handled to its end in the thread of its port."""

    def __init__(self, node: Node, stopping: threading.Event) -> None:
        self.node, self.stopping = node, stopping
        self.key = HostKey()

    def serve(self, connection: socket.socket, _peer: int) -> None:
        """Serve one connection until it ends."""
        self.key.serve(
            connection,
            lambda: _server(self.node),
            process_factory=self._shell,
            encoding="utf-8",
            errors="replace",
        )

    async def _shell(self, process: "asyncssh.SSHServerProcess[str]") -> None:
        """Show the prompt and carry out what is typed, until the session ends."""
        import asyncssh

        with suppress(asyncssh.Error, OSError, EOFError):
            if process.command is None:
                await Session(self, process).run()
        process.exit(1)


def _server(node: Node) -> "asyncssh.SSHServer":
    """Make what asyncssh asks about a login; the class is made here because asyncssh is imported late."""
    import asyncssh

    login = node.settings["ssh_login"]

    class Server(asyncssh.SSHServer):
        """Let the OS account in."""

        def begin_auth(self, username: str) -> bool:
            self.username = username
            return True

        def password_auth_supported(self) -> bool:
            return login in ("password", "both")

        def validate_password(self, username: str, password: str) -> bool:
            return _let_in(node, username, password)

        def kbdint_auth_supported(self) -> bool:
            return login != "password"

        def get_kbdint_challenge(
            self, username: str, lang: str, submethods: str
        ) -> tuple[str, str, str, list[tuple[str, bool]]]:
            asked = "New password:" if login == "expired" else "Password: "
            return "", "", "", [(asked, False)]

        def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
            return login != "expired" and _let_in(node, username, "".join(responses))

    return Server()


def _let_in(node: Node, username: str, password: str) -> bool:
    denied = any(fault.name == "denied" for fault in node.faults.strike("login", method=METHOD))
    return node.account.login(username, "" if denied else password)


class Session:
    """Be one shell: it reads lines, shows what came of them, page by page unless told otherwise."""

    def __init__(self, server: SshServer, process: "asyncssh.SSHServerProcess[str]") -> None:
        self._node, self._stopping, self._process = server.node, server.stopping, process
        self._shell = Shell(server.node, self.show, self.line)

    async def run(self) -> None:
        """Greet, and take commands until there are no more."""
        await asyncio.to_thread(self._stopping.wait, self._node.settings.number("cli_start"))
        self.show(WELCOME)
        while not self._stopping.is_set():
            self.show(PROMPT)
            typed = (await self.line()).strip()
            if typed in ("exit", "quit"):
                return
            await self._carry_out(typed)

    async def line(self) -> str:
        """Read one line. Raises EOFError when nobody types any more."""
        typed = await self._process.stdin.readline()
        if not typed:
            raise EOFError
        return typed.rstrip("\r\n")

    def show(self, text: str) -> None:
        """Show text at once."""
        self._process.stdout.write(text)

    async def _carry_out(self, typed: str) -> None:
        names = [fault.name for fault in self._struck(typed)]
        if "drop-before" in names:
            raise EOFError
        if {"refused", "error-5xx", "api-disabled"} & set(names):
            return self.show("Executed command unsuccessfully\nNot stored\n")
        self._shell.leaving = "drop-after" in names
        output = await self._output(typed)
        if {"drop-after", "truncated"} & set(names):
            self.show(output[: len(output) // 2] if "truncated" in names else "")
            raise EOFError
        return await self._paged(f"{GARBAGE.decode('utf-8', 'replace')}\n" if "garbage" in names else output)

    def _struck(self, typed: str) -> list[Fault]:
        struck = self._node.faults.strike(typed, method=METHOD)
        for fault in struck:
            self._node.effects.add(self._node.name, "fault-struck", fault=fault.name, method=METHOD, path=typed)
            if fault.name == "slow":
                self._stopping.wait(fault.seconds)
        return struck

    async def _output(self, typed: str) -> str:
        if typed:
            self._node.effects.add(self._node.name, "command-typed", line=typed)
        for pattern, carry_out in COMMANDS.items():
            if found := pattern.fullmatch(typed):
                return await carry_out(self._shell, *found.groups())
        return "" if not typed else "Executed command unsuccessfully\nNo valid command entered\n"

    async def _paged(self, output: str) -> None:
        """Show output; where the node pages, a page at a time, each further one for a key."""
        from asyncssh.editor import SSHLineEditorChannel

        lines = output.splitlines(keepends=True)
        size = PAGE if self._shell.pages else max(len(lines), 1)
        channel = cast(SSHLineEditorChannel, self._process.channel)
        for start in range(0, len(lines), size):
            if start:
                self.show(MORE)
                channel.set_line_mode(False)
                key = await self._process.stdin.read(1)
                channel.set_line_mode(True)
                self.show("\r" + " " * len(MORE) + "\r")
                if key == "q":
                    return
            self.show("".join(lines[start : start + size]))
