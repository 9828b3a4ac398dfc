"""Type at a simulated node's command line, with nothing of the project's own client in between."""

import asyncio

import asyncssh

from plugins.lab.ports import LOOPBACK

from .node_client import NodeClient, cluster

PATIENCE = 60.0
"""How long a conversation may take, in seconds."""

EXIT = ("admin:", "exit\n")


def talk(pub: NodeClient, *steps: tuple[str, str], by: str = "keyboard-interactive") -> str:
    """Log in, wait for each text and type what follows it; return all that was shown until the session ended."""
    return asyncio.run(asyncio.wait_for(_talk(pub, [*steps, EXIT], by), PATIENCE))


async def _talk(pub: NodeClient, steps: list[tuple[str, str]], by: str) -> str:
    user, password = pub.login
    port = cluster(pub.lab).machines[pub.name].ports["ssh"].number
    options = {"known_hosts": None, "config": None, "client_keys": None, "agent_path": None, "preferred_auth": (by,)}
    async with asyncssh.connect(LOOPBACK, port, username=user, password=password, **options) as connection:
        shell: asyncssh.SSHClientProcess[str] = await connection.create_process(
            term_type="vt100", term_size=(511, 1000)
        )
        shown = seen = ""
        for wanted, keys in steps:
            while wanted not in seen:
                piece = await shell.stdout.read(65536)
                assert piece, f"ended without {wanted}: {shown}"
                shown, seen = shown + piece, seen + piece
            seen = ""
            shell.stdin.write(keys)
        return str(shown + await shell.stdout.read())


def typed(pub: NodeClient, line: str) -> str:
    """Type one command, without pages, and return what was shown."""
    return talk(pub, ("admin:", "set cli pagination off\n"), ("admin:", f"{line}\n"))
