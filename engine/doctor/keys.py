"""Check what a certificate needs that peers share: how its private key is fetched, and what that is kept under."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.advice import SHARED_KEY
from engine.doctor.findings import Diagnosis, from_error, passed, warned
from engine.doctor.patient import Patient
from engine.errors import CertrenewError
from engine.runner.custody import key_secret
from engine.text import escape

if TYPE_CHECKING:
    from engine.doctor.visit import Seen

SOURCE = "docs/reference/expressway.md"


def keys(patient: Patient) -> Iterator[Diagnosis]:
    """Warn that peers share a private key; fail when it can't be fetched, or what it is kept under can't be had."""
    shared = [one for one in patient.estate.certificates.values() if one.cluster_name]
    for seen in patient.boxes:
        for entry in (one for one in shared if one.node == seen.node):
            what = f"`{escape(entry.name)}` is shared, with its private key. {SHARED_KEY}"
            todo = "Give each peer a certificate of its own: docs/how-to/renew-a-cluster.md."
            yield warned("keys", what, todo, node=seen.node, source=SOURCE)
            yield _fetched(seen)
    if any(seen.gives_keys for seen in patient.boxes) and patient.site is not None:
        try:
            key_secret(patient.site)
        except CertrenewError as error:
            yield from_error("keys", error)


def _fetched(seen: "Seen") -> Diagnosis:
    if not seen.gives_keys:
        return passed("keys", "Its private key is fetched by people, for those who upload it by hand.", node=seen.node)
    if seen.key_fault is not None:
        return from_error("keys", seen.key_fault, node=seen.node)
    return passed("keys", "Its folder of keys can be listed over SFTP; no file was read.", node=seen.node)
