"""Hold what is kept beside a document: decisions, plans, artefacts and papers."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from engine.errors import CertrenewError, Refused, UsageError
from engine.store import Store
from tests.engine.store.samples import AT, BY, decision, plan, renewal

LATER = "2026-11-24T08:00:00Z"
HOSTILE = ["", ".", "..", "../x", "a/b", "/etc/passwd", "x\0y", "x\ny", "-x", ".x", "x" * 200, "é"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Make a home with one renewal."""
    made = Store(tmp_path / "home")
    made.create(renewal(), BY, AT, "begun")
    return made


def _folder(store: Store, part: str) -> Path:
    return store.home / "renewals" / "r1" / part


def test_decisions_come_in_order(store: Store) -> None:
    """Decisions are read by time, then id, whatever the order of writing."""
    written = [decision("b", LATER), decision("c"), decision("a", LATER, "withdraw")]
    for one in written:
        store.add_decision(one)
    assert store.decisions("r1") == [written[1], written[2], written[0]]


def test_a_decision_never_changes(store: Store) -> None:
    """A second decision of the same id is refused, and the first stays; another id is taken."""
    store.add_decision(decision())
    with pytest.raises(Refused, match="d1 already"):
        store.add_decision(decision(verb="reject"))
    assert store.decisions("r1") == [decision()]
    store.add_decision(decision("d2", verb="reject"))
    assert len(store.decisions("r1")) == 2
    assert [path.name for path in sorted(_folder(store, "decisions").iterdir())] == ["d1.json", "d2.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b"null", b"[" * 100_000])
def test_a_damaged_decision_is_not_passed_over(store: Store, content: bytes) -> None:
    """A decision that can't be read stops the reading: it might be the rejection."""
    store.add_decision(decision())
    (_folder(store, "decisions") / "d2.json").write_bytes(content)
    with pytest.raises(Refused, match=r"d2\.json is damaged"):
        store.decisions("r1")


def test_a_decision_moved_or_copied_is_refused(store: Store) -> None:
    """A decision counts under its own id and for its own renewal only."""
    store.create(renewal("r2"), BY, AT, "begun")
    store.add_decision(decision())
    content = (_folder(store, "decisions") / "d1.json").read_bytes()
    (store.home / "renewals" / "r2" / "decisions" / "d1.json").write_bytes(content)
    with pytest.raises(Refused, match="not the one its name says"):
        store.decisions("r2")
    assert store.decisions("r1") == [decision()]
    (_folder(store, "decisions") / "d9.json").write_bytes(content)
    with pytest.raises(Refused, match="not the one its name says"):
        store.decisions("r1")


def test_a_newer_decision_is_refused(store: Store) -> None:
    """A decision of a newer certrenew is refused as that."""
    newer = msgspec.json.encode(decision().plain() | {"schema": 99, "unheard_of": 1})
    (_folder(store, "decisions") / "d1.json").write_bytes(newer)
    with pytest.raises(UsageError, match="newer certrenew"):
        store.decisions("r1")


def test_plans_come_newest_first(store: Store) -> None:
    """Plans are kept under their digests and read with the newest first."""
    old, new = plan(AT, "expc"), plan(LATER, "expe")
    assert [store.put_plan("r1", one) for one in (new, old)] == [new.digest, old.digest]
    assert store.plans("r1") == [new, old]
    assert store.plan("r1", old.digest) == old


def test_the_first_showing_of_a_plan_stays(store: Store) -> None:
    """A plan with the same digest and other prose does not replace the one that people saw."""
    shown, again = plan(what="restart it"), plan(LATER, what="restart it, please")
    assert store.put_plan("r1", shown) == store.put_plan("r1", again) == shown.digest
    assert store.plans("r1") == [shown]


def test_an_altered_plan_is_found_and_can_be_put_right(store: Store) -> None:
    """A plan whose content is not what its name says is refused; putting the same plan again mends it."""
    digest = store.put_plan("r1", plan())
    path = _folder(store, "plans") / f"{digest}.json"
    path.write_bytes(path.read_bytes().replace(b"expc", b"expe"))
    with pytest.raises(Refused, match="not the one its name says"):
        store.plan("r1", digest)
    with pytest.raises(Refused):
        store.plans("r1")
    store.put_plan("r1", plan())
    assert store.plan("r1", digest) == plan()


def test_a_plan_goes_with_its_own_renewal(store: Store) -> None:
    """A plan of another renewal is not kept, and an unknown digest is said to be one."""
    with pytest.raises(CertrenewError):
        store.put_plan("r1", plan(renewal="r2"))
    with pytest.raises(UsageError, match="no plan"):
        store.plan("r1", "0" * 64)
    assert store.plans("r1") == []


def test_an_artefact_is_named_by_its_content(store: Store) -> None:
    """An artefact comes back by the SHA-256 of its bytes; putting it again changes nothing."""
    content = bytes(range(256)) * 100
    name = store.put_artefact("r1", content, "bin")
    assert name == hashlib.sha256(content).hexdigest()
    path = _folder(store, "artefacts") / f"{name}.bin"
    before = path.stat().st_ino
    assert store.put_artefact("r1", content, "bin") == name
    assert path.stat().st_ino == before
    assert store.artefact("r1", name) == content
    with pytest.raises(UsageError, match="no artefact"):
        store.artefact("r1", "0" * 64)


def test_an_altered_artefact_is_refused_and_can_be_put_right(store: Store) -> None:
    """Altered content is never handed out; putting the true content again mends it."""
    name = store.put_artefact("r1", b"-----BEGIN", "pem")
    (_folder(store, "artefacts") / f"{name}.pem").write_bytes(b"-----BEGAN")
    with pytest.raises(Refused, match="not what its name says"):
        store.artefact("r1", name)
    store.put_artefact("r1", b"-----BEGIN", "pem")
    assert store.artefact("r1", name) == b"-----BEGIN"


def test_a_paper_is_where_it_says(store: Store) -> None:
    """A file for people is written under its name and replaced by the next of that name."""
    path = store.write_paper("r1", "expc.csr.pem", b"one")
    assert path == store.paper_folder("r1") / "expc.csr.pem"
    assert store.write_paper("r1", "expc.csr.pem", b"two") == path
    assert path.read_bytes() == b"two"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_lead_nowhere(store: Store, name: str) -> None:
    """A name, extension, digest or id that could lead elsewhere is refused before anything is written."""
    before = sorted(store.home.rglob("*"))
    attempts = (
        lambda: store.write_paper("r1", name, b"x"),
        lambda: store.put_artefact("r1", b"x", name),
        lambda: store.artefact("r1", name),
        lambda: store.plan("r1", name),
        lambda: store.add_decision(decision(name)),
    )
    for attempt in attempts:
        with pytest.raises(UsageError, match="can't be"):
            attempt()
    assert sorted(store.home.rglob("*")) == before


def test_nothing_is_kept_for_a_renewal_that_is_not_there(store: Store) -> None:
    """Nothing can be put beside a renewal that does not exist, and no folder appears."""
    attempts = (
        lambda: store.write_paper("r9", "x", b"x"),
        lambda: store.put_artefact("r9", b"x", "bin"),
        lambda: store.put_plan("r9", plan(renewal="r9")),
        lambda: store.add_decision(msgspec.structs.replace(decision(), renewal="r9")),
    )
    for attempt in attempts:
        with pytest.raises(UsageError, match="no renewal r9"):
            attempt()
    assert store.ids() == ["r1"]
    assert not (store.home / "renewals" / "r9").exists()
