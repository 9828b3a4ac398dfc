"""Hold what is said of site file, plugins, authorities and names."""

from collections.abc import Sequence
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace

import pytest

from engine.contracts import AuthorityPlugin, Office
from engine.doctor import patient as patients
from engine.doctor.findings import exit_code, failed, passed, warned
from engine.doctor.visit import Seen
from engine.errors import SiteError
from engine.hookspecs import hookimpl
from engine.model import Value
from engine.registry import Registry
from engine.site import FILL_IN, load
from tests.engine.doctor.conftest import SITE, Make, run, told
from tests.pki import CA, DAY, NOW, pem


def test_what_is_to_be_filled_in_is_named_place_by_place(make: Make, tmp_path: Path) -> None:
    """Each text that stands for something to be filled in is named with what is wanted there; the file is not used."""
    place = f"{FILL_IN}: the name in its certificate>"
    one = make(('"expc.example"', f'"{place}"'), ('uid = 4712\nroles = ["change"]', f'roles = ["{FILL_IN}"]'))
    first, second = run("site", one)
    assert told([first, second]) == [("fail", 2), ("fail", 2)]
    assert ("`nodes.expc.hostname`" in first.message, first.todo) == (True, "Put there: the name in its certificate")
    assert "`people.bob.roles 1`" in second.message
    with pytest.raises(SiteError, match="not filled in"):
        load(tmp_path / "certrenew.toml")
    assert told(run("site", make())) == [("pass", 0)]


def test_a_site_without_certificates_is_told(make: Make) -> None:
    """There is nothing to renew."""
    bare = make(('[certificates.expc-server]\nnode = "expc"\nauthority = "corp"', ""))
    assert told(run("site", bare)) == [("pass", 0), ("warn", 0)]


# ---- plugins -------------------------------------------------------------------------------------------------------


class Broken:
    """Be a plugin that fails when it is asked what it has."""

    @hookimpl
    def register_authorities(self) -> Sequence[AuthorityPlugin]:
        """Fail."""
        raise RuntimeError("no such thing")


class Twin:
    """Be a plugin that registers what another has."""

    @hookimpl
    def register_authorities(self) -> Sequence[AuthorityPlugin]:
        """Offer another `manual`."""
        return [AuthorityPlugin("manual", Value, lambda _office, _options: None)]  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(("plugin", "why"), [(Broken(), "no such thing"), (Twin(), "Two plugins register")])
def test_a_plugin_that_can_not_be_used_is_named(make: Make, plugin: object, why: str) -> None:
    """It fails with 2, once, and no box is visited; without it the plugins pass."""
    one = make(plugins=(plugin,))
    (found,) = run("plugins", one)
    assert (found.outcome, found.exit_code) == ("fail", 2)
    assert why in found.message
    one.look()
    assert one.seen == {}
    assert told(run("reachable", one)) == [("warn", 0)]
    assert told(run("plugins", make())) == [("pass", 0)]


def test_a_distribution_that_is_not_installed_is_told(make: Make) -> None:
    """A name in [plugins] that nothing here has fails, the others are still told."""
    one = make(("schema = 1", 'schema = 1\nplugins.distributions = ["certrenew", "certrenew-nothing"]'))
    assert told(run("plugins", one)) == [("fail", 2), ("pass", 0)]
    assert "certrenew-nothing" in run("plugins", one)[0].message


# ---- authorities ---------------------------------------------------------------------------------------------------


def test_an_authority_is_judged_by_its_settings_and_roots(make: Make, tmp_path: Path) -> None:
    """Wrong settings and unreadable files fail with 2, an ended root with 4, no root warns, a good one passes."""
    assert told(run("authorities", make())) == [("warn", 0)]
    plugin = 'plugin = "manual"'
    assert told(run("authorities", make((plugin, f"{plugin}\noptions.contcat = 1")))) == [("fail", 2)]
    rooted = (plugin, f'{plugin}\nroots = ["root.pem"]')
    assert told(run("authorities", make(rooted))) == [("fail", 2)]
    (tmp_path / "root.pem").write_text(pem(CA.root("Root").certificate))
    assert told(run("authorities", make(rooted))) == [("pass", 0)]
    later = make(rooted)
    later.now = NOW + 36500 * DAY
    assert told(run("authorities", later)) == [("fail", 4)]


def test_making_an_authority_contacts_nobody(make: Make) -> None:
    """The check makes the backend, with an office, and asks nothing of it."""
    made: list[Office] = []

    class Quiet:
        @hookimpl
        def register_authorities(self) -> Sequence[AuthorityPlugin]:
            """Offer an authority that has no method at all."""

            def connect(office: Office, _options: Value) -> object:
                made.append(office)
                return SimpleNamespace()

            return [AuthorityPlugin("quiet", Value, connect)]  # type: ignore[arg-type]

    one = make(('plugin = "manual"', 'plugin = "quiet"'), plugins=(Quiet(),))
    assert told(run("authorities", one)) == [("warn", 0)]
    assert [office.name for office in made] == ["corp"]


# ---- names ---------------------------------------------------------------------------------------------------------


def test_names_without_an_address_are_one_warning(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Host names and extra DNS names are asked of the resolver, others are not; what it lacks is told once."""
    asked: list[str] = []

    def resolver(name: str) -> str:
        asked.append(name)
        return "" if name == "expc.example" else "unknown"

    monkeypatch.setattr(patients, "unresolved", resolver)
    names = 'names = ["DNS:a.example", "b.example", "IP:10.0.0.1", "URI:sip:c.example", "DNS:*.d.example"]'
    one = make(('authority = "corp"', f'authority = "corp"\n{names}'))
    one.registry = Registry(("certrenew",), (Broken(),))  # so that no box is visited
    one.look()
    assert sorted(asked) == ["a.example", "b.example", "expc.example"]
    found = run("names", one)
    assert told(found) == [("warn", 0), ("pass", 0)]
    assert "a.example, b.example: unknown" in found[0].message


# ---- several at once -----------------------------------------------------------------------------------------------


def test_boxes_are_visited_at_the_same_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box that does not answer keeps nobody from the next: both visits are under way before either ends."""
    both = Barrier(2, timeout=20)

    def visit(_connections: object, name: str) -> Seen:
        both.wait()
        return Seen(name)

    monkeypatch.setattr(patients, "visit", visit)
    second = '\n[nodes.expe]\nkind = "expressway-e"\ndriver = "expressway"\naddress = "a"\nhostname = "localhost"\n'
    one = make(("expc.example", "localhost"), more=second)
    shown: list[str] = []
    assert one.site is not None
    one.site.tell = lambda _kind, text: shown.append(text)
    one.look()
    assert [seen.node for seen in one.boxes] == ["expc", "expe"]
    assert shown[0] == "looking at expc, expe, name localhost"


# ---- what it ends with ---------------------------------------------------------------------------------------------


def test_the_exit_code_is_the_smallest_of_what_failed() -> None:
    """2 before 4 before 5; what passed or warns counts for nothing."""
    lost, wrong, unusable = (failed("c", "m", "t", code=code) for code in (5, 4, 2))
    rest = [passed("c", "m"), warned("c", "m", "t")]
    assert exit_code(rest) == 0
    assert exit_code([*rest, lost]) == 5
    assert exit_code([lost, wrong]) == 4
    assert exit_code([lost, wrong, unusable]) == 2


def test_the_site_of_these_tests_is_a_good_one(make: Make) -> None:
    """Control: nothing in it is refused."""
    assert make().fault is None
    assert FILL_IN not in SITE
