"""Share one certificate among the peers of a cluster: the key is fetched, kept for a while, and gone at the end."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from engine.errors import CertrenewError, Failed, Refused, Untrusted, UsageError, Waiting
from engine.model import Item
from engine.runner import begin
from engine.store import Store
from plugins.lab.authority import Key, pem
from plugins.lab.lab import Lab
from plugins.lab.uploads import dns_names
from tests.e2e.hands import ByHand
from tests.e2e.story import Story
from tests.sshd import sshd

Labs = Callable[..., Lab]
PEERS = ("expc", "expc2", "expc3")
CLUSTER = "expc-cluster.corp.example"
NEXT = "\n\n"


def story_of(labs: Labs, **switches: str) -> Story:
    """Return a story of the certificate that three peers share."""
    return Story(labs(shared=True, switches={"*": switches}), "expc-shared")


@pytest.fixture
def shared(labs: Labs) -> Story:
    """Return a story of it, with root's SFTP and the web page's form on every peer."""
    return story_of(labs)


def without(story: Story, table: str, *peers: str) -> None:
    """Take a table of options, ``sftp`` or ``web_form``, of these peers out of the site file."""
    text = story.lab.site_file.read_text()
    for peer in peers:
        before, _, after = text.partition(f"[nodes.{peer}.options.{table}]")
        text = f"{before}\n[{after.partition(f'{NEXT}[')[2]}"
    story.edit_site(story.lab.site_file.read_text(), text)


def by_people(story: Story, *peers: str) -> None:
    """Have people upload on these peers."""
    without(story, "web_form", *peers)


def to_install(story: Story) -> None:
    """Go on until the certificate may be installed, and have that plan approved."""
    story.begin()
    story.until("TrustPropagated")
    story.approve_next()


def traces(key: Key) -> set[bytes]:
    """Return what would show that a private key was written somewhere: its numbers, and lines of its PEM."""
    assert isinstance(key, rsa.RSAPrivateKey)
    numbers = key.private_numbers()
    found = {one.to_bytes((one.bit_length() + 7) // 8, "big") for one in (numbers.d, numbers.p, numbers.q)}
    found |= {one.hex().encode() for one in found} | {base64.b64encode(one)[2:-4] for one in found}
    for form in (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8):
        lines = key.private_bytes(Encoding.PEM, form, NoEncryption()).splitlines()[8:-2]
        found |= set(lines)
    return found


def files(story: Story, folder: Path | None = None) -> Iterator[Path]:
    """Yield every file of the home, but for what the lab's boxes have on their own disks and the lab's secrets."""
    for path in sorted((folder or story.lab.home).rglob("*")):
        if path.is_file() and not path.is_relative_to(story.lab.home / "boxes"):
            yield path


def found_in_home(story: Story, wanted: set[bytes]) -> list[Path]:
    """Name the files of the home that hold any trace."""
    return [path for path in files(story) if any(one in path.read_bytes() for one in wanted)]


def kept(story: Story) -> bytes | None:
    """Return the private key that is kept for the renewal, opened with the site's secret."""
    secret = (story.lab.home / "secrets/shared-keys").read_text()
    return Store(story.lab.home).sealed_keys(story.id, lambda: secret).get(story.renewal.items[0].key)


def folder_of_keys(story: Story) -> Path:
    """Return where a key is kept while it is."""
    return story.lab.home / "renewals" / story.id / "keys"


# ---- the whole story -----------------------------------------------------------------------------------------------


def test_one_certificate_is_installed_on_every_peer_and_served(shared: Story, tmp_path: Path) -> None:
    """One CSR with names of cluster, peers and features; one key, from OpenSSH's own server; a rolling restart."""
    (folder := tmp_path / "sshd").mkdir()
    with sshd(folder) as server:
        of_box, secret = shared.lab.folders["expc"], shared.lab.home / "secrets/login"
        secret.write_text(server.private_key.read_text())
        secret.chmod(0o600)
        shared.edit_site(shared.lab.machines["expc"].ports["ssh"].address, server.address)
        shared.edit_site(of_box.host_key, server.host_key)
        login = f'username = "{server.user}"\nfolder = "{of_box.path}"\nprivate_key = "file:secrets/login"\n#'
        shared.edit_site('username = "root"\npassword = "file:secrets/expc-root"', login)
        _whole_story(shared)


