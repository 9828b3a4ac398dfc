"""Write how to check a pack with public tools alone; every command is meant to be typed as it stands. Pure."""

import re
import shlex
from collections.abc import Collection, Iterator
from datetime import datetime

from engine.model import Decision
from engine.report.gather import Evidence
from engine.signatures import NAMESPACE
from engine.text import escape, moment

CHAIN = """\
python3 - <<'END'
import base64, hashlib, json, pathlib, re, sys

def ordered(value):  # RFC 8785: members sorted by UTF-16, no spaces; there are no floats
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
    return [ordered(one) for one in value] if isinstance(value, list) else value

def canonical(value):
    return json.dumps(ordered(value), separators=(",", ":"), ensure_ascii=False).encode()

def sha256(content):
    return hashlib.sha256(content).hexdigest()

def file(name):
    path = pathlib.Path(name)
    return sha256(path.read_bytes()) if path.exists() else ""

def step(place, part):
    return place[int(part)] if isinstance(place, list) else place[part]

journal, wrong, previous, values = json.loads(pathlib.Path("journal.json").read_bytes()), [], "0" * 64, {}
for number, event in enumerate(journal, 1):
    members = {key: value for key, value in event.items() if key != "hash"}
    if (event["seq"], event["previous"], event["hash"]) != (number, previous, sha256(canonical(members))):
        wrong.append(f"event {number} was changed, moved, added or lost")
    previous = event["hash"]
    for path, value in json.loads(json.dumps(event["values"])).items():  # a copy: events set parts of it later
        if not path:
            values = value
            continue
        *parents, last = path.split("/")
        place = values
        for part in parents:
            place = step(place, part)
        place[int(last) if isinstance(place, list) else last] = value
    if event["kind"] == "intent":
        data = event["data"]
        if file(f"plans/{data['plan']}.json") != data["plan"]:
            wrong.append(f"event {number}: the plan it was done under is missing or was changed")
        for one in data.get("decisions", []):
            found = {"claim": file(f"decisions/{one['id']}.claim"), "signature": file(f"decisions/{one['id']}.sig")}
            if found != {"claim": one["claim"], "signature": one["signature"]}:
                wrong.append(f"event {number}: the decision {one['id']} is missing or was changed")
if previous != pathlib.Path("head.txt").read_text().strip():
    wrong.append("the last event is not the one in head.txt")
if values != json.loads(pathlib.Path("renewal.json").read_bytes()):
    wrong.append("renewal.json is not what the journal leads to")
if values["terms"].get("signers", "") != pathlib.Path("signers").read_text():
    wrong.append("signers is not what the renewal began with")
block = re.compile("-----BEGIN (CERTIFICATE|CERTIFICATE REQUEST)-----(.+?)-----END", re.DOTALL)
there = {
    sha256(base64.b64decode(text))
    for path in pathlib.Path("certificates").glob("*.pem")
    if not path.name.startswith("other-")
    for _, text in block.findall(path.read_text())
}
named = {
    one
    for item in values["items"]
    for one in [item["csr"], item["leaf"], (item["found"] or {}).get("certificate"), *item["chain"]]
    if one
}
wrong += [f"certificate or CSR {one} is missing or was changed" for one in sorted(named - there)]
wrong += [f"certificate or CSR {one} is not one of this renewal" for one in sorted(there - named)]
print("\\n".join(wrong) or f"whole: {len(journal)} events, head {previous}")
sys.exit(bool(wrong))
END
"""

_TYPED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,119}")


def recipe(found: Evidence, names: Collection[str]) -> str:
    """Return VERIFY.md for a pack with these files."""
    return "\n".join(
        (
            f"# How to verify the report of renewal {found.renewal.id}",
            "",
            "Type each command as it stands, in a shell, in this folder. All of them must end without an error (exit",
            "status 0). Needed are `sha256sum`, `ssh-keygen` (OpenSSH 8.7 or later), `openssl` and `python3`;",
            "certrenew isn't.",
            "",
            *_warning(found),
            *_part(
                "1. No file was changed since the report was written", "sha256sum --check --quiet --strict SHA256SUMS"
            ),
            "That holds only as long as nobody rewrote `SHA256SUMS` too. What follows does not rest on it.",
            "",
            *_part(
                "2. The journal is whole, and names what is here",
                CHAIN.rstrip("\n"),
                "Each event holds the hash of the one before it. The script computes all of them, follows the journal\n"
                "to the renewal's values, and compares plans, decisions and certificates with the digests that the\n"
                "journal has of them. It is all there is to it: read it before you trust it.",
            ),
            "Whoever may write everything could also write a whole new journal. So compare its head with the one that",
            "you have from elsewhere (the change record, a mail). An earlier one must be the hash of some event:",
            "",
            f"    {found.head}",
            "",
            *_plans(names),
            *_decisions(found),
            *_certificates(found, names),
        )
    )


