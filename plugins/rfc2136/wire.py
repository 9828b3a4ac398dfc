"""Say what a server's refusal of an update means, and what to do about it. Pure."""

from dataclasses import dataclass

from engine.errors import CertrenewError, Failed, LoginRefused, Refused
from engine.text import escape

UNCHANGED = "Nothing in the DNS was changed."


@dataclass(frozen=True)
class Asked:
    """Be what was asked of whom, as texts to show: server, the zone and name that were to change, and the key."""

    server: str
    zone: str
    name: str
    key: str
    algorithm: str


Meaning = tuple[type[CertrenewError], str, str]

MEANINGS: dict[str, Meaning] = {
    "BADKEY": (
        LoginRefused,
        "does not take the key {key} with {algorithm} for {name}",
        "Check `key_name` and `key_algorithm` against the server's configuration. Knot answers this also when its ACL "
        "does not let the key update this name.",
    ),
    "BADSIG": (
        LoginRefused,
        "knows the key {key}, but not with this secret",
        "Give `key` the secret that the server has.",
    ),
    "BADTIME": (
        LoginRefused,
        "found the signature too old or too new: the clocks differ by more than five minutes",
        "Set this machine's clock and the server's by NTP.",
    ),
    "BADTRUNC": (LoginRefused, "finds the signature too short", "Let the server take full signatures of this key."),
    "REFUSED": (
        Refused,
        "does not let the key {key} change TXT records of {name}",
        "Allow it, in BIND: update-policy {{ grant {key} name {name}. TXT; }}; in Knot: an acl with action update.",
    ),
    "NOTAUTH": (
        Refused,
        "is not the primary of the zone {zone}",
        "Set `server` to the zone's primary name server, or correct `zone`.",
    ),
    "NOTZONE": (Refused, "does not find {name} in the zone {zone}", "Correct `zone`, or leave it out."),
    "NOTIMP": (Refused, "takes no dynamic updates", "Allow them there, or use another solver."),
    "YXRRSET": (
        Refused,
        "has an alias (CNAME) at {name}, which the resolver did not show",
        "Set `resolver` to one that sees what the server has, or remove the alias.",
    ),
    "SERVFAIL": (Failed, "failed to carry out the update", "Look into its log; it may be unable to write the zone."),
    "FORMERR": (Failed, "did not understand the update", "Look into its log."),
}
"""What an error code means for an update of ours (RFC 2136 section 2.2, RFC 8945 section 5.2): kind, words, advice."""

UNEXPECTED = Failed, "answered {code} to an update that gives no cause for it", "Look into its log."


def refusal(code: str, asked: Asked) -> CertrenewError:
    """Make the error for an answer with this code, which carries no secret."""
    kind, what, todo = MEANINGS.get(code, UNEXPECTED)
    texts = {name: escape(text, 300) for name, text in vars(asked).items()}
    said = what.format(code=escape(code, 40), **texts)
    return kind(f"The name server {texts['server']} {said}.", untouched=UNCHANGED, todo=todo.format(**texts))