def _whole_story(shared: Story) -> None:
    shared.edit_site("names = []                      # names of the features", 'names = ["join.corp.example"]  #')
    shared.begin()
    assert any("Cisco 213872" in text and "start expc-server expc2-server" in text for _, text in shared.told)
    shared.until("TrustPropagated")
    plan = shared.runner.plan(shared.id)
    assert plan is not None
    assert [(change.action, change.target) for change in plan.changes] == [
        ("fetch-key", "expc"),
        *(("upload", node) for node in PEERS),
    ]
    assert "Cisco 213872" in plan.changes[0].notes[0]
    assert shared.until("Restarted").state == "Restarted"
    [item] = shared.renewal.items
    assert [shared.lab.boxes[node].serves.fingerprint for node in PEERS] == [item.leaf] * 3
    leaf = shared.lab.boxes["expc"].serves.certificate
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == CLUSTER
    assert {CLUSTER, "join.corp.example", *(f"{node}.corp.example" for node in PEERS)} <= set(dns_names(leaf))
    assert shared.effects("restarting") == list(PEERS)
    assert shared.effects("csr-generated") == ["expc"]
    assert shared.effects("login-refused") == []
    assert shared.whole()


def test_the_key_is_nowhere_readable_and_gone_at_the_end(shared: Story) -> None:
    """No byte of it in home, journal or what is told, at any time; kept before the first upload, gone at the end."""
    to_install(shared)
    key = shared.lab.boxes["expc"].pending
    assert key is not None
    wanted, seen = traces(key.key), list[tuple[str, bool]]()
    in_box = shared.lab.folders["expc"].path / "privkey.pem.csr"
    assert any(one in in_box.read_bytes() for one in wanted), "control: the search finds it where it is"
    add = shared.lab.effects.add

    def watching(node: str, kind: str, **more: object) -> None:
        add(node, kind, **more)
        if kind == "certificate-installed":
            private = kept(shared)
            assert private is not None
            assert load_pem_private_key(private, None).private_numbers() == key.key.private_numbers()  # type: ignore[union-attr]
            seen.append((node, found_in_home(shared, wanted) == []))

    shared.lab.effects.add = watching  # type: ignore[method-assign]
    shared.until("Restarted")
    assert seen == [(node, True) for node in PEERS]
    assert not folder_of_keys(shared).exists()
    assert found_in_home(shared, wanted) == []
    told = "\n".join(text for _, text in shared.told).encode()
    assert not any(one in told for one in wanted)
    assert len(shared.events("key-discarded")) == 2
    assert shared.events("key-discarded")[0].startswith(f"{shared.renewal.items[0].key}.wrapped")
    assert "privkey.pem.csr" in shared.events("key-found")[0]
    assert b"/servercertificate" in Store(shared.lab.home).transcript(shared.id), "control: the upload was noted"


def test_killed_at_every_point_it_goes_on_and_leaves_no_key(shared: Story) -> None:
    """A command that ends at each message of the install in turn is gone on with; each peer gets it once."""
    to_install(shared)
    points = 0
    for point in range(1, 40):
        shared.runner = shared.as_("engineer")
        shared.runner.site.tell = _ending_at(point)
        try:
            shared.runner.run(shared.id, until="Installed")
            break
        except KeyboardInterrupt:
            points += 1
    assert points > 4
    assert shared.renewal.state == "Installed"
    assert shared.effects("certificate-installed") == list(PEERS)
    assert not folder_of_keys(shared).exists()
    assert shared.whole()


def _ending_at(point: int) -> Callable[[str, str], None]:
    """Return what shows progress, and ends the command at its message of this number."""
    told: list[str] = []

    def tell(_kind: str, text: str) -> None:
        told.append(text)
        if len(told) == point:
            raise KeyboardInterrupt

    return tell


@pytest.mark.parametrize(
    ("step", "stuck"), [("cancel", False), ("restage", False), ("cancel", True)], ids=["cancel", "restage", "stuck"]
)
def test_who_stops_in_the_middle_leaves_no_key(shared: Story, step: str, stuck: bool) -> None:
    """Cancelled or begun again while the key is kept, it is discarded; what can't be deleted is told and stops none."""
    to_install(shared)
    shared.lab.order("expc2", "refused", path="/servercertificate", method="POST")
    with pytest.raises(Failed):
        shared.runner.run(shared.id)
    assert kept(shared) is not None, "control"
    if stuck:
        (folder_of_keys(shared) / "by somebody else").mkdir()
    shared.aside(step, "no longer wanted")
    assert shared.renewal.state == {"cancel": "Cancelled", "restage": "Inspected"}[step]
    assert kept(shared) is None
    assert folder_of_keys(shared).exists() == stuck
    assert len(shared.events("key-discarded")) == 2
    assert len(shared.events("not-discarded")) == stuck
    assert shared.whole()


# ---- what stops it -------------------------------------------------------------------------------------------------


