"""Look into a box's folder over SFTP: of this folder, the module that connects. Nothing is ever written there."""

import asyncio
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from posixpath import join
from typing import TYPE_CHECKING, TypeVar

from engine.contracts import Access, PrivateKey
from engine.errors import CertrenewError, Failed, LoginRefused, NotSent, Refused, Untrusted, UsageError
from engine.https import Exchange, Response
from engine.net import split_address
from engine.ssh import PORT, Login, connect, reason
from engine.text import counted, escape
from plugins.expressway import Sftp
from plugins.expressway.sftp.wire import CAP, ENTRIES, FILES, private_key

if TYPE_CHECKING:
    import asyncssh

PATIENCE = 60.0
"""How long looking into the folder may take, in seconds."""

T = TypeVar("T")


class Folder:
    """Be the folder in which a box keeps its keys. Each call is one login; one that was refused is never sent again."""

    def __init__(self, access: Access, options: Sftp) -> None:
        self._node, self._access, self._options = access.node, access, options
        self._host, self._port = split_address(options.address or split_address(access.address)[0], PORT)
        self._refused = False

    def find(self, key: str) -> PrivateKey:
        """Read regular files until one holds the private key whose public key has this SHA-256. Read-only.

        Raises Refused when none does, and what `check` raises.
        """

        async def search(sftp: "asyncssh.SFTPClient") -> PrivateKey | int:
            read = 0
            async for name in self._regular(sftp):
                if read == FILES:
                    break
                read += 1
                found = private_key(await self._content(sftp, name), key)
                if found is not None:
                    return PrivateKey(join(self._options.folder, name), found)
            return read

        found = self._run(search)
        if isinstance(found, PrivateKey):
            self._note(f"{found.file} holds the private key that was looked for")
            return found
        self._note(f"{counted(found, 'file')} read, none holds the private key that was looked for")
        raise Refused(
            f"None of {counted(found, 'regular file')} in {escape(self._options.folder)} on {escape(self._node)} holds "
            "the private key of the CSR.",
            untouched="Nothing was kept of what they hold.",
            todo="Is `folder` right in [options.sftp] of the node, and is the CSR still pending there? Where the box "
            "keeps its keys in another way, take that table out: then people upload the key on the other peers.",
        )

    def check(self) -> None:
        """Log in and list the folder; no file is read.

        Raises UsageError (settings), Untrusted, LoginRefused, NotSent or Failed.
        """

        async def listed(sftp: "asyncssh.SFTPClient") -> int:
            return len([name async for name in self._regular(sftp)])

        self._note(f"{counted(self._run(listed), 'regular file')} listed, none read")

    def _run(self, look: "Callable[[asyncssh.SFTPClient], Awaitable[T]]") -> T:
        if self._refused:
            raise self._not_let_in("It refused the login before, so nothing more was sent.")
        return asyncio.run(self._session(self._login(), look))

    def _login(self) -> Login:
        options, secret = self._options, self._access.secret
        if not options.password and not options.private_key:
            raise UsageError(
                f"[nodes.{escape(self._node)}.options.sftp] has no `password` and no `private_key`.",
                todo="Name one of them there, as a reference such as file:secrets/root.",
            )
        password = secret(options.password) if options.password else ""
        return Login(
            options.username, password, options.host_key, secret(options.private_key) if options.private_key else ""
        )

    async def _session(self, login: Login, look: "Callable[[asyncssh.SFTPClient], Awaitable[T]]") -> T:
        import asyncssh

        connection = await self._connect(login)
        try:
            async with (
                asyncio.timeout(PATIENCE),
                # A name may be of any bytes; it goes back as it came.
                connection.start_sftp_client(path_errors="surrogateescape") as sftp,
            ):
                return await look(sftp)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise Failed(
                f"{escape(self._options.folder)} on {escape(self._node)} can't be read by SFTP: {reason(error)}.",
                untouched="Nothing was changed there, and nothing was kept.",
                todo="Check `folder` in the node's options, and that its account may read it; then run it again.",
            ) from None
        finally:
            connection.abort()
            await connection.wait_closed()

    async def _connect(self, login: Login) -> "asyncssh.SSHClientConnection":
        import asyncssh

        try:
            return await connect(self._host, self._port, login)
        except asyncssh.HostKeyNotVerifiable:
            raise self._unknown_host(login.shown) from None
        except asyncssh.KeyImportError:
            raise UsageError(
                f"[nodes.{escape(self._node)}.options.sftp]: `private_key` leads to no private key without a password.",
                todo="Put one there in OpenSSH's form: ssh-keygen -t ed25519 -N ''",
            ) from None
        except asyncssh.PermissionDenied:
            self._refused = True
            raise self._not_let_in("Nothing was read.") from None
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise NotSent(
                f"{escape(self._node)} gives no SFTP session at {escape(self._host)}:{self._port}: {reason(error)}.",
                untouched="Nothing was sent.",
                todo="Check `address` in [options.sftp] of the node, and that SSH is reachable from here.",
            ) from None

    async def _regular(self, sftp: "asyncssh.SFTPClient") -> AsyncIterator[str]:
        """Yield the names of the folder's regular files that may be a key by their size, links left out."""
        seen = 0
        async for entry in sftp.scandir(self._options.folder):
            seen += 1
            if seen > ENTRIES:
                return
            name, about = str(entry.filename), entry.attrs
            mode, size = about.permissions, about.size
            regular = mode is not None and stat.S_ISREG(mode)
            if regular and size is not None and 0 < size <= CAP and "/" not in name:
                yield name

    async def _content(self, sftp: "asyncssh.SFTPClient", name: str) -> bytes:
        """Read a file up to the cap; nothing of one that grew, or that may not be read."""
        import asyncssh

        try:
            async with sftp.open(join(self._options.folder, name), "rb") as file:
                content: bytes = await file.read(CAP + 1)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure):
            return b""
        return content if len(content) <= CAP else b""

    def _note(self, what: str) -> None:
        """Note a look for the transcript: where, and what came of it, and nothing of what files hold."""
        answer = Response(0, "text/plain", escape(what, 400).encode("utf-8", "replace"))
        self._access.record(Exchange("sftp", self._options.folder, b"", "", answer))

    def _unknown_host(self, shown: str) -> Untrusted:
        return Untrusted(
            f"{escape(self._node)} shows the SSH host key {escape(shown, 80) or 'of a kind that is not taken'}, and "
            "that is not the `host_key` of its settings `sftp`.",
            untouched="No password and no key was sent.",
            todo="Compare it with what the box itself says, at its console or on a connection that you trust; if it is "
            "the same, write it there.",
        )

    def _not_let_in(self, untouched: str) -> CertrenewError:
        return LoginRefused(
            f"{escape(self._node)} refused the SFTP login of '{escape(self._options.username)}'.",
            untouched=f"{untouched} It is not tried again: a box locks out who keeps trying.",
            todo="Check `username` and `password` (or `private_key`) in [options.sftp] of the node, and that this "
            "account may log in by SSH.",
        )
