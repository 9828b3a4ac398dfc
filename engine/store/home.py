"""Keep renewals in a folder, so that nothing that was acknowledged is ever lost.

    HOME/renewals/<id>/renewal.json           current values, journal and revision: one file, one write, one truth
    HOME/renewals/<id>/lock, holder.json      who advances it
    HOME/renewals/<id>/decisions/<id>.json    what people said; written once, without the lock
    HOME/renewals/<id>/plans/<digest>.json    plans that were shown
    HOME/renewals/<id>/artefacts/<sha256>.*   large things, named by their content
    HOME/renewals/<id>/papers/                files for people
    HOME/renewals/<id>/transcript.jsonl       what was said to boxes and seen on the wire; notes, not the truth
    HOME/locks/node-<name>.lock, .json        what two renewals share
    HOME/observers/<name>.json, .lock         how far each observer was told (engine/store/outbox.py)
    HOME/list.cache                           what a list of many renewals need not read again (engine/store/cache.py)

``docs/explanation/store.md`` tells why.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec

from engine.canonical import sha256
from engine.errors import CertrenewError, Refused, UsageError
from engine.model import Actor, Decision, Json, Plan, Renewal
from engine.store import cache, chain, files, kept
from engine.store.documents import Document, Summary, decode, decode_summary, is_older
from engine.store.locks import held
from engine.store.taught import Taught
from engine.text import escape

if TYPE_CHECKING:
    from engine.store.handle import Handle

TRANSCRIPT_CAP = 8 * 1024 * 1024
"""The largest transcript, in bytes; a renewal that is watched for a week writes about 1 MB."""

INTERRUPTED = "interrupted"
"""The kind of the event that says that the last holder of a renewal died in the middle."""

FULL = b'{"kind":"full"}\n'
"""The last entry of a transcript that took no more."""

V = TypeVar("V")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_EXTENSION = re.compile(r"[a-z0-9]{1,10}")
PARTS = ("decisions", "plans", "artefacts", "papers")
"""The folders beside a renewal's document."""