def test_a_peer_that_refuses_leaves_those_behind_it_untouched(shared: Story) -> None:
    """The first failure stops the uploads; mended, the rest follows, and no peer is uploaded to twice."""
    to_install(shared)
    shared.lab.order("expc2", "refused", path="/servercertificate", method="POST")
    with pytest.raises(Failed, match="expc2 did not take certificate and key"):
        shared.runner.run(shared.id)
    assert shared.effects("certificate-installed") == ["expc"]
    assert shared.effects("restarting") == []
    shared.lab.clear("expc2")
    assert shared.again().state == "Restarted"
    assert shared.effects("certificate-installed") == list(PEERS)
    assert not folder_of_keys(shared).exists()


def test_a_second_peer_that_fails_leaves_the_third_untouched(shared: Story) -> None:
    """A peer whose zone does not come back stops the rolling restart of the one certificate."""
    shared.edit_site("restart_timeout = 60", "restart_timeout = 10")
    to_install(shared)
    shared.runner.run(shared.id, until="Installed")
    shared.approve_next()
    old = shared.lab.boxes["expc3"].serves.fingerprint
    shared.when("restarting", lambda: shared.lab.order("expe", "forget-ca", ca="new"), node="expc2")
    with pytest.raises(Failed, match="Traversal to expe"):
        shared.runner.run(shared.id)
    assert shared.effects("restarting") == ["expc", "expc2"]
    assert shared.lab.boxes["expc3"].serves.fingerprint == old
    shared.lab.boxes["expe"].append_trust(pem(shared.lab.authority.new.chain))
    assert shared.again().state == "Restarted"


