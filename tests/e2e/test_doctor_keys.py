"""`doctor` of a certificate that peers share: how its key is fetched is tried once, and no file is read."""

from collections.abc import Callable

import pytest

from engine.doctor.findings import exit_code
from engine.model import Outcome
from plugins.lab.lab import Lab
from tests.e2e.test_doctor import edit, examined, of, only

Labs = Callable[..., Lab]


@pytest.fixture
def lab(labs: Labs) -> Lab:
    """Return a lab whose peers can share a certificate."""
    return labs(shared=True)


def test_what_is_set_well_passes_and_the_vendors_advice_is_told(lab: Lab) -> None:
    """The folder is listed with one login; that a key is shared is a warning, with what is better."""
    found = examined(lab)
    assert only(found, Outcome.PASS, "keys", "expc").message.startswith("Its folder of keys can be listed")
    advised = only(found, Outcome.WARN, "keys", "expc")
    assert "Cisco 213872" in advised.message
    assert "renew-a-cluster.md" in advised.todo
    assert of(found, Outcome.FAIL) == []
    assert lab.effects.of("login-refused") == []
    edit(lab, "cluster_name = ", "# cluster_name = ")
    assert of(examined(lab), Outcome.WARN, "keys") == [], "control: a certificate that is not shared"


WRONG = {
    "host key": (("SHA256:", "SHA256:x"), "shows the SSH host key"),
    "password": (('"file:secrets/expc-root"', '"file:secrets/expc2"'), "refused the SFTP login"),
    "no password": (('password = "file:secrets/expc-root"', ""), "no `password` and no `private_key`"),
    "folder": (('username = "root"', 'username = "root"\nfolder = "/nowhere"'), "can't be read by SFTP"),
    "secret": (('secret = "file:secrets/shared-keys"', 'secret = "env:CERTRENEW_NOT_SET"'), "is not set"),
    "no secret": (('secret = "file:secrets/shared-keys"', ""), "`secret` is missing"),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_wrong_setting_is_found_with_one_try(lab: Lab, what: str) -> None:
    """A wrong host key, login, folder or secret fails the check, alone; at most one login was refused."""
    change, says = WRONG[what]
    edit(lab, *change)
    found = examined(lab)
    [one] = of(found, Outcome.FAIL)
    assert (one.check, says in one.message) == ("keys", True)
    assert exit_code(found) == one.exit_code
    assert len(lab.effects.of("login-refused")) == (1 if what == "password" else 0)