class Store:
    """Hold all renewals of one home folder. Making one touches nothing; reading never creates anything."""

    def __init__(self, home: Path) -> None:
        self.home = Path(home)
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
        return chain.problems(content, path, head and _checked(_DIGEST, head, "the hash of an event"))

    # Beside the document

    def put_artefact(self, renewal_id: str, content: bytes, ext: str) -> str:
        """Keep large content, durably, under the SHA-256 of its bytes, which is returned. Idempotent."""
        name = sha256(content)
        path = self._part(renewal_id, "artefacts") / f"{name}.{_checked(_EXTENSION, ext, 'a file extension')}"
        kept.keep(path, content, whole=lambda there: there == content)
        return name

    def artefact(self, renewal_id: str, sha256: str) -> bytes:
        """Return what `put_artefact` kept. Read-only. Raises UsageError when absent, Refused when altered."""
        folder = self._existing(renewal_id) / "artefacts"
        for path in sorted(folder.glob(f"{_checked(_DIGEST, sha256, 'a SHA-256')}.*")):
            return kept.read_artefact(path)
        raise UsageError(
            f"Renewal {renewal_id} has no artefact {sha256}.",
            todo="Restore the renewal's folder from a backup, whole.",
        )

    def check_artefacts(self, renewal: Renewal) -> None:
        """Read every artefact of a renewal. Read-only. Raises like `artefact` for one that is altered or absent."""
        for path in sorted((self._existing(renewal.id) / "artefacts").glob("[!.]*")):
            kept.read_artefact(path)
        for item in renewal.items:
            for digest in filter(None, (item.csr, item.leaf, *item.supplied, *item.chain)):
                self.artefact(renewal.id, digest)

    def put_plan(self, renewal_id: str, plan: Plan) -> str:
        """Keep a plan that was shown, durably, and return its digest. Idempotent: the first showing stays."""
        if plan.renewal != renewal_id:
            raise CertrenewError(f"A plan of {escape(plan.renewal)} was to be kept with {escape(renewal_id)}.")
        digest = plan.digest
        path = self._part(renewal_id, "plans") / f"{digest}.json"
        kept.keep(path, msgspec.json.encode(plan), whole=lambda there: kept.is_plan(there, path))
        return digest

    def plan(self, renewal_id: str, digest: str) -> Plan:
        """Return a plan that was shown. Read-only. Raises UsageError when absent, Refused when altered."""
        path = self._existing(renewal_id) / "plans" / f"{_checked(_DIGEST, digest, 'a plan digest')}.json"
        try:
            return kept.decode_plan(files.read(path), path)
        except FileNotFoundError:
            raise UsageError(
                f"Renewal {renewal_id} has no plan {digest}.", todo=f"Make one: certrenew plan {renewal_id}"
            ) from None

    def plans(self, renewal_id: str) -> list[Plan]:
        """Return all plans that were shown, the newest first. Read-only. Raises Refused for an altered one."""
        paths = kept.json_files(self._existing(renewal_id) / "plans")
        plans = [kept.decode_plan(files.read(path), path) for path in paths]
        return sorted(plans, key=lambda plan: (plan.made_at, plan.digest), reverse=True)

    def add_decision(self, decision: Decision) -> None:
        """Keep a decision for good, durably and without the lock. Raises Refused when its id is taken."""
        path = self._part(decision.renewal, "decisions") / f"{_checked(_NAME, decision.id, 'a decision id')}.json"
        try:
            files.place(path, msgspec.json.encode(decision))
        except FileExistsError:
            raise Refused(
                f"There is a decision {decision.id} already, and decisions never change.",
                untouched="It was left as it is.",
                todo="Repeat the command; it takes another ID.",
            ) from None

    def decisions(self, renewal_id: str) -> list[Decision]:
        """Return what people decided, by time, then id. Read-only. Raises for one that can't be read or is foreign."""
        paths = kept.json_files(self._existing(renewal_id) / "decisions")
        decisions = [kept.decode_decision(files.read(path), path) for path in paths]
        return sorted(decisions, key=lambda decision: (decision.at, decision.id))

    def paper_folder(self, renewal_id: str) -> Path:
        """Return the folder that holds a renewal's files for people. Read-only."""
        return self._existing(renewal_id) / "papers"

    def write_paper(self, renewal_id: str, name: str, content: bytes) -> Path:
        """Write a file for people, durably, and return where it is; one of that name is replaced. Idempotent."""
        path = self._part(renewal_id, "papers") / _checked(_NAME, name, "a file name")
        files.replace(path, content)
        return path

    def note(self, renewal_id: str, entry: Json) -> None:
        """Add an entry to the renewal's transcript. Best effort: no error, not durable, and it ends when it is full."""
        path = self._folder(renewal_id) / "transcript.jsonl"
        if not files.append(path, msgspec.json.encode(entry) + b"\n", TRANSCRIPT_CAP - len(FULL)):
            files.append(path, FULL, TRANSCRIPT_CAP)

    def transcript(self, renewal_id: str) -> bytes:
        """Return the transcript as it is on disk, b"" where there is none. Read-only."""
        try:
            return files.read(self._existing(renewal_id) / "transcript.jsonl")
        except FileNotFoundError:
            return b""

    def beside(self, renewal_id: str) -> tuple[list[Plan], list[Decision], list[str]]:
        """Return plans and decisions, by time, and what is wrong with those that can't be used. Read-only."""
        folder, problems = self._existing(renewal_id), list[str]()
        plans = list(_usable(folder / "plans", kept.decode_plan, problems))
        decisions = list(_usable(folder / "decisions", kept.decode_decision, problems))
        return (
            sorted(plans, key=lambda plan: (plan.made_at, plan.digest)),
            sorted(decisions, key=lambda decision: (decision.at, decision.id)),
            problems,
        )

    # Folders

    def _folder(self, renewal_id: str) -> Path:
        return self.home / "renewals" / _checked(_NAME, renewal_id, "a renewal id")

    def _existing(self, renewal_id: str) -> Path:
        files.check_owner(self.home)
        folder = self._folder(renewal_id)
        if not os.path.exists(f"{folder}/renewal.json"):
            raise _absent(renewal_id)
        return folder

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
        path = Path(f"{self.home}/renewals/{_checked(_NAME, renewal_id, 'a renewal id')}/renewal.json")
        try:
            return path, files.read(path)
        except FileNotFoundError:
            raise _absent(renewal_id) from None

    def _part(self, renewal_id: str, part: str) -> Path:
        folder = self._existing(renewal_id) / part
        files.make_folder(folder)
        return folder

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


def _usable(folder: Path, decode: Callable[[bytes, Path], V], problems: list[str]) -> Iterator[V]:
    for path in kept.json_files(folder):
        try:
            yield decode(files.read(path), path)
        except CertrenewError as error:
            problems.append(error.what)


def _absent(renewal_id: str) -> UsageError:
    return UsageError(f"There is no renewal {escape(renewal_id, 120)}.", todo="See all with: certrenew list")


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    """Return a text that becomes part of a path, or refuse it: nothing may lead out of its folder."""
    if not pattern.fullmatch(text):
        raise UsageError(
            f"{escape(text, 120)!r} can't be {what}: it must match {pattern.pattern}.",
            todo="See what there is with: certrenew list",
        )
    return text
