"""Each setting of each CUCM switch does what it says, so that nothing rests on a guess about the vendor."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import asyncssh
import pytest

from engine.errors import UsageError
from plugins.lab.authority import pem
from plugins.lab.cucm.rest import BASE
from plugins.lab.cucm.services import AGE
from plugins.lab.cucm.switches import CUCM_SWITCHES
from plugins.lab.lab import Lab
from plugins.lab.switches import Settings

from .conftest import MakeLab
from .node_client import NodeClient, fault, held, items, node, outer
from .node_shell import talk, typed

pytestmark = pytest.mark.lab


def one(make: MakeLab, switch: str, setting: str) -> NodeClient:
    """Start a lab with one setting on the publisher and be its administrator."""
    lab = make(cucm=True, switches={"cucm-pub": {switch: setting}})
    return NodeClient(lab, "cucm-pub")


def root(pub: NodeClient, *services: str) -> int:
    """Upload the new root and return the status."""
    return pub.upload([pub.lab.authority.new.root.certificate], services or ("tomcat",)).status


def callmanager_service(make: MakeLab, setting: str) -> None:
    """The one name is taken, the other refused."""
    pub = one(make, "callmanager_service", setting)
    other = {"CallManager": "CallManager-trust", "CallManager-trust": "CallManager"}[setting]
    assert (root(pub, other), root(pub, setting)) == (400, 200)
    assert len(held(pub.lab, "cucm-pub", "CallManager-trust")) == 3


def snapshot_names(make: MakeLab, setting: str) -> None:
    """With or without -trust."""
    end = "-trust" if setting == "trust" else ""
    assert set(one(make, "snapshot_names", setting).stores()) == {f"{unit}{end}" for unit in STORES}


STORES = ("tomcat", "CallManager", "CAPF")


def trust_list_shape(make: MakeLab, setting: str) -> None:
    """The same certificates, in an object or bare."""
    told = json.loads(one(make, "trust_list_shape", setting).get("/trust/certificate?service=tomcat").body)
    listed = told["certificates"] if setting == "object" else told
    assert [list(entry) for entry in listed] == [["certificate"]] * 2


def upload_status(make: MakeLab, setting: str) -> None:
    """Both are success."""
    assert root(one(make, "upload_status", setting)) == int(setting)


def per_upload(make: MakeLab, setting: str) -> None:
    """Two stores, or two certificates, in one request."""
    pub = one(make, "per_upload", setting)
    expected = 200 if setting == "several" else 400
    assert root(pub, "tomcat", "CallManager") == expected
    assert pub.upload(pub.lab.authority.new.chain[::-1], ["tomcat"]).status == expected
    assert root(pub) == 200


def duplicate_upload(make: MakeLab, setting: str) -> None:
    """It is there once, whatever is answered."""
    pub = one(make, "duplicate_upload", setting)
    assert [root(pub), root(pub)] == [200, 200 if setting == "accepted" else 400]
    assert len(held(pub.lab, "cucm-pub", "tomcat-trust")) == 3


def error_shape(make: MakeLab, setting: str) -> None:
    """The reason is in one member or the other."""
    said = json.loads(one(make, "error_shape", setting).post({}).body)
    reason = "Invalid request body"
    assert said == ({"message": reason} if setting == "message" else {"messages": [reason]})


def privilege(make: MakeLab, setting: str) -> None:
    """Reading works in any case."""
    pub = one(make, "privilege", setting)
    assert (pub.get().status, root(pub)) == (200, 200 if setting == "1" else 403)


def read_only_status(make: MakeLab, setting: str) -> None:
    """Neither counts as a refused login."""
    lab = make(cucm=True, switches={"cucm-pub": {"read_only_status": setting, "privilege": "0"}})
    pub = NodeClient(lab, "cucm-pub")
    assert [root(pub) for _ in range(4)] == [int(setting)] * 4
    assert lab.effects.of("login-refused") == []


def file_names(make: MakeLab, setting: str) -> None:
    """With the serial or without."""
    told = json.loads(one(make, "file_names", setting).get().body)
    name = told["trusts"][0]["certificate_data"][0]["filename"]
    assert name.startswith("Corp_Issuing_CA_G1")
    assert (name == "Corp_Issuing_CA_G1.pem") == (setting == "cn")


def replication(make: MakeLab, setting: str) -> None:
    """Whether and when what the subscriber got arrives; the rest is in test_cucm_rest."""
    pub = one(make, "replication", setting)
    NodeClient(pub.lab, "cucm-sub").trust_new(["tomcat"])
    assert pub.lab.state()["cucm-pub"]["replicates"] == (setting != "never")
    if setting != "never":
        pub.lab.effects.wait("trust-replicated", "cucm-pub", count=2)


def soap_account(make: MakeLab, setting: str) -> None:
    """The application user is let in; the OS account only where it is the same."""
    pub = one(make, "soap_account", setting)
    user, password = pub.soap_login
    assert (user == pub.login[0], password == pub.login[1]) == {
        "same": (True, True),
        "other-user": (False, True),
        "separate": (False, False),
    }[setting]
    assert pub.status("Cisco Tftp")
    asked = pub.call("soapGetServiceStatus", "<s:ServiceStatus></s:ServiceStatus>", pub.login)
    assert asked.status == (200 if setting == "same" else 401)
    told = json.loads((pub.lab.home / "lab.json").read_text())["nodes"]["cucm-pub"]
    assert (told.get("soap_username"), told.get("soap_password")) == (
        (None, None) if setting == "same" else (user, password)
    )


def soap_refusal(make: MakeLab, setting: str) -> None:
    """In the item, or for the whole request; nothing restarts."""
    pub = one(make, "soap_refusal", setting)
    answer = pub.control("Restart", "Cisco Tomcat")
    expected = ("0", "-1", 1) if setting == "item" else ("1", "-1011", 0)
    assert (outer(answer, "ReturnCode"), outer(answer, "ReasonCode"), len(items(answer))) == expected
    assert pub.lab.effects.of("service-restarting") == []


def soap_rate(make: MakeLab, setting: str) -> None:
    """As many as that, and not one more."""
    pub = one(make, "soap_rate", setting)
    limit = int(setting)
    asked = [pub.control("Start", "Cisco Tftp") for _ in range(limit + 1)]
    assert [answer.status for answer in asked[:limit]] == [200] * limit
    assert "Exceeded allowed rate" in fault(asked[limit])


def soap_rate_seconds(make: MakeLab, setting: str) -> None:
    """How long; that it passes is shown in test_cucm_services."""
    assert one(make, "soap_rate_seconds", setting).node.settings.number("soap_rate_seconds") == int(setting)


def restart_status(make: MakeLab, setting: str) -> None:
    """With a restart that takes an hour the old process shows, or does not."""
    lab = make(cucm=True, restart_seconds=3600, switches={"cucm-pub": {"restart_status": setting}})
    pub = NodeClient(lab, "cucm-pub")
    assert pub.restart("Cisco Tftp") == -1
    if setting == "at-once":
        lab.await_mra("Failed", node="cucm-pub", consumer="tftp")
    shown = pub.status("Cisco Tftp")["Cisco Tftp"]
    assert (shown["ServiceStatus"], int(shown["UpTime"]) >= AGE) == {
        "late": ("Started", True),
        "at-once": ("Stopping", False),
    }[setting]


def start_time(make: MakeLab, setting: str) -> None:
    """The uptime is right in any case."""
    shown = one(make, "start_time", setting).status("Cisco Tftp")["Cisco Tftp"]
    if setting == "empty":
        assert shown["StartTime"] == ""
        return
    told = datetime.strptime(shown["StartTime"], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    true = datetime.now(UTC) - timedelta(seconds=int(shown["UpTime"]))
    assert round((told - true).total_seconds() / 3600) == {"utc": 0, "ahead": 2}[setting]


def tftp(make: MakeLab, setting: str) -> None:
    """Where it does not run there is nothing to restart, and MRA does not need it."""
    pub = one(make, "tftp", setting)
    shown = pub.status("Cisco Tftp")["Cisco Tftp"]
    assert (shown["ServiceStatus"], shown["ReasonCode"]) == {"on": ("Started", "-1"), "off": ("Stopped", "-1068")}[
        setting
    ]
    assert pub.restart("Cisco Tftp") == {"on": -1, "off": -1068}[setting]
    pub.lab.await_mra("Active")
    assert ("tftp" in pub.lab.state()["cucm-pub"]["mra"]) == (setting == "on")


def haproxy(make: MakeLab, setting: str) -> None:
    """A release without it: Tomcat alone counts."""
    pub = one(make, "haproxy", setting)
    assert ("Cisco HAProxy" in pub.status()) == (setting == "on")
    assert pub.restart("Cisco HAProxy") == {"on": -1011, "absent": -1010}[setting]
    pub.lab.await_mra("Active")


def ssh_login(make: MakeLab, setting: str) -> None:
    """A password is asked for in one way, or in either; another question, or the other way, lets nobody in."""
    pub = one(make, "ssh_login", setting)
    for by in ("keyboard-interactive", "password"):
        if setting in (by, "both"):
            assert "Tomcat[STARTED]" in talk(pub, ("admin:", "utils service list\n"), by=by)
        else:
            with pytest.raises(asyncssh.PermissionDenied):
                talk(pub, by=by)
    assert pub.lab.effects.of("login-refused") == []


def cli_start(make: MakeLab, setting: str) -> None:
    """At once here; a second later where it is set so."""
    assert setting == "0"
    pub = one(make, "cli_start", "1")
    began = time.monotonic()
    assert "Welcome to the Platform Command Line Interface" in talk(pub)
    assert time.monotonic() - began >= 1


def pagination(make: MakeLab, setting: str) -> None:
    """A long output comes whole once paging is off, and by the page on a node that does not heed it."""
    pub, off, long = one(make, "pagination", setting), ("admin:", "set cli pagination off\n"), ("admin:", f"{QUERY}\n")
    shown = talk(pub, off, long) if setting == "obeys" else talk(pub, off, long, ("Press <enter>", "q"))
    assert ("Press <enter>" in shown) == (setting == "stays")
    assert "Press <enter>" in talk(pub, long, ("Press <enter>", "q"))


QUERY = "run sql select c.certificate from certificate as c where 1 = 1"


def cert_show(make: MakeLab, setting: str) -> None:
    """The PEM comes in one setting, the serial number in both."""
    pub = one(make, "cert_show", setting)
    shown = typed(pub, f"show cert trust {files(pub)[0]}")
    assert "Serial Number: " in shown
    assert ("-----BEGIN CERTIFICATE-----" in shown) == (setting == "pem")


def cert_tags(make: MakeLab, setting: str) -> None:
    """The names of the members follow the release."""
    pub = one(make, "cert_tags", setting)
    shown = typed(pub, f"show cert trust {files(pub)[0]}")
    assert ("Issuer Name" in shown, "IssuerDN" in shown) == (setting == "old", setting == "new")


def import_question(make: MakeLab, setting: str) -> None:
    """Where it is asked, only a yes imports."""
    pub = one(make, "import_question", setting)
    text = pem([pub.lab.authority.new.root.certificate]).decode()
    steps = [("admin:", "set cert import trust tomcat\n"), ("Hit Enter", f"{text}\n")]
    if setting == "asked":
        assert "Successfully" not in talk(pub, *steps, ("(yes/no)?", "no\n"))
        steps.append(("(yes/no)?", "yes\n"))
    assert "Successfully imported certificate for tomcat." in talk(pub, *steps)
    assert len(held(pub.lab, "cucm-pub", "tomcat-trust")) == 3


def cert_delete(make: MakeLab, setting: str) -> None:
    """The one name of the store is taken, and the other deletes nothing."""
    pub = one(make, "cert_delete", setting)
    file = next(name for name in files(pub) if name.startswith("tomcat-trust/")).partition("/")[2]
    right, wrong = ("tomcat-trust", "tomcat") if setting == "store" else ("tomcat", "tomcat-trust")
    assert "unsuccessfully" in typed(pub, f"set cert delete {wrong} {file}")
    assert "deleted" in typed(pub, f"set cert delete {right} {file}")
    assert [len(held(pub.lab, name, "tomcat-trust")) for name in ("cucm-pub", "cucm-sub")] == [1, 1]


def files(pub: NodeClient) -> list[str]:
    """Return the files of every store, as they are listed."""
    return re.findall(r"^(\S+/\S+\.pem): ", typed(pub, "show cert list trust"), re.MULTILINE)


def lockout_after(make: MakeLab, setting: str) -> None:
    """Three by default."""
    lab: Lab = make(cucm=True)
    assert node(lab, "cucm-pub").settings.number("lockout_after") == int(setting) == 3


CASES: dict[str, Callable[[MakeLab, str], None]] = {name: globals()[name] for name in CUCM_SWITCHES}
SETTINGS = [
    (name, setting)
    for name, row in CUCM_SWITCHES.items()
    for setting in [*([] if row.number is None else [str(row.number)]), *row.settings]
]


@pytest.mark.parametrize(("switch", "setting"), SETTINGS)
def test_each_setting_does_what_it_says(make_lab: MakeLab, switch: str, setting: str) -> None:
    """A switch without a case here fails at import."""
    CASES[switch](make_lab, setting)


@pytest.mark.parametrize("wrong", [{"send_chain": "leaf"}, {"replication": "soon"}, {"privilege": "4"}])
def test_a_switch_or_setting_that_a_node_does_not_have_is_refused(wrong: dict[str, str]) -> None:
    """Those of Expressways are others; a number or a word, where both are taken."""
    with pytest.raises(UsageError) as refused:
        Settings(wrong, CUCM_SWITCHES)
    assert refused.value.todo
    assert Settings({"replication": "never"}, CUCM_SWITCHES)["replication"] == "never"


def test_a_switch_for_all_goes_to_those_that_have_it(make_lab: MakeLab) -> None:
    """Expressways and CUCM nodes share few."""
    common = {"send_chain": "intermediates", "error_shape": "messages", "lockout_after": "7"}
    lab = make_lab(cucm=True, switches={"*": common})
    assert lab.boxes["expc"].settings["send_chain"] == "intermediates"
    assert node(lab, "cucm-sub").settings["error_shape"] == "messages"
    assert {lab.boxes["expe"].settings["lockout_after"], node(lab, "cucm-pub").settings["lockout_after"]} == {"7"}
    assert NodeClient(lab, "cucm-pub").send("GET", f"{BASE}/nothing").status == 404
