"""Show what was seen on the wire, and what was said to the boxes, from the transcript. Pure."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from engine.model import Json
from engine.report.gather import Evidence
from engine.report.markup import Html, code, el, join, section, table, when

ROWS = 400
"""How many requests the page shows; the file has all."""

NONE = (
    "No transcript was kept: the renewal was begun by an older certrenew, the file could not be written, or no step "
    "has run yet."
)
Entry = dict[str, Json]


def handshakes(found: Evidence) -> Html:
    """Show which certificate each TLS port presented, and when; looks in a row that saw the same are one line."""
    looks = [entry for entry in found.entries if entry.get("kind") == "handshake"]
    ports = list(dict.fromkeys(str(entry.get("address")) for entry in looks))
    # By port, then by time: what changed there stands one below the other.
    runs = [
        run for port in ports for run in _runs([e for e in looks if str(e.get("address")) == port], "sha256", "error")
    ]
    rows = [(run[0].get("address", ""), _span(run), *_shown(found, run[0])) for run in runs]
    if found.transcript is None:
        return section("Handshakes on the wire", el("p", NONE))
    intro = el("p", "What each TLS port presented to anybody who connected, read without trusting it.")
    return section("Handshakes on the wire", intro, table(["Port", "When", "Certificate", "SHA-256"], rows))


def _shown(found: Evidence, look: Entry) -> tuple[object, object]:
    if "sha256" in look:
        return found.role(str(look["sha256"])), code(look["sha256"])
    return f"none: {look.get('error', '')}", ""


def _span(run: list[Entry]) -> Html:
    first, last = str(run[0].get("at", "")), str(run[-1].get("at", ""))
    times = f" ({len(run)} times)" if len(run) > 1 else ""
    return join([when(first), *([" to ", when(last)] if last != first else []), times])


def _runs(entries: Iterable[Entry], *keys: str) -> Iterator[list[Entry]]:
    """Put entries in a row together that agree in these members."""
    for _, run in groupby(entries, key=lambda entry: [entry.get(key) for key in keys]):
        yield list(run)


def transcript(found: Evidence) -> Html:
    """Show the requests to boxes and what came back: sizes and digests; the redacted texts are in the file."""
    if found.transcript is None:
        return section("Requests and replies", el("p", NONE))
    said = [entry for entry in found.entries if entry.get("kind") == "exchange"]
    alike: dict[str, list[Entry]] = {}
    for entry in said:
        alike.setdefault(_kind(entry), []).append(entry)
    rows = [
        (_span(same), one.get("step", ""), one.get("node", ""), _request(one), _reply(one))
        for same in list(alike.values())[:ROWS]
        for one in (same[0],)
    ]
    more = f" The first {ROWS} kinds are shown." if len(alike) > ROWS else ""
    full = any(entry.get("kind") == "full" for entry in found.entries)
    ended = " It ended early: the file took no more." if full else ""
    intro = (
        "What was said to the boxes while steps ran, without headers, user names and passwords. Texts are in "
        "transcript.jsonl. It is notes and not hashed into the journal; what was said to certification authorities is "
        f"not in it. Requests of one step that are alike are one line.{more}{ended}"
    )
    headings = ["When", "Step", "Box", "Request", "Reply"]
    return section("Requests and replies", el("p", intro), table(headings, rows))


def _kind(one: Entry) -> str:
    """Tell requests apart: what was read or written where, and how it ended."""
    sent = one.get("sent")
    written = sent.get("sha256") if isinstance(sent, dict) else ""
    return repr([*(one.get(key) for key in ("step", "node", "method", "path", "status", "error")), written])


def _request(one: Entry) -> Html:
    return join([f"{one.get('method', '')} ", code(one.get("path", "")), *_body(one.get("sent"))])


def _reply(one: Entry) -> Html:
    if "status" in one:
        status = f"HTTP {one['status']}" if one["status"] else "shown"  # a command line has no status
        return join([status, *_body(one.get("received"))])
    return join(["none: ", str(one.get("error", ""))])


def _body(body: Json) -> Iterator[object]:
    if isinstance(body, dict):
        kind = f"{body.get('type')}, " if body.get("type") else ""
        digest = f", SHA-256 {str(body['sha256'])[:12]}…" if "sha256" in body else ", held a secret"
        yield el("small", f"{kind}{body.get('bytes')} bytes{digest}")
