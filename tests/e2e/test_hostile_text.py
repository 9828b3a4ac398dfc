"""Hostile text: whatever a box, a certificate, a CA or a colleague says, it fools no terminal and no script.

Each source is met in a renewal, then looked at with every command: what reaches the terminal has no character that a
person can't see and fits 80 columns (`Desk.type` holds that for every command), and the JSON has the true text.
"""

import json
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from engine.cli.context import actor
from engine.contracts import Pending, Rejected
from engine.errors import Waiting
from engine.model import Json
from plugins.lab.authority import certify
from plugins.lab.box import Alarm, Identity, ZoneStatus
from plugins.lab.cucm.soap import fault
from plugins.lab.lab import Lab
from plugins.manual.authority import Manual
from tests.e2e.desk import HIDDEN, Desk, Told
from tests.e2e.story import CERTIFICATE, Story

SMEAR = "e" + "\u0301" * 60
TEXT = f"a\x1b[2Jb\x1b]0;t\x07c\x9b31md\r\ne\u202ef\u2066g\u2069h\u200b证书证书证书证书证书 {SMEAR} | [bold]:x: \\"
"""ANSI CSI and OSC, C1, line ends, bidirectional controls, zero width, wide, combining, markup, a backslash."""
XML_TEXT = "".join(one for one in TEXT if one >= " " or one in "\t\n")
"""What of it XML can carry."""
NAME = "a\x1b[2J\u202e证书\u2066\n"
LONG = "long-" * 400

LOOKS = (
    ("list", "--all"),
    ("show", CERTIFICATE),
    ("why", CERTIFICATE),
    ("plan", CERTIFICATE),
    ("journal", CERTIFICATE),
    ("journal", CERTIFICATE, "--verify"),
)


