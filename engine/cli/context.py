"""Build what a command needs from the global options: site, home, who runs it."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.estate import Estate
    from engine.model import Actor
    from engine.runner import Runner
    from engine.runner.site import Site as LiveSite
    from engine.runner.site import Tell
    from engine.store import Store

DEFAULT_SITE = Path("certrenew.toml")


@dataclass
class Settings:
    """Be the global options of one command; site and store are read when first used. `used` is what it worked with."""

    site: Path = DEFAULT_SITE
    home: Path | None = None
    used: "LiveSite | None" = None

    @cached_property
    def store(self) -> "Store":
        """Return the store in the home folder; reading creates nothing."""
        from engine.store import Store

        return Store(self.home or _default_home())

    @cached_property
    def estate(self) -> "Estate":
        """Return the site. Raises SiteError."""
        from engine.site import load

        return load(self.site)

    @cached_property
    def distributions(self) -> tuple[str, ...]:
        """Return what the site allows to be loaded; nothing where no site was named and none is here.

        Raises SiteError.
        """
        if self.siteless:
            return ()
        from engine.site import distributions

        return tuple(distributions(self.site))

    @property
    def siteless(self) -> bool:
        """Tell whether no site was named and none is in the current folder."""
        return self.site == DEFAULT_SITE and not os.path.exists(self.site)

    def runner(self, tell: "Tell | None" = None) -> "Runner":
        """Return the runner for this site and home."""
        from engine.runner import Runner

        return Runner(self.whole(tell), new_id)

    def whole(self, tell: "Tell | None" = None) -> "LiveSite":
        """Return site, plugins and home together, for whoever runs this command."""
        site = self.used = self.around(self.estate)
        if tell is not None:
            site.tell = tell
        return site

    def around(self, estate: "Estate") -> "LiveSite":
        """Return an estate together with its plugins and this home; it need not be what the site file says."""
        from engine.registry import Registry
        from engine.runner.site import Site

        registry = Registry(tuple(estate.distributions))
        return Site(estate=estate, registry=registry, store=self.store, actor=actor(estate))


def _default_home() -> Path:
    from platformdirs import user_data_path

    return user_data_path("certrenew")


def actor(estate: "Estate") -> "Actor":
    """Return who runs this command: the local account, and the person whose uid it is."""
    uid = os.getuid()
    return local_actor(next((person.id for person in estate.people.values() if person.uid == uid), None))


def local_actor(person: str | None = None) -> "Actor":
    """Return the local account, as the person that somebody found it to be."""
    from engine.model import Actor

    uid = os.getuid()
    return Actor(person=person, uid=uid, account=_account(uid), host=os.uname().nodename)


def _account(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # an account that only exists in the container or the network
        return str(uid)


def new_id() -> str:
    """Make a short random name, easy to read out: eight letters and digits without look-alikes, 38 bits."""
    import secrets

    return "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(8))
