"""Log in at a node's OS command line by SSH, and play scripts there: of this folder, the module that connects.

A node has no exec channel: a shell is opened, its prompt is waited for, and each command is typed (seen).
"""

import asyncio
from typing import TYPE_CHECKING, TypeVar

from engine.contracts import Access
from engine.errors import CertrenewError, Failed, NotSent, Unreachable, Untrusted
from engine.https import Exchange, Response
from engine.net import split_address
from engine.ssh import PORT, Login, connect, reason
from engine.text import escape
from plugins.cucm import Options
from plugins.cucm.account import Account
from plugins.cucm.cli.wire import NO_PAGES, Command, Dialogue, Script, left

if TYPE_CHECKING:
    import asyncssh

NUDGE = 15.0
"""How long a prompt may be missing at the start before Enter is pressed once more, in seconds (seen: 10 to 15)."""

PIECE = 16384

WIDTH, HEIGHT = 511, 1000
"""The terminal: wide, so that lines stay whole, and high, so that less is paged."""

T = TypeVar("T")


class Cli:
    """Be the command line of one node: each script is played in a session of its own.

    Nothing is typed twice. The host key must be the one of the setting `ssh_host_key`; the password goes out once.
    """

    def __init__(self, access: Access, options: Options, account: Account) -> None:
        self._node, self._account, self._record = access.node, account, access.record
        self._host, self._port = split_address(options.ssh_address or split_address(access.address)[0], PORT)
        self._key, self._start = options.ssh_host_key.strip(), options.ssh_start

    def play(self, script: "Script[T]") -> T:
        """Log in, play a script to its end and return what it returns.

        Raises LoginRefused, Untrusted, NotSent (nothing was typed), Unreachable (the end was not seen), Failed, and
        what the script raises.
        """
        user, password = self._account.login()
        return asyncio.run(self._session(Login(user, password, self._key), script))

    async def _session(self, login: Login, script: "Script[T]") -> T:
        connection = await self._connect(login)
        try:
            return await self._played(connection, script)
        finally:
            connection.abort()
            await connection.wait_closed()

    async def _connect(self, login: Login) -> "asyncssh.SSHClientConnection":
        import asyncssh

        try:
            return await connect(self._host, self._port, login)
        except asyncssh.HostKeyNotVerifiable:
            raise self._unknown_key(login.shown) from None
        except asyncssh.PermissionDenied:
            raise self._not_let_in(login) from None
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise self._no_session(error) from None

    async def _played(self, connection: "asyncssh.SSHClientConnection", script: "Script[T]") -> T:
        import asyncssh

        command: Command | None = None
        try:
            shell: asyncssh.SSHClientProcess[str] = await connection.create_process(
                term_type="vt100", term_size=(WIDTH, HEIGHT), encoding="utf-8", errors="replace"
            )
            await self._greeted(shell)
            command = NO_PAGES
            await self._typed(shell, command)
            command = next(script)
            while True:
                command = script.send(await self._typed(shell, command))
        except StopIteration as end:
            result: T = end.value
            return result
        except (OSError, asyncssh.Error, EOFError) as error:
            kind = NotSent if command is None else Unreachable
            raise kind(
                f"The command line of {escape(self._node)} went away: {_reason(error)}.",
                untouched=left(command),
                todo="Check that the node is up, then run the same command again.",
            ) from None

    async def _greeted(self, shell: "asyncssh.SSHClientProcess[str]") -> None:
        """Wait for the first prompt; press Enter now and then, which wakes a slow start (seen)."""
        dialogue = Dialogue(self._node)
        try:
            async with asyncio.timeout(self._start):
                while not dialogue.done:
                    try:
                        async with asyncio.timeout(NUDGE):
                            await _read(shell, dialogue)
                    except TimeoutError:
                        shell.stdin.write("\n")
        except TimeoutError:
            raise NotSent(
                f"The command line of {escape(self._node)} shows no prompt after {self._start} seconds.",
                untouched="Nothing was typed.",
                todo="Log in there by SSH and see how long it takes; set `ssh_start` in the node's options above that.",
            ) from None

    async def _typed(self, shell: "asyncssh.SSHClientProcess[str]", command: Command) -> str:
        """Type one command, answer what it asks, and return what it showed. Each is noted for the transcript."""
        dialogue = Dialogue(self._node, command)
        try:
            shell.stdin.write(f"{command.line}\n")
            async with asyncio.timeout(command.patience):
                while not dialogue.done:
                    await _read(shell, dialogue)
        except Exception as error:
            self._note(command, dialogue, _reason(error))
            if isinstance(error, TimeoutError):
                raise self._too_slow(command) from None
            raise
        self._note(command, dialogue)
        return dialogue.output

    def _note(self, command: Command, dialogue: Dialogue, error: str = "") -> None:
        answer = None if error else Response(0, "text/plain", dialogue.output.encode("utf-8", "replace"))
        self._record(Exchange("ssh", command.line, command.paste.encode(), "text/plain", answer, error))

    # ---- who may be there, and who we are ----

    def _unknown_key(self, shown: str) -> Untrusted:
        wanted = "no `ssh_host_key` is set" if not self._key else "that is not the one in `ssh_host_key`"
        return Untrusted(
            f"{escape(self._node)} shows the SSH host key {escape(shown, 80) or 'of a kind that is not taken'}, and "
            f"{wanted}.",
            untouched="No password was sent.",
            todo="Compare it with what the node itself says, at its console or on a connection that you trust; if it "
            "is the same, write it into the node's options as `ssh_host_key`.",
        )

    def _not_let_in(self, login: Login) -> CertrenewError:
        if login.sent:
            return self._account.refused(OS_ACCOUNT, how="SSH")
        return Failed(
            f"{escape(self._node)} wants another login than a password: '{escape(login.asked, 120)}'.",
            untouched="No password was sent.",
            todo="Log in there by SSH by hand: an expired password wants to be changed first.",
        )

    def _no_session(self, error: Exception) -> NotSent:
        return NotSent(
            f"{escape(self._node)} gives no SSH session at {escape(self._host)}:{self._port}: {_reason(error)}.",
            untouched="Nothing was sent.",
            todo="Check `ssh_address` in the node's options, and that the node is up and reachable from here.",
        )

    def _too_slow(self, command: Command) -> Unreachable:
        return Unreachable(
            f"The command line of {escape(self._node)} did not end `{escape(command.line, 80)}` within "
            f"{command.patience} seconds.",
            untouched=left(command),
            todo="Log in there by SSH and look; then run the same command again.",
        )


OS_ACCOUNT = "Check `username` and `password` of the node: an OS administrator of this very node with privilege 1."


async def _read(shell: "asyncssh.SSHClientProcess[str]", dialogue: Dialogue) -> None:
    """Take what is shown next, and type what it asks for. Raises EOFError at the end."""
    piece = await shell.stdout.read(PIECE)
    if not piece:
        raise EOFError("the session ended")
    if keys := dialogue.take(piece):
        shell.stdin.write(keys)


def _reason(error: Exception) -> str:
    return error.what if isinstance(error, CertrenewError) else reason(error)
