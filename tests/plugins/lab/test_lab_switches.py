"""Each setting of each switch does what it says, so that nothing rests on a guess about the vendor."""

import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from engine.errors import UsageError
from plugins.expressway.form.wire import file_fields
from plugins.guided.client import accepted_names
from plugins.lab.api import Answer, request
from plugins.lab.authority import fingerprint, pem
from plugins.lab.box import RESTART_NEEDED, UPTIME
from plugins.lab.form import FIELDS, LOGIN, PAGE, Pages
from plugins.lab.lab import Lab
from plugins.lab.requests import Refusal
from plugins.lab.switches import SWITCHES, Settings

from .client import CERTS, CSR, Client, leaf_of
from .conftest import MakeLab

pytestmark = pytest.mark.lab
SERVER = f"{CERTS}/server"


def upload_encoding(make: MakeLab, setting: str) -> None:
    """The encoding that a box does not take is refused, by both uploads."""
    lab = make(switches={"expc": {"upload_encoding": setting}})
    expc = Client(lab, "expc")
    root = pem([lab.authority.new.root.certificate])
    for encoding in ("multipart", "raw"):
        taken = setting in ("both", encoding)
        assert expc.post_file(f"{CERTS}/root", root, encoding=encoding).status == (200 if taken else 400)
    leaf = ready(lab)
    for encoding in ("raw", "multipart") if setting == "multipart" else ("multipart", "raw"):
        taken = setting in ("both", encoding)
        if lab.boxes["expc"].pending:
            assert expc.post_file(SERVER, leaf, encoding=encoding).status == (200 if taken else 400)


def csr_conflict_status(make: MakeLab, setting: str) -> None:
    """The text is the same, and so is what happens: nothing."""
    expc = Client(make(switches={"*": {"csr_conflict_status": setting}}), "expc")
    expc.request_csr()
    assert expc.post_json(f"{CERTS}/generate_csr", CSR).outcome == (int(setting), "Conflict")


def refusal_status(make: MakeLab, setting: str) -> None:
    """A refused upload may come with 200."""
    expc = Client(make(switches={"*": {"refusal_status": setting}}), "expc")
    assert expc.post_file(SERVER, b"").outcome == (int(setting), "Bad Request")
    assert expc.post_file(f"{CERTS}/root", b"").outcome == (int(setting), "Bad Request")


def refusal_text(make: MakeLab, setting: str) -> None:
    """The reason or two words."""
    expc = Client(make(switches={"*": {"refusal_text": setting}}), "expc")
    said = {"reason": "Certificate format invalid", "bad-request": "Bad Request"}[setting]
    assert expc.post_file(SERVER, b"").message == said


def trust_effective(make: MakeLab, setting: str) -> None:
    """A deleted CA is missed at once, or from the next restart on."""
    lab = make(switches={"*": {"trust_effective": setting}})
    lab.order("expe", "forget-ca", ca="old")
    if setting == "after-restart":
        lab.await_zone("Active")
        lab.machines["expe"].restart()
        lab.effects.wait("restarted", "expe")
    lab.await_zone("Failed")


def send_chain(make: MakeLab, setting: str) -> None:
    """A peer that lacks the intermediate notices only when it is not sent."""
    lab = make(switches={"*": {"send_chain": setting}})
    lab.boxes["expe"].remove_trust([fingerprint(lab.authority.old.issuing.certificate)])
    lab.await_zone("Active" if setting == "intermediates" else "Failed")


def uptime_on_restart(make: MakeLab, setting: str) -> None:
    """A client that reads the uptime as proof of a restart is right only sometimes."""
    lab = make(switches={"*": {"uptime_on_restart": setting}})
    assert lab.boxes["expc"].uptime >= UPTIME
    lab.machines["expc"].restart()
    lab.effects.wait("restarted", "expc")
    assert (lab.boxes["expc"].uptime < UPTIME) == (setting == "resets")


def api_access(make: MakeLab, setting: str) -> None:
    """By release, or as an administrator set it."""
    allowed = {"release": [200, 403], "on": [200, 200], "off": [403, 403]}[setting]
    for release, status in zip(("X14.3", "X15.2"), allowed, strict=True):
        lab = make(releases={"expc": release}, switches={"*": {"api_access": setting}})
        assert Client(lab, "expc").get("/api/raml").status == status


def same_subject(make: MakeLab, setting: str) -> None:
    """A new CA of the old name is ignored while the old one stands before it."""
    lab = make(ca_names="same", switches={"*": {"same_subject": setting}})
    leaf, box = ready(lab), lab.boxes["expc"]
    if setting == "first":
        with pytest.raises(Refusal, match="Untrusted"):
            box.upload(leaf)
        lab.order("expc", "forget-ca", ca="old")
    box.upload(leaf)


def duplicate_ca(make: MakeLab, setting: str) -> None:
    """Appending twice holds it twice, or once."""
    lab = make(switches={"*": {"duplicate_ca": setting}})
    for _ in range(2):
        Client(lab, "expc").trust_new()
    held = {"kept": 6, "dropped": 4}[setting]
    assert len(lab.boxes["expc"].trusted) == held
    assert len(lab.effects.of("trust-appended")) == held - 2


