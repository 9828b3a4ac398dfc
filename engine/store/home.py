"""Keep renewals in a folder, so that nothing that was acknowledged is ever lost.

    HOME/renewals/<id>/renewal.json           current values, journal and revision: one file, one write, one truth
    HOME/renewals/<id>/lock, holder.json      who advances it
    HOME/renewals/<id>/decisions/<id>.json    what people said; written once, without the lock
    HOME/renewals/<id>/plans/<digest>.json    plans that were shown
    HOME/renewals/<id>/artefacts/<sha256>.*   large things, named by their content
    HOME/renewals/<id>/papers/                files for people
    HOME/renewals/<id>/keys/                  a private key that peers share, encrypted, for a while (sealed.py)
    HOME/renewals/<id>/transcript.jsonl       what was said to boxes and seen on the wire; notes, not the truth
    HOME/locks/node-<name>.lock, .json        what two renewals share
    HOME/observers/<name>.json, .lock         how far each observer was told (engine/store/outbox.py)
    HOME/list.cache                           what a list of many renewals need not read again (engine/store/cache.py)

``docs/explanation/store.md`` tells why.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from engine.errors import CertrenewError, UsageError
from engine.model import Actor, Json, Renewal
from engine.store import cache, chain, files
from engine.store.beside import DIGEST, NAME, Beside, absent, checked
from engine.store.documents import Document, Summary, decode, decode_summary, is_older
from engine.store.locks import held
from engine.store.taught import Taught

if TYPE_CHECKING:
    from engine.store.handle import Handle

INTERRUPTED = "interrupted"
"""The kind of the event that says that the last holder of a renewal died in the middle."""

PARTS = ("decisions", "plans", "artefacts", "papers")
"""The folders beside a renewal's document."""