def _part(title: str, command: str, *told: str) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    for text in told:
        yield text
        yield ""
    yield "```sh"
    yield command
    yield "```"
    yield ""


def _warning(found: Evidence) -> Iterator[str]:
    if found.problems:
        yield "**THIS RECORD IS NOT RELIABLE.** When the report was written, this was found already:"
        yield ""
        yield from (f"- {escape(problem, 400)}" for problem in found.problems)
        yield ""


def _plans(names: Collection[str]) -> Iterator[str]:
    if any(name.startswith("plans/") for name in names):
        yield from _part(
            "3. Each plan is the one that its digest names",
            "for plan in plans/*.json; do\n"
            '  echo "$(basename "$plan" .json)  $plan"\n'
            "done | sha256sum --check --quiet --strict",
            "A plan's file is exactly what was hashed; what it says in prose is in `plans.json`.",
        )


def _decisions(found: Evidence) -> Iterator[str]:
    signed = [one for one in found.decisions if one.signed]
    yield "## 4. Each decision was signed by its person"
    yield ""
    if signed and found.signers:
        yield "`signers` are the people's keys as they were when the renewal began. Compare them with those you know."
        yield "A `.claim` is exactly what was signed: read in it who says what of which plan."
        yield ""
        yield "```sh"
        yield from (_verify(one) for one in signed if _can_be_typed(one))
        yield "```"
        yield ""
    elif signed:
        yield "The site had no allowed signers when the renewal began: the signatures can't be judged from this pack."
        yield ""
    for one in found.decisions:
        if not one.signed:
            yield f"- {escape(one.id)}, of {escape(one.person)}, is UNSIGNED: it rests on a local account alone."
        elif not _can_be_typed(one):
            yield f"- {escape(one.id)} can't be judged: {escape(one.person, 80)}, at {escape(one.at, 40)}"
    yield ""


def _can_be_typed(one: Decision) -> bool:
    """Tell whether person and time are such that a command can name them."""
    return bool(_TYPED.fullmatch(one.person)) and _time(one.at) is not None


def _time(text: str) -> datetime | None:
    """Read a stored time; None where a changed record holds something else."""
    try:
        return moment(text)
    except ValueError:
        return None


def _verify(one: Decision) -> str:
    return (
        f"ssh-keygen -Y verify -f signers -I {shlex.quote(one.person)} -n {NAMESPACE} "
        f"-O verify-time={moment(one.at):%Y%m%d%H%M%S}Z -s decisions/{one.id}.sig < decisions/{one.id}.claim"
    )


def _certificates(found: Evidence, names: Collection[str]) -> Iterator[str]:
    yield "## 5. The certificates"
    yield ""
    for number, item in enumerate(found.renewal.items):
        new, csr, chain = (f"certificates/{found.name(number)}-{part}.pem" for part in ("new", "csr", "chain"))
        commands = [f"openssl x509 -in {new} -noout -subject -issuer -dates -ext subjectAltName"] * (new in names)
        if {new, chain} <= set(names):
            at = _time(found.journal[-1].at) or found.made_at
            commands.append(f"openssl verify -attime {int(at.timestamp())} -CAfile {chain} {new}")
        if {new, csr} <= set(names):
            commands.append(
                f'test "$(openssl x509 -in {new} -noout -pubkey)" = "$(openssl req -in {csr} -noout -pubkey)"'
            )
        if commands:
            yield f"`{escape(item.certificate)}`: the new certificate, its chain, and that it has the CSR's key:"
            yield ""
            yield "\n".join(["```sh", *commands, "```", ""])
    yield "What was said to the boxes and seen on the wire is in `transcript.jsonl`, if there is one. It is notes:"
    yield "step 1 covers it, the journal does not."
    yield ""
