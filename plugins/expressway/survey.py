"""Read what a box says of the estate around it: zones, cluster, CUCM and IM and Presence, domains. Pure.

Paths and fields with their sources: docs/reference/expressway.md, "The estate around a box". Fields are taken as
clients show them; a list may come as one object, and what is not understood is passed over, so that a release that
says more, or says it otherwise, tells less and breaks nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from engine.contracts import Domain, Publisher, Survey, Zone
from engine.contracts.surveys import Use, ZoneKind
from engine.model import Json
from plugins.expressway import wire

Found = dict[str, Any]
Read = Callable[[Json], Found]
"""Turn what a resource answered into members of a survey."""

BASE = "/api/provisioning"
GROUPS = {"expressway-c": "/controller/", "expressway-e": "/edge/"}
"""The resources that one kind of box alone has (REST API Summary Guide, confirmed)."""

USES: dict[str, Use] = {"Sip": "sip", "EdgeSip": "mra", "EdgeXmpp": "mra", "XmppFederation": "federation"}
"""The switches of a domain (seen), and what each means."""


class Part(NamedTuple):
    """Be one resource that tells a part of the estate; `what` names it for people."""

    what: str
    path: str
    read: Read


def survey(answers: Mapping[str, bytes], release: str, unread: Mapping[str, str]) -> Survey:
    """Put together what was answered, and why the rest was not, both by path. Never raises."""
    answers = {path: content for path, content in answers.items() if isinstance(_json(content), list | dict)}
    found: Found = {"zones": [], "publishers": []}
    for part in PARTS:
        for name, value in part.read(_json(answers.get(part.path, b""))).items():
            found[name] = _joined(found[name], value) if name in ("zones", "publishers") else value
    own = wire.own_name(answers.get(wire.DNS, b""))
    found["peers"] = [peer for peer in found.get("peers", []) if peer.casefold() != own.casefold()]
    kind = _kind(answers)
    absent = [part for part in PARTS if part.path not in answers and not _foreign(part.path, kind)]
    missed = {part.what: unread.get(part.path, "its answer is no JSON") for part in absent}
    return Survey(release=release, kind=kind, hostname=own, unread=missed, **found)  # type: ignore[arg-type]


def _kind(answers: Mapping[str, bytes]) -> str:
    """Tell what the box is by the group of resources that it answers: ``controller`` is a C's, ``edge`` an E's."""
    found = [kind for kind, group in GROUPS.items() if any(group in path for path in answers)]
    return found[0] if len(found) == 1 else ""


def _foreign(path: str, kind: str) -> bool:
    """Tell whether a resource is one of the other kind of box, which is not missed on this one."""
    return any(group in path for other, group in GROUPS.items() if kind and other != kind)


def _joined(known: list[Any], more: list[Any]) -> list[Any]:
    """Add what is not known yet: a Unified Communications zone may be listed among the other zones, too."""
    return [*known, *(one for one in more if one not in known)]


def _json(content: bytes) -> Json:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _objects(told: Json) -> Iterator[dict[str, Json]]:
    """Yield the objects of a list; one that comes alone is a list of one."""
    yield from (one for one in (told if isinstance(told, list) else [told]) if isinstance(one, dict))


def _text(value: Json) -> str:
    return value.strip().rstrip(".") if isinstance(value, str) else ""


def _texts(value: Json) -> list[str]:
    """Return the texts of a list, or of one text; empty ones are unused fields of a form."""
    return [text for one in (value if isinstance(value, list) else [value]) if (text := _text(one))]


def _on(value: Json) -> bool:
    return value is True or _text(value).casefold() in ("on", "true", "enabled", "yes")


def _port(value: Json) -> int:
    """Return a port, 0 for what is none; numbers come as such or as text."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
    return number if type(number) is int and 0 < number < 65536 else 0


def _zones(kind: ZoneKind) -> Read:
    def zones(told: Json) -> Found:
        return {
            "zones": [
                Zone(
                    name=_text(one.get("Name")),
                    kind=kind,
                    peers=_texts(one.get("PeerAddress")),
                    port=_port(one.get("SIPPort")),
                    verify=_text(one.get("SIPTLSVerifySubjectName")),
                )
                for one in _objects(told)
                if _text(one.get("Name"))
            ]
        }

    return zones


def _publishers(kind: str) -> Read:
    def publishers(told: Json) -> Found:
        hosts = [host for one in _objects(told) for host in _texts(one.get("Publisher"))]
        return {"publishers": [Publisher(kind=kind, host=host) for host in hosts]}  # type: ignore[arg-type]

    return publishers


def _peers(told: Json) -> Found:
    return {"peers": [peer for one in _objects(told) for peer in _texts(one.get("PeerAddress"))]}


def _domains(told: Json) -> Found:
    domains = []
    for one in _objects(told):
        uses = dict.fromkeys(use for field, use in USES.items() if _on(one.get(field)))
        if name := _text(one.get("Name")):
            domains.append(Domain(name=name, uses=list(uses)))
    return {"domains": domains}


def _mra(told: Json) -> Found:
    enabled = [one["Enabled"] for one in _objects(told) if "Enabled" in one]
    return {"mra": any(map(_on, enabled))} if enabled else {}


def _sip(told: Json) -> Found:
    ports = [_port(one.get("TlsPort")) for one in _objects(told) if _on(one.get("TlsMode"))]
    return {"sip_tls": max(ports)} if ports else {}


PARTS = (
    Part("its own name", wire.DNS, lambda _told: {}),
    Part("SIP ports", f"{BASE}/common/protocol/sip/configuration", _sip),
    Part("cluster peers", f"{BASE}/common/cluster/peers", _peers),
    Part("domains", f"{BASE}/common/domain", _domains),
    Part("whether MRA is on", f"{BASE}/common/mra", _mra),
    Part("CUCM publishers", f"{BASE}/controller/server/cucm", _publishers("cucm")),
    Part("IM and Presence publishers", f"{BASE}/controller/server/imp", _publishers("imp")),
    Part(
        "Unified Communications zones",
        f"{BASE}/controller/zone/unifiedcommunicationstraversal",
        _zones("traversal-client"),
    ),
    Part("traversal client zones", f"{BASE}/controller/zone/traversalclient", _zones("traversal-client")),
    Part(
        "Unified Communications zones", f"{BASE}/edge/zone/unifiedcommunicationstraversal", _zones("traversal-server")
    ),
    Part("traversal server zones", f"{BASE}/edge/zone/traversalserver", _zones("traversal-server")),
    Part("neighbour zones", f"{BASE}/common/zone/neighborzone", _zones("neighbor")),
)
"""Every resource that is read, in this order; those of the other kind of box are not there, and not missed."""
