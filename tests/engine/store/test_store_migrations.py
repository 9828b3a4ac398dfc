"""Hold that what any release stored can be read and carried on by this one."""

import shutil
from pathlib import Path

import msgspec
import pytest

from engine.cli import main
from engine.errors import Refused
from engine.model import SCHEMA, Json
from engine.store import Store, documents, migrations
from engine.store.repair import repairs
from tests.engine.store.samples import AT, BY
from tests.engine.store.write_golden import GOLDEN

SCHEMAS = range(1, SCHEMA + 1)


def _home(schema: int, folder: Path) -> Store:
    """Copy a golden home, with the rights that a home has."""
    home = shutil.copytree(GOLDEN / f"schema-{schema}", folder / "home")
    for path in (home, *home.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return Store(home)


def test_each_schema_has_its_golden_home() -> None:
    """A schema that was released has a golden home and a way to the next one."""
    assert sorted(path.name for path in GOLDEN.glob("schema-*")) == [f"schema-{schema}" for schema in SCHEMAS]
    assert sorted(migrations.MIGRATIONS) == list(SCHEMAS)[:-1]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_golden_home_is_read_and_carried_on(schema: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything in it is read, the journal verifies, nothing needs a repair, and the next event is taken."""
    store = _home(schema, tmp_path)
    (id,) = store.ids()
    document = store.load(id)
    assert (document.renewal.state, document.renewal.schema) == ("Installed", SCHEMA)
    assert len(document.journal) == document.revision > 20
    assert len(store.plans(id)) == 4
    assert [decision.verb for decision in store.decisions(id)] == ["approve"]
    assert list(store.paper_folder(id).glob("*.csr"))
    store.check_artefacts(document.renewal)
    assert (store.verify(id), repairs(store)) == ([], [])
    with store.hold(id, BY, AT, "go on") as handle:
        handle.append("x", "y", at=AT, by=BY)
    assert store.load(id).journal[: document.revision] == document.journal
    assert store.verify(id) == []
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(store.home), "list", "--json"])
    assert ended.value.code == 0
    assert id in capsys.readouterr().out


def test_values_that_came_later_are_journalled_before_they_are_filled(tmp_path: Path) -> None:
    """A renewal begun before there was such a table takes an event that writes into it, and verifies afterwards."""
    store = _home(1, tmp_path)
    (id,) = store.ids()
    assert "evicted" not in store.load(id).journal[0].values[""]
    with store.hold(id, BY, AT, "go on") as handle:
        handle.append("x", "y", at=AT, by=BY, values={"evicted/expc": []})
    assert [event.kind for event in store.load(id).journal][-2:] == ["migrated", "x"]
    assert (store.verify(id), repairs(store)) == ([], [])


@pytest.fixture
def next_schema(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let this release have the schema after its own, in which a change record was never left empty."""

    def given(values: dict[str, Json]) -> dict[str, Json]:
        return {**values, "change": values["change"] or "unknown"}

    for module in (documents, migrations):
        monkeypatch.setattr(module, "SCHEMA", SCHEMA + 1)
    monkeypatch.setitem(migrations.MIGRATIONS, SCHEMA, given)
    return SCHEMA + 1


def test_an_older_home_is_migrated_by_reading_and_journalled_by_writing(next_schema: int, tmp_path: Path) -> None:
    """Readers see the new values and write nothing; the first writer journals them, once, and the old events stay."""
    store = _home(SCHEMA, tmp_path)
    (id,) = store.ids()
    path = store.home / "renewals" / id / "renewal.json"
    before = path.read_bytes()
    document = store.load(id)
    (summary,), _ = store.summaries()
    assert document.renewal == summary.renewal
    assert (document.renewal.change, document.renewal.schema) == ("unknown", next_schema)
    assert (store.verify(id), repairs(store)) == ([], [])
    assert path.read_bytes() == before
    for _ in range(2):
        with store.hold(id, BY, AT, "go on"):
            pass
    after = store.load(id)
    assert [event.kind for event in after.journal[document.revision :]] == ["migrated"]
    assert after.journal[: document.revision] == document.journal
    assert after.renewal == document.renewal
    assert msgspec.json.decode(path.read_bytes())["renewal"]["1"]["values"]["schema"] == next_schema
    assert store.verify(id) == []


def test_damage_to_older_values_is_repaired_from_the_older_journal(next_schema: int, tmp_path: Path) -> None:
    """The journal of an older release proves its values as it always did."""
    store = _home(SCHEMA, tmp_path)
    (id,) = store.ids()
    path = store.home / "renewals" / id / "renewal.json"
    path.write_bytes(path.read_bytes().replace(b'"state":"Installed"', b'"state":"Restarted"', 1))
    (one,) = repairs(store)
    one.carry_out(BY, AT)
    assert store.load(id).renewal.state == "Installed"
    with store.hold(id, BY, AT, "go on") as handle:
        assert handle.document.renewal.schema == next_schema
    assert store.verify(id) == []


def test_a_schema_that_nothing_leads_on_from_is_left(
    next_schema: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without its migration an older file is refused, and stays as it is."""
    monkeypatch.delitem(migrations.MIGRATIONS, next_schema - 1)
    store = _home(SCHEMA, tmp_path)
    (id,) = store.ids()
    before = (store.home / "renewals" / id / "renewal.json").read_bytes()
    with pytest.raises(Refused, match=f"its schema is {SCHEMA}"):
        store.load(id)
    assert (store.home / "renewals" / id / "renewal.json").read_bytes() == before