def same_key_upload(make: MakeLab, setting: str) -> None:
    """The certificate that is there already, once more."""
    box = make(switches={"*": {"same_key_upload": setting}}).boxes["expc"]
    again = pem([box.slots["server"].certificate])
    if setting == "refused":
        with pytest.raises(Refusal, match="does not match"):
            box.upload(again)
    else:
        box.upload(again)


def csr_after_upload(make: MakeLab, setting: str) -> None:
    """The CSR is used up by the upload, or still shown."""
    lab = make(switches={"*": {"csr_after_upload": setting}})
    lab.boxes["expc"].upload(ready(lab))
    assert (lab.boxes["expc"].pending is None) == (setting == "gone")


def server_eku_upload(make: MakeLab, setting: str) -> None:
    """The whole table of releases is in test_lab_uploads; here its one row that the switch changes."""
    lab = make(releases={"expe": "X15.4"}, switches={"expe": {"server_eku_upload": setting}})
    leaf = ready(lab, "expe", flaw="server-only")
    assert taken(lab, "expe", leaf) == (setting == "on")


def eku_checking(make: MakeLab, setting: str) -> None:
    """How the zone reacts is in test_lab_zone; a box of X15.5 has the setting, and the default is on."""
    lab = make(releases={"expe": "X15.5"}, switches={"expe": {"eku_checking": setting}})
    assert lab.boxes["expe"].settings["eku_checking"] == setting
    assert SWITCHES["eku_checking"].default == "on"


def server_as_client(make: MakeLab, setting: str) -> None:
    """An upload by API reaches the client slot, does not, or does when its form says so."""
    for asked, copied in ((False, setting == "on"), (True, setting != "off")):
        lab = make(releases={"expc": "X15.5"}, switches={"expc": {"api_access": "on", "server_as_client": setting}})
        form = {"use_as_client": "true"} if asked else {}
        assert Client(lab, "expc").post_file(SERVER, ready(lab), form=form).status == 200
        slots = lab.boxes["expc"].slots
        assert (slots["client"] == slots["server"]) == copied


def maintenance_alarm(make: MakeLab, setting: str) -> None:
    """An alarm stands while it is on; that it names the mode is a setting."""
    box = make(switches={"expc": {"maintenance_alarm": setting}}).boxes["expc"]
    box.set_maintenance(on=True)
    (alarm,) = box.alarms
    assert ("maintenance mode" in alarm.reason) == (setting == "named")
    box.set_maintenance(on=False)
    assert box.alarms == []


def maintenance_after_restart(make: MakeLab, setting: str) -> None:
    """A restart ends the mode and its alarm, or both are there again."""
    lab = make(switches={"expc": {"maintenance_after_restart": setting}})
    box = lab.boxes["expc"]
    box.set_maintenance(on=True)
    box.restart()
    lab.effects.wait("restarted", "expc")
    assert (box.maintenance, len(box.alarms)) == ((True, 1) if setting == "on" else (False, 0))


def client_store_api(make: MakeLab, setting: str) -> None:
    """The client slot is read and uploaded to by a function of its own, which is described, or there is none."""
    for release, there in (("X15.5", setting == "listed"), ("X15.4", False)):
        lab = make(releases={"expc": release}, switches={"expc": {"api_access": "on", "client_store_api": setting}})
        expc, path = Client(lab, "expc"), f"{CERTS}/client"
        assert (b"/certs/client" in expc.get("/api/raml").body) == there
        assert expc.get(path).status == (200 if there else 404)
        assert expc.post_file(path, ready(lab)).status == (200 if there else 404)
        if there:
            slots = lab.boxes["expc"].slots
            assert expc.get(path).body == pem([slots["client"].certificate])
            assert slots["client"] != slots["server"]


def cluster_csr_name(make: MakeLab, setting: str) -> None:
    """A CSR of a cluster's peer bears the cluster's name or its own; of a box without a cluster always its own."""
    csr = {plan: make(cluster=plan, switches={"*": {"cluster_csr_name": setting}}) for plan in (True, False)}
    names = [lab.boxes["expc"].generate_csr(CSR, key="ec-256").request.subject.rfc4514_string() for lab in csr.values()]
    own = "CN=expc.corp.example"
    assert [own in name for name in names] == [setting == "own", True]
    assert ("CN=expc-cluster.corp.example" in names[0]) == (setting == "cluster")


def cluster_status(make: MakeLab, setting: str) -> None:
    """The status tells of the other peer, or nothing."""
    lab = make(cluster=True, switches={"*": {"cluster_status": setting}})
    lab.links[2].wait("Active", 15)
    shown = Client(lab, "expc").get("/status.xml").body
    assert (b'<Address item="1">expc2.corp.example</Address>' in shown) == (setting == "shown")


def lockout_after(make: MakeLab, setting: str) -> None:
    """The default is five; see test_lab_access for the rest."""
    assert make().boxes["expc"].settings.number("lockout_after") == int(setting)


