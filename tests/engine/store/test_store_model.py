"""Hold the store against a plain dict: whatever is done in whatever order, both say the same, to readers too."""

import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from engine.errors import Refused, UsageError
from engine.model import Json
from engine.store import Store
from tests.engine.store.samples import AT, BY, decision, plan, renewal

IDS = st.sampled_from(["a", "b", "c-1"])
TIMES = st.sampled_from([AT, "2026-11-24T08:00:00Z", "2026-11-25T08:00:00Z"])
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["Inspected", "Signed", "\u202eodd"]),
        "round": st.integers(0, 9),
        "items/0/csr": st.text("0123456789abcdef", max_size=8),
        "pins": st.dictionaries(st.text(max_size=3), st.lists(st.text(max_size=3), max_size=2), max_size=2),
    },
)


class Reader(threading.Thread):
    """Read everything, again and again, while others write; keep what was seen of each journal."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._store, self._over = Store(home), threading.Event()
        self.heads: dict[str, dict[int, str]] = {}
        self.wrong: list[str] = []

    def run(self) -> None:
        """Look until told to stop, at least once."""
        while True:
            try:
                for id in self._store.ids():
                    self._look(id)
            except Exception as error:  # whatever it is, a reader must not meet it
                self.wrong.append(repr(error))
            if self._over.is_set():
                return

    def _look(self, id: str) -> None:
        document, seen = self._store.load(id), self.heads.setdefault(id, {})
        if document.revision < max(seen, default=0) or document.revision != len(document.journal):
            self.wrong.append(f"{id} went back from {max(seen)} to {document.revision}")
        seen[document.revision] = document.journal[-1].hash
        self.wrong += self._store.verify(id) + self._store.beside(id)[2]

    def stop(self) -> None:
        """Have it look once more and end."""
        self._over.set()
        self.join()


class Comparison(RuleBasedStateMachine):
    """Do the same to the store and to a dict of dicts."""

    names = Bundle("names")

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.store = Store(self.home)
        self.values: dict[str, dict[str, Json]] = {}
        self.texts: dict[str, list[str]] = {}
        self.beside: dict[str, dict[str, Any]] = {}
        self.reader = Reader(self.home)
        self.reader.start()

    @rule(target=names, id=IDS)
    def create(self, id: str) -> str:
        if id in self.values:
            with pytest.raises(UsageError, match="already"):
                self.store.create(renewal(id), BY, AT, "begun")
            return id
        self.store.create(renewal(id), BY, AT, "begun")
        self.values[id], self.texts[id] = renewal(id).plain(), ["begun"]
        self.beside[id] = {"artefacts": {}, "decisions": {}, "plans": {}, "papers": {}}
        return id

    @rule(id=names, texts=st.lists(st.text(max_size=5), max_size=3), values=VALUES)
    def append(self, id: str, texts: list[str], values: dict[str, Json]) -> None:
        with self.store.hold(id, BY, AT, "test") as handle:
            for text in texts:
                handle.append("x", text, at=AT, by=BY, values=values)
                self.texts[id].append(text)
                changes = dict(values)
                if "items/0/csr" in changes:
                    self.values[id]["items"][0]["csr"] = changes.pop("items/0/csr")
                self.values[id] |= changes

    @rule(id=names, content=st.binary(max_size=20), ext=st.sampled_from(["pem", "json"]))
    def put_artefact(self, id: str, content: bytes, ext: str) -> None:
        self.beside[id]["artefacts"][self.store.put_artefact(id, content, ext)] = content

    @rule(id=names, name=st.sampled_from(["d1", "d2", "d3"]), at=TIMES, verb=st.sampled_from(["approve", "reject"]))
    def decide(self, id: str, name: str, at: str, verb: str) -> None:
        said = msgspec.structs.replace(decision(name, at, verb), renewal=id)
        if name in self.beside[id]["decisions"]:
            with pytest.raises(Refused, match="already"):
                self.store.add_decision(said)
            return
        self.store.add_decision(said)
        self.beside[id]["decisions"][name] = said

    @rule(id=names, at=TIMES, node=st.sampled_from(["expc", "expe"]))
    def show_plan(self, id: str, at: str, node: str) -> None:
        shown = plan(at, node, id)
        self.store.put_plan(id, shown)
        self.beside[id]["plans"].setdefault(shown.digest, shown)

    @rule(id=names, name=st.sampled_from(["a.csr", "b.txt"]), content=st.binary(max_size=9))
    def write_paper(self, id: str, name: str, content: bytes) -> None:
        self.store.write_paper(id, name, content)
        self.beside[id]["papers"][name] = content

    @rule()
    def reopen(self) -> None:
        self.store = Store(self.home)

    @invariant()
    def documents_agree(self) -> None:
        assert self.store.ids() == sorted(self.values)
        for document in self.store.load_all():
            id = document.renewal.id
            assert document.renewal.plain() == self.values[id]
            assert [event.text for event in document.journal] == self.texts[id]
            assert document.revision == len(self.texts[id])
            assert self.store.verify(id) == []

    @invariant()
    def what_is_beside_agrees(self) -> None:
        for id, kept in self.beside.items():
            assert {name: self.store.artefact(id, name) for name in kept["artefacts"]} == kept["artefacts"]
            decided = sorted(kept["decisions"].values(), key=lambda said: (said.at, said.id))
            assert self.store.decisions(id) == decided
            assert {shown.digest: shown for shown in self.store.plans(id)} == kept["plans"]
            papers = {path.name: path.read_bytes() for path in self.store.paper_folder(id).iterdir()}
            assert papers == kept["papers"]

    def teardown(self) -> None:
        self.reader.stop()
        final = {id: [event.hash for event in self.store.load(id).journal] for id in self.values}
        shutil.rmtree(self.home)
        assert self.reader.wrong == []
        for id, seen in self.reader.heads.items():
            assert {number: final[id][number - 1] for number in seen} == seen


TestComparison = Comparison.TestCase
TestComparison.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
