"""Bad input: what is typed, written in the site file or handed in wrongly is told in three parts, and harms nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.store import Store
from tests.e2e.desk import NOTHING, Case, Desk, site
from tests.e2e.story import CERTIFICATE, Story

PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n"


def in_site(name: str, old: str, new: str, what: str, todo: str) -> Case:
    """Return a case of something wrong in the site file, met at the beginning and mended."""
    start = ("start", CERTIFICATE)
    return Case(name, "", site(old, new), 2, what, NOTHING, todo, mends=site(new, old), words=start)


def later(name: str, old: str, new: str, what: str, todo: str) -> Case:
    """Return a case that only shows when the box, or the authority, is needed."""
    return Case(name, "New", site(old, new), 2, what, NOTHING, todo, mends=site(new, old))


SITE = [
    in_site("misspelt key", "\nhostname =", "\nhostnmae =", "there is no key `hostnmae`", "Did you mean `hostname`"),
    in_site("misspelt table", "[plugins]", "[plugin]", "there is no table `plugin`", "Did you mean `plugins`"),
    in_site("unknown kind", '"expressway-c"', '"expressway-d"', "`kind` can't be `expressway-d`", "`expressway-c`"),
    in_site("no TOML", "schema = 1", "schema = = 1", "is no valid TOML", "Correct it there"),
    in_site("newer site", "schema = 1", "schema = 2", "`schema` must be 1", "`schema = 1`"),
    in_site("no such node", 'node = "expc"', 'node = "expd"', "names `expd`", "Did you mean `exp[ce]`"),
    in_site("no such person", 'roles = ["uc-eng', 'rolls = ["uc-eng', "no key `rolls`", "Did you mean `roles`"),
    later("unknown driver", 'driver = "expressway"', 'driver = "expresway"', "`driver` can't be", "Did you mean `exp"),
    later("unknown option", "poll_interval", "pol_interval", "no key `pol_interval`", "Did you mean `poll_interval`"),
    later("wrong type", "poll_interval = 1 ", 'poll_interval = "x" ', "expected `int`", "Correct the site file"),
    later("secret in the open", '"file:secrets/expc"', '"hunter2"', "not given by reference", "never the secret"),
    later("no such variable", '"file:secrets/expc"', '"env:NO_SUCH"', "NO_SUCH is not set", "export NO_SUCH"),
    later("no such secret", '"file:secrets/expc"', '"file:secrets/x"', "can't be read: No such file", "Check the path"),
    later("command fails", '"file:secrets/expc"', '["false"]', "the command false failed", "Run it by hand"),
]


@pytest.mark.parametrize("case", SITE, ids=lambda case: case.name)
def test_a_wrong_site_file_is_told_and_harms_nothing(desk: Desk, case: Case) -> None:
    """Each mistake names file, table and key and, where there is one, the nearest right word; mended, all goes on."""
    told = desk.meets(case, "Inspected")
    assert "certrenew.toml" in told.parts["Not usable"]


def test_an_unknown_authority_plugin_is_told_when_the_authority_is_needed(desk: Desk) -> None:
    """The CSR waits on the box meanwhile, and is used once the name is right."""
    wrong, right = 'plugin = "manuel"', 'plugin = "manual"'
    case = Case(
        "", "CSRPending", site(right, wrong), 2, "`plugin` can't be `manuel`", NOTHING, "`manual`", site(wrong, right)
    )
    desk.meets(case)
    desk.story.once()


def _others_may(what: str) -> Callable[[Story], None]:
    return lambda story: (story.lab.home / what).chmod(0o666)


@pytest.mark.parametrize(
    ("what", "words", "says", "todo"),
    [
        ("certrenew.toml", ("start", CERTIFICATE), "Others may write", "chmod go-w"),
        ("secrets/expc", ("run", CERTIFICATE), "others may read", "chmod 600"),
    ],
)
def test_a_file_that_others_can_reach_is_refused(
    desk: Desk, what: str, words: tuple[str, ...], says: str, todo: str
) -> None:
    """A site file that others can write, and a secret that others can read, are not used until they are closed."""
    state = "" if words[0] == "start" else "New"
    mends = lambda story: (story.lab.home / what).chmod(0o600)  # noqa: E731
    desk.meets(Case("", state, _others_may(what), 2, says, NOTHING, todo, mends, words), "Inspected")


def test_a_site_file_of_somebody_else_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever could edit the site file could have any box renewed with any CA."""
    os.chown(desk.story.lab.site_file, 4711, -1) if os.getuid() == 0 else monkeypatch.setattr(os, "getuid", lambda: 1)
    desk.fails("start", CERTIFICATE, code=2, what="belongs to somebody else", left=NOTHING, todo="file of your own")