def raml_groups(make: MakeLab, setting: str) -> None:
    """A description may name what the box does not have; asked for, that is 404."""
    expc = Client(make(switches={"*": {"raml_groups": setting}}), "expc")
    assert ("/edge/zone/" in expc.get("/api/raml").body.decode()) == (setting == "both")
    assert expc.get("/api/provisioning/edge/zone/traversalserver").status == 404


def uc_zones(make: MakeLab, setting: str) -> None:
    """A zone is listed once or twice, and is one zone all the same."""
    expc = Client(make(switches={"*": {"uc_zones": setting}}), "expc")
    zones = [
        json.loads(expc.get(f"/api/provisioning/controller/zone/{name}").body)
        for name in ("unifiedcommunicationstraversal", "traversalclient")
    ]
    assert [len(one) for one in zones] == [1, 1 if setting == "both" else 0]


def names_its_cas(make: MakeLab, setting: str) -> None:
    """A port that asks for a certificate names the CAs of its box's trust store, or none (RFC 8446 section 4.2.4)."""
    lab = make(switches={"*": {"names_its_cas": setting}})
    expe = lab.boxes["expe"]
    trusted = {authority.subject.public_bytes() for authority in expe.trusted}
    named = accepted_names(lab.machines["expe"].ports["traversal"].address)
    assert named == (trusted if setting == "on" else set())


def pending_key_file(make: MakeLab, setting: str) -> None:
    """The key of the pending CSR is in a file of this name, or in none; once the CSR is gone, so is the file."""
    lab = make(shared=True, switches={"*": {"pending_key_file": setting}})
    folder, box = lab.folders["expc"].path, lab.boxes["expc"]
    before = {path.name for path in folder.iterdir()}
    assert before == {"server.pem", "ca.pem", "privkey.pem"}
    box.generate_csr(CSR, key="ec-256")
    more = {path.name for path in folder.iterdir()} - before
    assert more == ({setting, "pending"} if setting != "none" else set())
    box.discard_csr()
    assert {path.name for path in folder.iterdir()} == before


def form_fields(make: MakeLab, setting: str) -> None:
    """The page has two fields for files, called as the setting says, for whoever logged in as the page wants it."""
    box = make(switches={"*": {"form_fields": setting}}).boxes["expc"]
    pages = Pages(box)

    def ask(method: str, path: str, session: str = "", **sent: str) -> Answer:
        headers = {"Cookie": f"session={session}", "Referer": "https://expc"}
        return pages.answer(request(method, path, headers, urlencode(sent).encode()))

    assert ask("GET", PAGE).status == 302
    first = ask("GET", LOGIN).headers["Set-Cookie"][len("session=") :][:32]
    login = {"username": "admin", "password": box.account.password}
    assert ask("POST", LOGIN, first, **login).status == 200, "control: without the hidden field nobody is let in"
    inside = ask("POST", LOGIN, first, sessionid=first, **login)
    shown = ask("GET", PAGE, inside.headers["Set-Cookie"][len("session=") :][:32])
    assert file_fields(shown.body) == [*reversed(FIELDS[setting])]


def ready(lab: Lab, node: str = "expc", flaw: str = "") -> bytes:
    """Return a leaf for a CSR of a box that trusts the new CA."""
    box = lab.boxes[node]
    box.append_trust(pem(lab.authority.new.chain))
    return leaf_of(lab.sign(box.generate_csr(CSR, key="ec-256").pem, flaw=flaw))


def taken(lab: Lab, node: str, leaf: bytes) -> bool:
    """Tell whether a box takes an upload."""
    try:
        lab.boxes[node].upload(leaf)
    except Refusal:
        return False
    return RESTART_NEEDED in [alarm.reason for alarm in lab.boxes[node].alarms]


CASES: dict[str, Callable[[MakeLab, str], None]] = {name: globals()[name] for name in SWITCHES}


@pytest.mark.parametrize(
    ("switch", "setting"), [(name, setting) for name, row in SWITCHES.items() for setting in row.settings or ("5",)]
)
def test_each_setting_does_what_it_says(make_lab: MakeLab, switch: str, setting: str) -> None:
    """A switch without a case here fails at import."""
    CASES[switch](make_lab, setting)


@pytest.mark.parametrize(
    "wrong", [{"colour": "red"}, {"send_chain": "everything"}, {"lockout_after": "-1"}, {"lockout_after": "many"}]
)
def test_a_switch_or_setting_that_does_not_exist_is_refused(wrong: dict[str, str]) -> None:
    """The error lists what there is."""
    with pytest.raises(UsageError) as refused:
        Settings(wrong)
    assert refused.value.todo


def test_a_setting_for_one_box_comes_before_one_for_all(make_lab: MakeLab) -> None:
    """Boxes of one estate may differ."""
    lab = make_lab(switches={"*": {"send_chain": "intermediates"}, "expe": {"send_chain": "leaf"}})
    assert [box.settings["send_chain"] for box in lab.boxes.values()] == ["intermediates", "leaf"]