def strings(value: Json) -> Iterator[str]:
    """Yield every string in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    for inner in value.items() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from strings(inner)


def value_of(told: Told) -> Json:
    """Return the one JSON value that a command printed, none for a refusal; it is ASCII, so no terminal is fooled."""
    assert told.out.isascii()
    return json.loads(told.out) if told.out else None


def everywhere(desk: Desk, escaped: str = r"\x1b[2J", true: str = "") -> None:
    """Look with every command; the text is to be seen escaped somewhere, and as it is in some JSON."""
    shown = ""
    told: list[str] = []
    for words in LOOKS:
        shown += desk.type(*words).out
        told += strings(value_of(desk.type(*words, "--json")))
    assert escaped in "".join(shown.split())
    assert not true or any(true in text for text in told)


def _hostile_certificate(story: Story) -> Identity:
    """Return an old certificate of the box that is full of it: subject, issuer's name for it, names of every type."""
    box, signer = story.lab.boxes["expc"], story.lab.authority.generation("old").issuing
    subject = [
        x509.NameAttribute(NameOID.COMMON_NAME, "expc.corp.example"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, TEXT[:64]),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, NAME),
    ]
    names: list[x509.GeneralName] = [
        x509.DNSName("expc.corp.example"),
        x509.DNSName("a\x1b[2J\r\nb.corp.example"),
        x509.DirectoryName(x509.Name(subject)),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x04\x1b[2J"),
    ]
    now = datetime.now(UTC)
    leaf = certify(
        signer,
        x509.Name(subject),
        box.serves.certificate.public_key(),  # type: ignore[arg-type]
        names,
        start=now - timedelta(days=30),
        end=now + timedelta(days=30),
    )
    return Identity(leaf, box.serves.key)


def test_a_certificate_full_of_it(desk: Desk) -> None:
    """Subject and names of the certificate in use: escaped, in JSON as they are; the request is refused in words."""
    story = desk.story
    box = story.lab.boxes["expc"]
    box.slots["server"] = _hostile_certificate(story)
    box.boot()
    story.begin()
    assert desk.type("advance", CERTIFICATE).code == 0
    everywhere(desk)
    told = desk.type("run", CERTIFICATE)
    assert (told.code, set(told.parts)) == (4, {"Refused", "Left alone", "Next"})
    everywhere(desk)
    assert story.effects("csr-generated") == []


def test_a_ca_with_such_a_name(desk: Desk, tmp_path: Path) -> None:
    """`check` shows a hostile issuer, subject and file name, as text and as JSON; nothing of them gets through."""
    from cryptography.hazmat.primitives.serialization import Encoding

    path = tmp_path / f"{NAME}.pem"
    path.write_bytes(_hostile_certificate(desk.story).certificate.public_bytes(Encoding.PEM))
    for words in (("check", str(path)), ("check", str(path), "--current", str(path), "--trust", str(path))):
        assert desk.type(*words).code == 4
        assert any("\x1b[2J" in text for text in strings(value_of(desk.type(*words, "--json"))))
    assert desk.type("check", str(tmp_path / NAME)).code == 2


def test_alarms_and_zones(desk: Desk) -> None:
    """A box's alarm and the name and cause of a zone stand in facts, plans and progress."""
    story = desk.story
    box = story.lab.boxes["expc"]
    box.alarms.append(Alarm(XML_TEXT))
    box.set_zone(ZoneStatus(XML_TEXT, "Neighbor", "h", 1, status="Active", cause=""))
    box.set_zone(ZoneStatus(LONG, "Neighbor", "h", 2, status=XML_TEXT, cause=XML_TEXT))
    story.begin()
    assert desk.type("advance", CERTIFICATE).code == 0
    everywhere(desk, escaped="", true="证书证书")
    story.until("Installed")
    everywhere(desk, escaped="\\u202e", true="证书证书")
    story.approve_next()
    assert desk.type("run", CERTIFICATE).code == 0
    everywhere(desk, escaped="\\u202e")


@pytest.mark.parametrize("state", ["New", "Inspected", "Validated", "TrustPropagated", "Installed"])
def test_what_a_box_answers(desk: Desk, state: str) -> None:
    """The `Message` of a refusal, in every step that asks a box."""
    story = desk.story
    story.begin()
    story.until(state)
    if state in ("TrustPropagated", "Installed"):
        story.approve_next()
    story.lab.order("expc", "hostile", method="GET" if state == "New" else "POST")
    told = desk.type("run", CERTIFICATE)
    assert (told.code, set(told.parts)) == (5, {"Failed", "Left alone", "Next"})
    assert "\\x1b[2J" in told.parts["Failed"]
    everywhere(desk)


@pytest.mark.parametrize("answer", ["rejected", "pending", "cautions"])
def test_what_an_authority_says(desk: Desk, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """The reason of a rejection, what it asks a person to do, and what it wants known beforehand; and its ticket."""
    said = {"rejected": Rejected(reason=TEXT), "pending": Pending(ticket={"id": TEXT}, todo=TEXT, poll_after=5)}
    if answer == "cautions":
        monkeypatch.setattr(Manual, "cautions", lambda *_: [TEXT, LONG])
    else:
        monkeypatch.setattr(Manual, "submit", lambda *_: said[answer])
        monkeypatch.setattr(Manual, "collect", lambda *_: said[answer])
    desk.story.begin()
    desk.story.until("CSRPending")
    if answer == "cautions":
        everywhere(desk, true=TEXT[:1])
    told = desk.type("run", CERTIFICATE)
    assert told.code == {"rejected": 4}.get(answer, 3)
    everywhere(desk, escaped="" if answer == "cautions" else "\\x1b[2J")


def test_what_people_type_and_hand_in(desk: Desk) -> None:
    """Reasons and file names stand in the journal: escaped for people, as they were typed in JSON."""
    story = desk.story
    story.begin()
    story.wait_for_person()
    path = story.sign(name=f"{NAME}.pem")
    assert desk.type("supply", CERTIFICATE, str(path)).code == 0
    assert desk.type("supply", CERTIFICATE, str(path) + TEXT[:30].replace("\x00", "")).code == 2
    everywhere(desk, true=NAME)
    assert desk.type("advance", CERTIFICATE, "--override", "subject", "--reason", TEXT).code == 0
    everywhere(desk, true=TEXT)
    assert desk.type("restage", CERTIFICATE, "--reason", TEXT).code == 0
    assert desk.type("restage", CERTIFICATE, "--reason", LONG).code == 4
    assert desk.type("cancel", CERTIFICATE, "--reason", TEXT).code == 0
    everywhere(desk, true=TEXT)


@pytest.mark.parametrize("command", ["show", "why", "run", "approve", "advance", "diagram", "start"])
def test_what_is_typed_in_place_of_a_name(desk: Desk, command: str) -> None:
    """An unknown name is repeated in the message, escaped and cut."""
    for text in (TEXT, LONG):
        told = desk.type(command, text)
        assert (told.code, set(told.parts)) == (2, {"Not usable", "Left alone", "Next"})
        assert len(told.parts["Not usable"]) < 1000


def test_the_papers_for_people(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """The letter to the PKI team has lines that a mail program shows as they are."""
    text = story.lab.site_file.read_text()
    story.lab.site_file.write_text(text.replace('"pki@corp.example"', '"pki@corp.example\\r\\nBcc: x\\u202e"'))
    story.runner = story.as_("engineer")
    story.begin()
    story.wait_for_person()
    letter = (story.lab.home / "renewals" / story.id / "papers" / "expc-server-request.txt").read_text()
    assert {one for one in letter if unicodedata.category(one) in HIDDEN} <= {"\n"}
    assert "\nBcc" not in letter
    assert "\\x0d\\x0aBcc: x\\u202e" in letter


def test_a_decision_of_somebody_with_such_a_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Account and host come from the system: they are shown escaped with refusals and holders."""
    story = desk.story
    monkeypatch.setattr("socket.gethostname", lambda: NAME)
    monkeypatch.setattr("engine.cli.context._account", lambda _uid: TEXT)
    story.begin()
    story.until("TrustPropagated")
    assert desk.type("run", CERTIFICATE).code == 3
    assert desk.type("approve", CERTIFICATE, "--as", "change-manager").code == 0
    told = desk.type("approve", CERTIFICATE, "--as", "nobody")
    assert (told.code, "\x1b" in told.out + told.err) == (4, False)
    with story.runner.store.hold(story.id, actor(story.runner.estate), story.runner.site.at(), NAME):
        told = desk.type("run", CERTIFICATE)
    assert (told.code, "\\x1b[2J" in told.parts["Waiting"]) == (3, True)
    everywhere(desk, escaped="")


def test_cancelling_names_everything_that_stays(desk: Desk) -> None:
    """Every CA certificate that was added is named, on every box, and the CSR; nothing is removed."""
    desk.story.begin()
    desk.story.until("TrustPropagated")
    before = desk.changes()
    told = " ".join(desk.type("cancel", CERTIFICATE).out.partition("Left on the boxes, as it is:")[2].split())
    for node in ("expc", "expe"):
        for name in ("Corp Root CA G2", "Corp Issuing CA G2"):
            assert f"the trusted CA list of {node} holds {name}" in told
    assert "is pending on expc" in told
    assert desk.changes() == before


def test_what_cucm_says(labs: Callable[..., Lab], capsys: pytest.CaptureFixture[str]) -> None:
    """The words of a refused upload, and the text of a SOAP fault of the Control Center."""
    story = Story(labs(cucm=True, switches={"*": {"soap_rate": "0"}}))
    desk = Desk(story, capsys)
    story.begin()
    story.until("Validated")
    story.lab.order("cucm-pub", "hostile", path="/platformcom/", method="POST")
    told = desk.type("run", CERTIFICATE)
    assert told.code == 5, told.err
    assert "\\x1b[2J" in told.parts["Failed"]
    story.lab.clear("cucm-pub")
    with pytest.raises(Waiting):
        story.run_past_boxes("TrustPropagated")
    story.approve()
    machine = story.lab.cucm.machines["cucm-pub"] if story.lab.cucm else None
    assert machine
    machine._face.behind.instead["rate-limited"] = fault(XML_TEXT)  # type: ignore[index]  # any fault will do
    story.lab.order("cucm-pub", "rate-limited")
    told = desk.type("run", CERTIFICATE)
    assert told.code == 5, told.err
    assert "\\u202e" in told.parts["Failed"]
    story.lab.clear("cucm-pub")
    assert story.again().state == "Restarted"