TYPED = [
    (("start", "expc-servre"), 2, "no certificate `expc-servre`", "Did you mean `expc-server`"),
    (("start", "expc-server"), 2, "server slot of expc has an open renewal: .*, in CSRPending", "certrenew show"),
    (("show", "nothing"), 2, "No renewal is called `nothing`", "certrenew list"),
    (("advance", "expc-server", "--until", "Restart"), 2, "no state `Restart`", "Restarted"),
    (("advance", "expc-server", "--override", "san-match"), 2, "go together", "Give both"),
    (("advance", "expc-server", "--override", "sam", "--reason", "x"), 2, "no check `sam`", "`san-match`"),
    (("approve", "expc-server", "--plan", "beef"), 2, "No plan that was shown", "certrenew plan"),
    (("approve", "expc-server", "--from", "noon"), 2, "`noon` is no time", "2026-"),
    (("supply", "expc-server", "/nowhere.pem"), 2, "/nowhere.pem can't be read: No such file", "Check the path"),
    (("supply", "expc-server", "/"), 2, "/ can't be read: Is a directory", "Check the path"),
    (("confirm", "expc-server", "--not-there"), 4, "nothing that a person could confirm", "certrenew why"),
    (("diagram", "renewel"), 2, "no workflow `renewel`", "`renewal`"),
]


def test_what_is_typed_wrongly_is_told_and_harms_nothing(desk: Desk) -> None:
    """Unknown names come with the nearest right one; a slot in renewal gets no second one; nothing is recorded."""
    desk.story.begin()
    desk.story.wait_for_person()
    before = desk.story.document
    for words, code, what, todo in TYPED:
        desk.fails(*words, code=code, what=what, left="[Nn]o|not", todo=todo)
    assert desk.story.document == before
    assert desk.story.again().state == "Restarted"
    desk.story.once()


def _csr(story: Story) -> bytes:
    pending = story.lab.boxes["expc"].pending
    assert pending
    return pending.pem


def _pkcs12(story: Story) -> bytes:
    from cryptography.hazmat.primitives.serialization import NoEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

    identity = story.lab.boxes["expe"].serves
    return serialize_key_and_certificates(b"x", identity.key, identity.certificate, None, NoEncryption())


def _of(name: str) -> Callable[[Story], bytes]:
    return lambda story: (story.lab.home / name).read_bytes()


def _answer_to_another(story: Story) -> bytes:
    """Return what the CA sent for another renewal, which goes on all the while."""
    other = Story(story.lab, "expe-server")
    other.begin()
    other.wait_for_person()
    return other.sign(name="other.pem").read_bytes()


def _in_use(story: Story) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return story.lab.boxes["expc"].serves.certificate.public_bytes(Encoding.PEM)


HANDED_IN: dict[str, tuple[Callable[[Story], bytes], int, str, str]] = {
    "the CSR itself": (_csr, 2, "a certificate signing request", "the CA made"),
    "a private key": (
        lambda _s: PEM.replace(b"CERTIFICATE", b"PRIVATE KEY") + b"-----END PRIVATE KEY-----\n",
        2,
        "a private key",
        "Keep the key",
    ),
    "a PKCS#12 file": (_pkcs12, 2, "a PKCS#12 file", "PEM"),
    "a web page": (lambda _s: b"<html><title>Login</title></html>", 2, "a web page", "not the page"),
    "an empty file": (lambda _s: b"", 2, "an empty file", "certificate"),
    "cut off": (lambda s: s.lab.sign(_csr(s))[:900], 2, "cut off", "again, whole"),
    "noise": (lambda _s: bytes(range(256)) * 8, 2, "can't be read as a certificate", "certificate"),
    "too large": (lambda _s: b"x" * (1 << 20) + b"x", 2, "larger than", "right file"),
    "the CA alone": (_of("ca/new-root.pem"), 4, "None of the 1 certificate", "exactly the CSR"),
    "another key": (
        lambda s: s.lab.sign(_csr(s), flaw="other-key"),
        4,
        "has the key",
        "exactly",
    ),
    "another renewal": (_answer_to_another, 4, "None of the 3 certificate", "or hand in the file that belongs to it"),
    "the one in use": (_in_use, 4, "has the key", "CSR"),
}