WRONG: dict[str, tuple[dict[str, str], tuple[str, str], type[CertrenewError], str]] = {
    "only other keys in the folder": (
        {"pending_key_file": "none"},
        ("", ""),
        Refused,
        "holds the private key of the CSR",
    ),
    "another host key": (
        {},
        ('host_key = "SHA256:', 'host_key = "SHA256:x'),
        Untrusted,
        "shows the SSH host key SHA256:",
    ),
    "another folder": ({}, ('username = "root"', 'username = "root"\nfolder = "/nowhere"'), Failed, "can't be read"),
    "other fields on the page": ({"form_fields": "other"}, ("", ""), Failed, "it has: key_upload, cert_upload"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_as_it_should_be_stops_before_the_peers(labs: Labs, what: str) -> None:
    """No key, an unknown host, a page with other fields: no other peer gets anything, and the error says what is so."""
    switches, edit, kind, says = WRONG[what]
    story = story_of(labs, **switches)
    story.edit_site(*edit)
    to_install(story)
    with pytest.raises(kind, match=says) as stopped:
        story.runner.run(story.id)
    assert stopped.value.todo
    assert set(story.effects("certificate-installed")) <= ({"expc"} if "fields" in what else set())
    assert story.effects("login-refused") == []


def test_names_of_fields_that_were_wrong_are_set_and_it_goes_on(labs: Labs) -> None:
    """The fields that the page has are put into the site file, and the renewal ends."""
    story = story_of(labs, form_fields="other")
    fields = 'certificate_field = "cert_upload"\nkey_field = "key_upload"\n'
    for peer in PEERS:
        story.edit_site(f"[nodes.{peer}.options.web_form]", f"[nodes.{peer}.options.web_form]\n{fields}#")
    story.begin()
    assert story.until("Restarted").state == "Restarted"


@pytest.mark.parametrize(("secret", "says"), [("", "`secret` is missing"), ("short", "fewer than 16 characters")])
def test_without_a_good_secret_nothing_begins(shared: Story, secret: str, says: str) -> None:
    """A key that would be kept without, or under a short secret, is refused before a box is asked for a CSR."""
    (shared.lab.home / "secrets/shared-keys").write_text(secret or "x")
    if not secret:
        shared.edit_site('secret = "file:secrets/shared-keys"', "#")
    shared.begin()
    with pytest.raises(UsageError, match=says):
        shared.runner.run(shared.id)
    assert shared.renewal.state == "New"


def test_a_slot_of_a_peer_has_one_renewal_at_a_time(shared: Story) -> None:
    """While the shared certificate is renewed, none of a peer's own begins."""
    shared.begin()
    with pytest.raises(UsageError, match=r"server slot of expc2 has an open renewal"):
        Story(shared.lab, "expc2-server").begin()


def test_what_shares_a_box_goes_in_turn() -> None:
    """An item that goes to a peer of a shared certificate waits for another turn, on whichever peer; others do not."""
    one = Item(certificate="shared", node="expc", slots=["server"], authority="c", copies={"expc2": None})
    other = Item(certificate="client", node="expc2", slots=["client"], authority="c")
    apart = Item(certificate="e", node="expe", slots=["server"], authority="c")
    turns = {item.certificate: item.turn for item in begin._in_turn([one, other, apart])}
    assert turns == {"client": 0, "e": 0, "shared": 1}


# ---- by people -----------------------------------------------------------------------------------------------------


def test_people_take_the_key_from_box_to_box_and_it_is_never_here(shared: Story) -> None:
    """Without the form people are told how, file by file, before the first box is uploaded to; the slots show it."""
    by_people(shared, *PEERS)
    to_install(shared)
    for peer in ("expc2", "expc3"):
        with pytest.raises(Waiting, match=f"private key, on {peer}") as waiting:
            shared.runner.run(shared.id)
        steps = waiting.value.steps
        assert "/tandberg/persistent/certs/privkey.pem.csr" in steps[0]
        assert "Select the server private key file" in steps[1]
        assert "Select the server certificate file" in steps[1]
        assert len(shared.events("asked")) == PEERS.index(peer)
        leaf = Path(steps[1].partition("certificate file choose ")[2].partition(". Press")[0]).read_bytes()
        key = (shared.lab.folders["expc"].path / "privkey.pem.csr").read_bytes()
        shared.lab.boxes[peer].upload_with_key(leaf, key)
    shared.until("Restarted")
    assert shared.effects("certificate-installed") == ["expc2", "expc3", "expc"]
    assert shared.events("key-found") == []
    assert shared.whole()


def test_peers_of_either_kind_go_together_and_the_key_comes_last(shared: Story) -> None:
    """While people are waited for no key is kept; then it is fetched, for the peer whose page is filled in."""
    by_people(shared, "expc3")
    shared.begin()
    shared.until("TrustPropagated")
    plan = shared.runner.plan(shared.id)
    assert plan is not None
    assert [(one.action, one.target, one.by_hand) for one in plan.changes] == [
        ("upload", "expc3", True),
        ("fetch-key", "expc", False),
        ("upload", "expc", False),
        ("upload", "expc2", False),
    ]
    shared.approve()
    with pytest.raises(Waiting, match="on expc3") as waiting:
        shared.runner.run(shared.id)
    assert not folder_of_keys(shared).exists()
    leaf = (shared.lab.home / "renewals" / shared.id / "papers/expc-shared.pem").read_bytes()
    assert "expc-shared.pem" in waiting.value.steps[1]
    key = (shared.lab.folders["expc"].path / "privkey.pem.csr").read_bytes()
    shared.lab.page("expc3", "upload", (key + leaf).decode())
    assert shared.until("Installed").state == "Installed"
    assert len(shared.events("key-found")) == 1
    assert not folder_of_keys(shared).exists()


def test_without_sftp_people_are_told_how_to_know_the_key(labs: Labs) -> None:
    """The file has no documented name: the digest of its public key tells it, which one peer by people suffices for."""
    story = story_of(labs)
    without(story, "sftp", *PEERS)
    to_install(story)
    with pytest.raises(Waiting, match="on expc2") as waiting:
        story.runner.run(story.id)
    assert f"shows {story.renewal.items[0].key}" in waiting.value.steps[0]
    assert "openssl pkey -in FILE -pubout -outform DER" in waiting.value.steps[0]


@pytest.mark.parametrize("nodes", [("expc3",), PEERS], ids=["one peer", "every peer"])
def test_peers_without_an_api_are_worked_by_hand_to_the_end(labs: Labs, nodes: tuple[str, ...]) -> None:
    """A peer of the driver guided, beside driven ones or alone: every step is told, and each is then seen."""
    lab = labs(shared=True)
    story = Story(lab, "expc-shared")
    for table in ("sftp", "web_form"):
        without(story, table, *nodes)
    hands = ByHand(lab, *nodes, certificate="expc-shared")
    copied: list[str] = []

    def copy(_step: str) -> None:
        copied.append((lab.folders["expc"].path / "privkey.pem.csr").read_text())

    hands.instead = {
        "by SFTP as root": copy,
        "Select the server private key file": lambda step: hands.press("upload", copied[-1] + hands.file(step)),
        "Delete your copy": lambda _step: copied.clear(),
    }
    hands.begin()
    assert hands.until("Restarted").state == "Restarted"
    leaf = hands.renewal.items[0].leaf
    assert [lab.boxes[node].serves.fingerprint for node in PEERS] == [leaf] * 3
    assert hands.effects("restarting") == list(PEERS)
    assert len(hands.events("key-found")) == (0 if "expc" in nodes else 1)
    assert not folder_of_keys(hands).exists()
    assert hands.whole()
