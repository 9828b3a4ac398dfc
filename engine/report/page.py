"""Write the page of a report: what happened, who decided it, what was replaced, and what was seen. Pure."""

from datetime import UTC

from engine.model import Actor, Event
from engine.report import certificates, plans, wire
from engine.report.gather import Evidence
from engine.report.markup import Html, code, document, el, join, pairs, section, table, when, word
from engine.text import stamp


def page(found: Evidence) -> str:
    """Return the page as HTML that needs nothing else: no script, no font, no image, no network."""
    renewal = found.renewal
    kind = renewal.workflow.capitalize() if renewal.follows else "Renewal"
    title = f"{kind} of {', '.join(item.certificate for item in renewal.items)}"
    return document(
        f"{title} ({renewal.id})",
        el("h1", title),
        _summary(found),
        _marks(found),
        _story(found),
        *certificates.items(found),
        plans.decisions(found),
        plans.plans(found),
        wire.handshakes(found),
        _timeline(found),
        wire.transcript(found),
        _proof(found),
        _footer(found),
    )


# ---- the top -------------------------------------------------------------------------------------------------------


def _summary(found: Evidence) -> Html:
    renewal = found.renewal
    over = "it is over" if renewal.ended else f"OPEN: {renewal.wait.what if renewal.wait else 'nothing is in the way'}"
    return pairs(
        [
            ("Renewal", join([code(renewal.id), f", workflow {renewal.workflow}"])),
            *([("Follows", join(["renewal ", code(renewal.follows)]))] if renewal.follows else []),
            ("State", f"{renewal.state} ({over})"),
            ("Change record", renewal.change or "none named"),
            ("Boxes", ", ".join(dict.fromkeys(node for item in renewal.items for node in item.nodes))),
            ("Begun", join([when(renewal.created), f" by {who(found, renewal.requester)}"])),
            ("Last event", when(found.journal[-1].at)),
            ("Journal", join([_verified(found), f" {len(found.journal)} events, head ", code(found.head)])),
        ]
    )


def _verified(found: Evidence) -> Html:
    broken = any(problem.startswith("the journal: ") for problem in found.problems)
    return word("DOES NOT VERIFY") if broken else Html("verified when this was written,")


def who(found: Evidence, actor: Actor) -> str:
    """Name who ran a command: the person, with the name that the site had at the start, and the account."""
    account = f"account {actor.account} (uid {actor.uid}) on {actor.host}"
    return f"{plans.person(found, actor.person)}, {account}" if actor.person else f"{account}, nobody the site knows"


def _marks(found: Evidence) -> Html:
    """Say in words, before all else, what a reader must not overlook."""
    marks = [*_broken(found), *_decided(found), *_tried(found)]
    told = [el("p", word(mark), f" {text}") for mark, text in marks]
    return el("div", *told, cls="marks") if told else el("p", "Nothing out of the ordinary is on record.")


def _broken(found: Evidence) -> list[tuple[str, str]]:
    return [("NOT RELIABLE", problem) for problem in found.problems]


def _decided(found: Evidence) -> list[tuple[str, str]]:
    marks = [("EMERGENCY", event.text) for event in found.journal if event.kind == "emergency"]
    marks += [("OVERRIDE", f"{one.check}: {one.reason} ({who(found, one.by)})") for one in found.renewal.overrides]
    unsigned = [one for one in found.decisions if not one.signed]
    if unsigned:
        people = ", ".join(dict.fromkeys(one.person for one in unsigned))
        marks.append(("UNSIGNED", f"{len(unsigned)} decision(s) rest on a local account alone: {people}"))
    bad = [(one, told) for one in found.decisions if (told := found.judged[one.id]).startswith("SIGNATURE NOT GOOD")]
    marks += [("SIGNATURE NOT GOOD", f"{one.person}, decision {one.id}: {told}") for one, told in bad]
    marks += [
        ("REJECTED", f"{one.step}, by {one.person}: {one.reason}") for one in found.decisions if one.verb == "reject"
    ]
    marks += [("SEEN BY A PERSON", event.text) for event in found.journal if event.kind == "brought"]
    return marks + [("A PERSON'S WORD", event.text) for event in found.journal if event.kind == "confirmed"]


def _tried(found: Evidence) -> list[tuple[str, str]]:
    failed = [event for event in found.journal if failure(event)]
    where = ", ".join(dict.fromkeys(event.step for event in failed))
    return [("FAILED TRIES", f"{len(failed)}, in {where}; see the timeline")] if failed else []


def failure(event: Event) -> str:
    """Name in a word what went wrong at an event: REFUSED by a check or a box, or FAILED; empty for neither."""
    if event.kind == "refused":
        return "REFUSED"
    wait = event.values.get("wait") if event.kind == "stopped" else None
    return {"check": "REFUSED", "fault": "FAILED"}.get(str(wait.get("on")), "") if isinstance(wait, dict) else ""


# ---- what happened -------------------------------------------------------------------------------------------------


def _story(found: Evidence) -> Html:
    told = ("created", "state", "resubmit", "restage", "cancel")
    rows = [(when(event.at), event.text) for event in found.journal if event.kind in told]
    return section("Story", table(["When", "What"], rows))


def _timeline(found: Evidence) -> Html:
    rows = [(event.seq, when(event.at), _kind(event), _by(event), event.text) for event in found.journal]
    intro = el(
        "p", "Every event of the journal. An intent is written down before something is done, done after it was proven."
    )
    return section("Timeline", intro, table(["No", "When", "Kind", "By", "What"], rows))


def _kind(event: Event) -> Html:
    shout = "EMERGENCY" if event.kind == "emergency" else failure(event)
    return join([*([word(shout), " "] if shout else []), event.kind, f" ({event.step})" if event.step else ""])


def _by(event: Event) -> str:
    return f"{event.by.person or 'nobody the site knows'}, {event.by.account} on {event.by.host}"


# ---- the end -------------------------------------------------------------------------------------------------------


def _proof(found: Evidence) -> Html:
    return section(
        "Verify it",
        el(
            "p",
            "VERIFY.md in this pack says how to check all of it with sha256sum, ssh-keygen, openssl and python3 alone. "
            "The head of the journal must also be the one that you have from elsewhere, such as the change record:",
        ),
        el("p", code(found.head)),
        el("p", "On the machine itself: ", code(f"certrenew journal {found.renewal.id} --verify --head {found.head}")),
    )


def _footer(found: Evidence) -> Html:
    zone = found.made_at.astimezone().tzname() or "UTC"
    made = stamp(found.made_at.astimezone(UTC))
    told = f"Written by certrenew at {made}. Times are UTC; where another zone is named too, it is that of the machine "
    return el(
        "footer",
        el("p", f"{told}that wrote this ({zone}). Secrets are never in this pack; private keys stay on the boxes."),
    )