@pytest.fixture
def waiting(desk: Desk) -> Desk:
    """Return a desk whose renewal waits for the certificate."""
    desk.story.begin()
    desk.story.wait_for_person()
    return desk


def test_a_file_that_is_not_the_certificate_is_named_and_not_kept(waiting: Desk, tmp_path: Path) -> None:
    """What it is instead is said, none of its content is shown or kept, and the right file is still taken."""
    before = waiting.story.document
    artefacts = sorted(waiting.story.lab.home.glob(f"renewals/{waiting.story.id}/artefacts/*"))
    for name, (content, code, what, todo) in HANDED_IN.items():
        path = tmp_path / f"{name}.pem"
        path.write_bytes(content(waiting.story))
        told = waiting.fails("supply", CERTIFICATE, str(path), code=code, what=what, left="[Nn]o", todo=todo)
        assert "MIIB" not in told.err
        assert waiting.story.document == before
    assert sorted(waiting.story.lab.home.glob(f"renewals/{waiting.story.id}/artefacts/*")) == artefacts
    assert waiting.story.again().state == "Restarted"
    assert waiting.story.effects("csr-generated") == ["expc", "expe"]
    assert waiting.story.effects("certificate-installed") == ["expc"]


@pytest.mark.parametrize(
    ("flaw", "check"),
    [
        ("drop-san", "san-match"),
        ("server-only", "eku-client-and-server"),
        ("expired", "validity"),
        ("not-yet-valid", "validity"),
        ("wildcard", "no-wildcard"),
        ("ca", "not-a-ca"),
    ],
)
def test_a_certificate_with_a_flaw_is_refused_and_the_next_one_taken(waiting: Desk, flaw: str, check: str) -> None:
    """The failed check is named, nothing went to a box, and the two ways on are told; `resubmit` leads on."""
    waiting.story.supply(flaw=flaw)
    waiting.story.until("Signed")
    told = waiting.fails(
        "run",
        CERTIFICATE,
        code=4,
        what=f"fail +{check}|{check}:",
        left="Nothing was installed",
        todo="certrenew resubmit",
    )
    assert told.err.count(f"{check}:") == 1
    assert "certrenew supply" in told.parts["Next"]
    waiting.type("resubmit", CERTIFICATE)
    waiting.story.supply()
    assert waiting.story.again().state == "Restarted"
    waiting.story.once()


def test_a_store_of_a_newer_schema_is_left_alone(waiting: Desk) -> None:
    """A renewal that a newer certrenew wrote is neither read nor changed; the list tells of it."""
    path = waiting.story.lab.home / "renewals" / waiting.story.id / "renewal.json"
    right = path.read_bytes()
    path.write_bytes(right.replace(b'"schema":1', b'"schema":7'))
    newer = path.read_bytes()
    for words in (("show", waiting.story.id), ("run", waiting.story.id), ("cancel", waiting.story.id)):
        told = waiting.type(*words)
        assert told.code == 2
        assert "written by a newer certrenew (schema 7" in told.parts["Not usable"]
        assert told.parts["Left alone"] == "It was left as it is."
        assert told.parts["Next"] == "Use the newer version."
    told = waiting.type("list")
    assert (told.code, told.parts["Next"]) == (0, "Use the newer version.")
    assert "No renewal is open that can be read." in told.out
    assert path.read_bytes() == newer
    path.write_bytes(right)
    assert Store(waiting.story.lab.home).verify(waiting.story.id) == []
    waiting.story.again()
    waiting.story.once()
