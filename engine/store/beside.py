"""Keep what belongs to a renewal beside its document: artefacts, plans, decisions, papers, and the transcript.

A renewal's folder and what may stand in it: engine/store/home.py. All but papers and the transcript never change.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.canonical import sha256
from engine.errors import CertrenewError, Refused, UsageError
from engine.model import Decision, Json, Plan, Renewal
from engine.store import files, kept
from engine.store.sealed import SealedKeys
from engine.text import escape

TRANSCRIPT_CAP = 8 * 1024 * 1024
"""The largest transcript, in bytes; a renewal that is watched for a week writes about 1 MB."""

FULL = b'{"kind":"full"}\n'
"""The last entry of a transcript that took no more."""

V = TypeVar("V")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
DIGEST = re.compile(r"[0-9a-f]{64}")
_EXTENSION = re.compile(r"[a-z0-9]{1,10}")


class Beside:
    """Hold what is beside the documents of a home. Making one touches nothing; reading never creates anything."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def put_artefact(self, renewal_id: str, content: bytes, ext: str) -> str:
        """Keep large content, durably, under the SHA-256 of its bytes, which is returned. Idempotent."""
        name = sha256(content)
        path = self._part(renewal_id, "artefacts") / f"{name}.{checked(_EXTENSION, ext, 'a file extension')}"
        kept.keep(path, content, whole=lambda there: there == content)
        return name

    def artefact(self, renewal_id: str, sha256: str) -> bytes:
        """Return what `put_artefact` kept. Read-only. Raises UsageError when absent, Refused when altered."""
        folder = self._existing(renewal_id) / "artefacts"
        for path in sorted(folder.glob(f"{checked(DIGEST, sha256, 'a SHA-256')}.*")):
            return kept.read_artefact(path)
        raise UsageError(
            f"Renewal {renewal_id} has no artefact {sha256}.",
            todo="Restore the renewal's folder from a backup, whole.",
        )

    def check_artefacts(self, renewal: Renewal) -> None:
        """Read every artefact of a renewal. Read-only. Raises like `artefact` for one that is altered or absent."""
        for path in sorted((self._existing(renewal.id) / "artefacts").glob("[!.]*")):
            kept.read_artefact(path)
        for saved in renewal.saved.values():
            self.artefact(renewal.id, saved)
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
        path = self._existing(renewal_id) / "plans" / f"{checked(DIGEST, digest, 'a plan digest')}.json"
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
        path = self._part(decision.renewal, "decisions") / f"{checked(NAME, decision.id, 'a decision id')}.json"
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

    def sealed_keys(self, renewal_id: str, secret: Callable[[], str]) -> SealedKeys:
        """Return the place for private keys that peers share; `secret` fetches what they are encrypted under."""
        return SealedKeys(self._existing(renewal_id) / "keys", secret)

    def paper_folder(self, renewal_id: str) -> Path:
        """Return the folder that holds a renewal's files for people. Read-only."""
        return self._existing(renewal_id) / "papers"

    def write_paper(self, renewal_id: str, name: str, content: bytes) -> Path:
        """Write a file for people, durably, and return where it is; one of that name is replaced. Idempotent."""
        path = self._part(renewal_id, "papers") / checked(NAME, name, "a file name")
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
        return self.home / "renewals" / checked(NAME, renewal_id, "a renewal id")

    def _existing(self, renewal_id: str) -> Path:
        files.check_owner(self.home)
        folder = self._folder(renewal_id)
        if not os.path.exists(f"{folder}/renewal.json"):
            raise absent(renewal_id)
        return folder

    def _part(self, renewal_id: str, part: str) -> Path:
        folder = self._existing(renewal_id) / part
        files.make_folder(folder)
        return folder


def _usable(folder: Path, decode: Callable[[bytes, Path], V], problems: list[str]) -> Iterator[V]:
    for path in kept.json_files(folder):
        try:
            yield decode(files.read(path), path)
        except CertrenewError as error:
            problems.append(error.what)


def absent(renewal_id: str) -> UsageError:
    """Make the error for a renewal that is not there."""
    return UsageError(f"There is no renewal {escape(renewal_id, 120)}.", todo="See all with: certrenew list")


def checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    """Return a text that becomes part of a path, or refuse it: nothing may lead out of its folder."""
    if not pattern.fullmatch(text):
        raise UsageError(
            f"{escape(text, 120)!r} can't be {what}: it must match {pattern.pattern}.",
            todo="See what there is with: certrenew list",
        )
    return text
