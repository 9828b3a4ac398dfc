"""Write the mail that tells of one event. Pure; every text that comes from elsewhere is escaped."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from engine.model import Json
from engine.text import escape

WIDTH = 200
"""Longest name that stands in a subject."""

UNFOLDED = SMTP.clone(max_line_length=998)
"""How a mail is written: a Message-ID on a line of its own confuses some who read it (RFC 5322 section 2.1.1: 998)."""

WAITS = {
    "approval": "waits for an approval",
    "window": "waits for its window",
    "person": "waits for a person",
    "authority": "waits for the authority",
    "box": "waits for a box",
    "holder": "waits for another process",
    "check": "was refused by a safety check",
    "fault": "is stopped: another system failed",
}
"""What a renewal that stopped does, by what it waits on."""

DID = {
    "created": "was begun",
    "supplied": "was given a certificate",
    "confirmed": "was confirmed by a person",
    "override": "goes on although a check failed: overridden",
    "emergency": "goes on as an emergency",
    "resubmit": "is submitted again",
    "restage": "begins again",
    "cancel": "was cancelled",
}
"""What happened to a renewal, by the kind of the event."""


def message(
    renewal: dict[str, Json], event: dict[str, Json], sender: str, to: list[str], now: datetime
) -> EmailMessage:
    """Return the mail. The same event has the same Message-ID whenever it is told."""
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(display_name="certrenew", addr_spec=sender)
    mail["To"] = ", ".join(to)
    mail["Subject"] = subject(renewal, event)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{event['hash']}@{domain}>"
    mail["References"] = f"<certrenew.{escape(renewal['id'], 120)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it
    mail.set_content(body(renewal, event), cte="quoted-printable")
    return mail


def subject(renewal: dict[str, Json], event: dict[str, Json]) -> str:
    """Say in a line which certificate it is about and what is the matter."""
    return f"[certrenew] {_certificates(renewal)}: {headline(renewal, event)}"


def headline(renewal: dict[str, Json], event: dict[str, Json]) -> str:
    """Say what happened, in words that follow the renewal's name."""
    kind, wait = event["kind"], renewal["wait"]
    if kind == "stopped" and wait:
        return WAITS.get(wait["on"], f"waits for {escape(wait['on'], 40)}")
    if kind == "state":
        return f"is now {escape(renewal['state'], 80)}"
    return DID.get(kind, f"has news: {escape(kind, 40)}")


def body(renewal: dict[str, Json], event: dict[str, Json]) -> str:
    """Write the mail's text: what happened, what it waits for, who can unblock it and what to type."""
    by, wait = event["by"], renewal["wait"] or {}
    rows = [
        ("What", escape(event["text"], 2000)),
        ("Who can act", _who(renewal)),
        ("Next", "" if renewal["ended"] else escape(wait.get("todo") or f"certrenew run {renewal['id']}", 1000)),
        ("Change", escape(renewal["change"], 80)),
        ("State", escape(renewal["state"], 80)),
        *(("Certificate", _item(item)) for item in renewal["items"]),
        *(("Old ends", escape(item["found"]["not_after"], 40)) for item in renewal["items"] if item["found"]),
        *(("Override", f"{escape(o['check'], 80)}: {escape(o['reason'], 500)}") for o in renewal["overrides"]),
        ("At", escape(event["at"], 40)),
        ("By", f"{escape(by['person'] or 'nobody the site knows', 80)}, as {escape(by['account'], 80)}"),
        ("Event", f"{event['seq']}, {escape(event['hash'], 64)}"),
    ]
    lines = [f"Renewal {escape(renewal['id'], 120)} of {_certificates(renewal)} {headline(renewal, event)}.", ""]
    lines += [f"{name + ':':<14}{text}" for name, text in rows if text]
    lines += ["", f"All about it: certrenew show {escape(renewal['id'], 120)}"]
    lines += ["This mail only tells; an answer to it changes nothing."]
    return "\n".join(lines) + "\n"


def _certificates(renewal: dict[str, Json]) -> str:
    return escape(", ".join(f"{item['certificate']} on {item['node']}" for item in renewal["items"]), WIDTH)


def _item(item: dict[str, Json]) -> str:
    slots = ", ".join(item["slots"])
    return escape(f"{item['certificate']} on {item['node']}, slot {slots}, signed by {item['authority']}", 400)


def _who(renewal: dict[str, Json]) -> str:
    if renewal["who"]:
        return escape(", ".join(renewal["who"]), 400)
    authorities = escape(", ".join(dict.fromkeys(item["authority"] for item in renewal["items"])), 200)
    return {
        "approval": "nobody: no person of the site may give this approval",
        "person": f"whoever gets the certificate from {authorities}, or did what is asked",
        "authority": authorities,
        "check": "whoever made what failed the check",
        "fault": "whoever looks after the system that failed",
    }.get((renewal["wait"] or {}).get("on", ""), "")
