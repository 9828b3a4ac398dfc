"""Install a distribution whose observer and hook do whatever a test asks for: raise, hang, die, alter, print."""

from pathlib import Path

SOURCE = """
import json, os, signal, subprocess, sys, threading
from pathlib import Path
from engine.contracts import Observer, ObserverPlugin
from engine.errors import Failed, LoginRefused, Refused, Untrusted
from engine.hookspecs import hookimpl
from engine.model import Value


class Options(Value, frozen=True, kw_only=True):
    does: str
    file: Path
    secret: str = ""


class Rude(Observer):
    def __init__(self, access, options):
        self.access, self.options = access, options

    def observe(self, renewal, event):
        getattr(self, self.options.does)(renewal, event)

    def write(self, renewal, event):
        with self.options.file.open("a") as file:
            file.write(json.dumps([renewal["id"], event["seq"]]) + "\\n")

    def block(self, renewal, event):
        self.options.file.read_text()

    def fail(self, renewal, event):
        raise Failed("away\\x1b[2J")

    def refuse(self, renewal, event):
        raise Refused("never")

    def distrust(self, renewal, event):
        raise Untrusted("who are you")

    def login(self, renewal, event):
        raise LoginRefused("wrong password")

    def secretive(self, renewal, event):
        raise KeyError(self.access.secret(self.options.secret))

    def leave(self, renewal, event):
        sys.exit(0)

    def die(self, renewal, event):
        os.kill(os.getpid(), signal.SIGSEGV)

    def vanish(self, renewal, event):
        os._exit(0)

    def hang(self, renewal, event):
        child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        self.options.file.write_text(str(child.pid))
        signal.pause()

    def linger(self, renewal, event):
        child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        self.options.file.write_text(str(child.pid))
        threading.Thread(target=signal.sigwait, args=([signal.SIGUSR1],)).start()

    def alter(self, renewal, event):
        renewal.clear()
        event["hash"] = "forged"

    def shout(self, renewal, event):
        print("[\\"never\\", \\"printed\\"]", flush=True)
        os.write(1, b"[]")
        print("noise", file=sys.stderr)


@hookimpl
def register_observers():
    return [ObserverPlugin("rude", Options, Rude)]
"""

HOOK = """

@hookimpl
def observe(renewal, event):
    renewal.clear()
    with open(os.environ["RUDE_FILE"], "a") as file:
        file.write(json.dumps(event["seq"]) + "\\n")
"""


def install(folder: Path, hook: bool = False) -> None:
    """Put the distribution `rude` into a folder that is on the path of this process and its children."""
    (folder / "rude_plugin.py").write_text(SOURCE + (HOOK if hook else ""))
    info = folder / "rude-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rude\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[certrenew]\nrude = rude_plugin\n")


SITE = """
schema = 1

[plugins]
distributions = ["rude"]

[nodes.expc]
kind = "expressway-c"
driver = "expressway"
address = "127.0.0.1:1"
hostname = "expc.example"
username = "admin"
password = "env:EXPC"

[authorities.corp]
plugin = "manual"

[certificates.expc-server]
node = "expc"
authority = "corp"
"""

OBSERVER = """
[observers.rude]
plugin = "rude"
events = ["all"]

[observers.rude.options]
does = "{does}"
file = "{file}"
secret = "env:RUDE_SECRET"
"""


def write_site(folder: Path, does: str = "") -> Path:
    """Write a site file, with the observer when it does something; its file is `heard` in the folder."""
    path = folder / "certrenew.toml"
    path.write_text(SITE + (OBSERVER.format(does=does, file=folder / "heard") if does else ""))
    path.chmod(0o600)
    return path