class Store(Beside):
    """Hold all renewals of one home folder. Making one touches nothing; reading never creates anything."""

    def __init__(self, home: Path) -> None:
        super().__init__(Path(home))
        self.appended: int | None = None
        """How many events were appended through this object; None before it was used for writing."""
        self.taught = Taught(self)

    # Renewals

    def create(self, renewal: Renewal, by: Actor, at: str, text: str) -> Document:
        """Store a new renewal, durably; its first event sets all values. Raises UsageError when the id is taken."""
        from engine.store.handle import begin

        folder = self._folder(renewal.id)
        files.check_owner(self.home)
        files.make_folder(self.home)
        files.check_system(self.home)
        self._make(folder)
        with held(folder / "lock", folder / "holder.json", f"Renewal {renewal.id}", by, at, "create it"):
            self._sweep(folder)
            if (folder / "renewal.json").exists():
                raise UsageError(
                    f"There is a renewal {renewal.id} already.",
                    untouched="It was left as it is.",
                    todo="Repeat the command; it takes another ID.",
                )
            self.appended = (self.appended or 0) + 1
            return begin(folder / "renewal.json", renewal, by=by, at=at, text=text)

    def ids(self) -> list[str]:
        """Return the ids of all renewals, sorted. Read-only."""
        files.check_owner(self.home)
        return [name for name in self._names() if os.path.exists(f"{self.home}/renewals/{name}/renewal.json")]

    def load(self, renewal_id: str) -> Document:
        """Return a renewal as it is on disk, without a lock. Read-only.

        Raises UsageError when there is none or it is of a newer certrenew, Refused when its file is damaged.
        """
        path, content = self._content(renewal_id)
        return decode(content, path)

    def load_checked(self, renewal_id: str) -> Document:
        """Return a renewal like `load`, for whoever acts on what its values say. Read-only.

        Raises Refused also when they do not follow from its journal.
        """
        path, content = self._content(renewal_id)
        return chain.check(content, path)

    def load_all(self) -> list[Document]:
        """Return all renewals by id. Read-only. Raises like `load` for the first that can't be read."""
        return [self.load(renewal_id) for renewal_id in self.ids()]

    def summaries(self) -> tuple[list[Summary], list[CertrenewError]]:
        """Return all renewals in short, by id, and what is wrong with those that can't be read. Read-only."""
        found: list[Summary] = []
        problems: list[CertrenewError] = []
        for renewal_id in self.ids():
            try:
                found.append(self.summary(renewal_id))
            except CertrenewError as error:
                problems.append(error)
        return found, problems

    def listed(self) -> tuple[list[Renewal], list[CertrenewError]]:
        """Return all renewals like `summaries`, for showing: those of a large home are remembered (store/cache.py)."""
        files.check_owner(self.home)
        began, known, seen = cache.now(), cache.read(self.home), cache.Entries()
        problems: list[CertrenewError] = []
        for renewal_id in self._names():
            # Looked at before it is read: what changes in between is read again next time.
            identity = files.identity(f"{self.home}/renewals/{renewal_id}/renewal.json")
            entry = known.get(renewal_id)
            try:
                if identity is not None:
                    same = entry if entry and entry[0] == identity else None
                    seen[renewal_id] = same or (identity, self.summary(renewal_id).renewal)
            except CertrenewError as error:
                problems.append(error)
        if sum(known.get(id) is not one for id, one in seen.items()) >= cache.WORTH:
            cache.write(self.home, seen, began)
        return [renewal for _, renewal in seen.values()], problems

    def summary(self, renewal_id: str) -> Summary:
        """Return a renewal in short, like `load`. Read-only."""
        path, content = self._read(renewal_id)
        return decode_summary(content, path)

    def population(self) -> str:
        """Return what changes whenever a renewal begins, "" while one may have begun just now. Read-only."""
        identity = files.identity(self.home / "renewals")
        return str(identity) if identity and identity[3] < cache.now() - cache.SETTLED else ""

    def mark(self, renewal_id: str) -> str:
        """Return what changes whenever the renewal or its decisions do, without reading them. Read-only."""
        folder = self._folder(renewal_id)
        return f"{files.identity(folder / 'renewal.json')} {files.identity(folder / 'decisions')}"

    @contextmanager
    def hold(self, renewal_id: str, by: Actor, at: str, purpose: str) -> Iterator["Handle"]:
        """Hold the right to advance a renewal, without waiting; `purpose` reads on after "to".

        When whoever held it last died in the middle, that is journalled first. Raises HeldElsewhere when another has
        it, Refused when what is stored is not whole.
        """
        from engine.store.handle import Handle

        folder = self._existing(renewal_id)
        with held(folder / "lock", folder / "holder.json", f"Renewal {renewal_id}", by, at, purpose) as died:
            self._sweep(folder)
            path, content = self._content(renewal_id)
            handle = Handle(path, chain.check(content, path))
            before = handle.document.revision
            try:
                if is_older(content):
                    values: dict[str, Json] = {"": handle.document.renewal.plain()}
                    handle.append("migrated", "The values are those of this version.", at=at, by=by, values=values)
                if died:
                    handle.append(INTERRUPTED, f"Its last holder died in the middle: {died}.", at=at, by=by)
                yield handle
            finally:
                handle.release()
                self.appended = (self.appended or 0) + handle.document.revision - before

    @contextmanager
    def node_lock(self, node: str, by: Actor, at: str, purpose: str) -> Iterator[None]:
        """Hold what renewals share of a box (its pending CSR, its restart), like `hold`. Raises HeldElsewhere."""
        files.check_owner(self.home)
        locks = self.home / "locks"
        name = f"node-{quote(node, safe='')}"
        files.make_folder(locks)
        files.sweep(locks)
        with held(locks / f"{name}.lock", locks / f"{name}.json", f"Node {node}", by, at, purpose):
            yield

    def verify(self, renewal_id: str, head: str = "") -> list[str]:
        """Check the whole journal and return what is wrong, in plain words; empty when it is whole. Read-only.

        `head` is the hash of an event that must be in it, noted earlier and elsewhere: a journal that was cut off
        before it, or written anew, lacks it. Raises UsageError for what is no hash.
        """
        path, content = self._content(renewal_id)
        return chain.problems(content, path, head and checked(DIGEST, head, "the hash of an event"))

    # Folders

    def _names(self) -> list[str]:
        """Return the names of the folders that may hold a renewal, sorted."""
        renewals = self.home / "renewals"
        with files.explaining(renewals, "read"), suppress(FileNotFoundError):
            return sorted(os.listdir(renewals))
        return []

    def _content(self, renewal_id: str) -> tuple[Path, bytes]:
        files.check_owner(self.home)
        return self._read(renewal_id)

    def _read(self, renewal_id: str) -> tuple[Path, bytes]:
        # One string, one path: joining paths takes as long as reading the file.
        path = Path(f"{self.home}/renewals/{checked(NAME, renewal_id, 'a renewal id')}/renewal.json")
        try:
            return path, files.read(path)
        except FileNotFoundError:
            raise absent(renewal_id) from None

    def _make(self, folder: Path) -> None:
        """Make a renewal's folders and sync every folder above, also those that were there.

        Whoever made them may have been killed before the sync, and what is acknowledged below must not hang in the air.
        """
        for part in PARTS:
            files.make_folder(folder / part)
        with files.explaining(folder, "made durable"):
            for above in (folder, folder.parent, self.home):
                files.sync_folder(above)
            with suppress(PermissionError):
                files.sync_folder(self.home.absolute().parent)

    def _sweep(self, folder: Path) -> None:
        for swept in (self.home, folder, *(folder / part for part in PARTS)):
            files.sweep(swept)
