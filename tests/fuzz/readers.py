"""List every reader of bytes from outside, each with good inputs and the errors that it may raise.

The rule for all of them: any bytes give a value or an error of `engine.errors`, never another exception, and never
unbounded time or memory. `test_fuzz.py` holds them to it in every run, ``python -m tests.fuzz`` as long as one likes.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import requests
from acme import messages

from engine.certificates import judge, kinds, read_certificates, read_csr, read_decoded
from engine.cli import export
from engine.errors import CertrenewError
from engine.https import BODY_LIMIT, Response
from engine.runner import Runner, deciding
from engine.runner.handed import FILE_LIMIT
from engine.runner.observers import child
from engine.site import SIZE_LIMIT, load
from engine.store import Store, documents, kept
from engine.text import escape
from plugins.acme import client as acme_client
from plugins.acme import ticket
from plugins.acme import wire as acme
from plugins.acme.ca import Ca
from plugins.adcs import client as adcs_client
from plugins.adcs import wire as adcs
from plugins.cucm import soap
from plugins.cucm import wire as cucm
from plugins.est import attributes, login
from plugins.est import wire as est
from plugins.expressway import wire as expressway
from plugins.expressway.raml import read_raml
from plugins.expressway.status import read_status
from plugins.lab.adcs.pages import WORDS, Pages
from tests.engine import samples
from tests.engine.certificates.cases import CHAIN, CSR, GOOD
from tests.engine.certificates.test_certificate_decoded import SHAPES
from tests.engine.certificates.test_certificate_reading import FORMS, OTHERS
from tests.engine.store import samples as stored
from tests.engine.test_site import GOOD as SITE
from tests.pki import pem

EXCHANGES = Path(__file__).parents[1] / "plugins"
NOW = datetime(2026, 11, 28, tzinfo=UTC)


@dataclass(frozen=True)
class Reader:
    """Be one reader: `read` takes any bytes up to `limit`, which is what its caller lets through."""

    read: Callable[[bytes], object]
    seeds: Sequence[bytes] = field(repr=False)
    limit: int = BODY_LIMIT


def survives(reader: Reader, data: bytes) -> CertrenewError | None:
    """Have it read; return the error of ours. Any other exception is a find, as is a message that fools a terminal."""
    try:
        reader.read(data)
    except CertrenewError as error:
        found = error
    else:
        return None
    said = found.what + found.untouched + found.todo
    assert said == escape(said)
    assert found.exit_code in (2, 4, 5)
    return found


# ---- certificates ----------------------------------------------------------------------------------------------------


def _certificates(data: bytes) -> None:
    """Read and judge: what was read must not make the rule book stumble."""
    found = read_certificates(data, "x")
    judge(replace(GOOD, given=[*found, *CHAIN])).plain()
    judge(replace(GOOD, csr=None, current=found[0])).plain()


def _csr(data: bytes) -> None:
    judge(replace(GOOD, csr=read_csr(data, "x"))).plain()


def _decoded(data: bytes) -> None:
    judge(replace(GOOD, current=None, decoded=read_decoded(data, "x"))).plain()


# ---- boxes -----------------------------------------------------------------------------------------------------------


def _answer(data: bytes) -> None:
    """Judge the body of an answer to a write, with a status that leaves the most open."""
    for path in expressway.SUCCESS:
        expressway.accepted(path, 200, data)
    expressway.own_name(data), expressway.conflicts(200, data), expressway.unclear(200, data)
    assert len(expressway.words(400, data)) < 20 + 6 * expressway.SHOWN
    raise expressway.refusal("expc", "do it", 400, data, "Look.")


def _raml(data: bytes) -> None:
    found = read_raml(data)
    found.has("POST", expressway.CSR), expressway.upload_body(b"x", "auto", found, expressway.ROOT)


def _snapshot(data: bytes) -> None:
    found = cucm.read_snapshot(data, "cucm")
    for store in cucm.STORES:
        cucm.certificates(found.store(store) or [], "cucm", store)


def _soap(data: bytes) -> None:
    found = soap.read_answer(data, "cucm", soap.CONTROL)
    if error := soap.refusal("cucm", "Cisco Tomcat", found):
        raise error


# ---- authorities -----------------------------------------------------------------------------------------------------


def _page(data: bytes) -> None:
    adcs.submitted(data), adcs.status(data), adcs.told(data)


def _wanted(data: bytes) -> None:
    """Read `csrattrs` as its only caller does, which tells the ValueError in a caution."""
    with suppress(ValueError):
        attributes.lacking(attributes.read(data), CSR)


def _words(data: bytes) -> None:
    answer = Response(400, "text/plain", data, {"retry-after": data.decode("latin-1")})
    est.words(answer), est.retry_after(answer.headers["retry-after"], NOW)


class _Answered(Ca):
    """Be a conversation whose every answer is given: only the network is missing."""

    response = requests.Response()

    def given(self, body: bytes, status: int) -> None:
        """Take this for every answer from now on."""
        self.response = requests.Response()
        self.response.status_code, self.response._content = status, body

    def _post(self, *_arguments: Any) -> requests.Response:
        return self._net._check_response(self.response, content_type=None)


@cache
def _ca() -> _Answered:
    return _Answered("https://ca.example/directory", None, NOW)


def _acme(ask: Callable[[Ca], object], data: bytes, status: int = 200) -> None:
    _ca().given(data, status)
    found = ask(_ca())
    if isinstance(found, messages.Order):
        acme.status(found)
    elif isinstance(found, messages.Authorization):
        acme.status(found), acme.name_of(found), list(acme.failures([found]))


def _window(data: bytes) -> None:
    acme.window(_json(data))


def _ticket(data: bytes) -> None:
    ticket.read(_json(data))


def _json(data: bytes) -> Any:
    """Return JSON that was read already; for bytes that are none there is nothing to look at."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return {}


# ---- files -----------------------------------------------------------------------------------------------------------


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="certrenew-fuzz-")


def _file(read: Callable[[Path], object], data: bytes) -> None:
    path = Path(_folder().name) / "input"
    path.write_bytes(data)
    path.chmod(0o600)
    read(path)


def _decisions(data: bytes) -> None:
    runner = SimpleNamespace(site=SimpleNamespace(actor=samples.actor("ann")))
    for decision in deciding.read(cast(Runner, runner), data, "x"):
        assert decision.claim()


def _document() -> bytes:
    """Write a document as the store does."""
    with tempfile.TemporaryDirectory(prefix="certrenew-fuzz-") as home:
        Store(Path(home)).create(stored.renewal(), stored.BY, stored.AT, "begun")
        return (Path(home) / "renewals/r1/renewal.json").read_bytes()


_DOCUMENT, _PLAN = Path("/home/renewals/r1/renewal.json"), Path(f"/home/renewals/r1/plans/{stored.plan().digest}.json")


# ---- the table -------------------------------------------------------------------------------------------------------


def _bodies(plugin: str, *starts: str) -> list[bytes]:
    """Return the recorded answers of a driver's exchanges whose file name begins so."""
    files = [path for start in starts for path in sorted((EXCHANGES / plugin / "exchanges").glob(f"{start}*.json"))]
    return [body for file in files for body in _replies(json.loads(file.read_text()))]


def _replies(case: dict[str, Any]) -> Iterator[bytes]:
    reply = case.get("reply", {})
    if "json" in reply:
        yield json.dumps(reply["json"]).encode()
    for lines in (reply.get("body"), reply.get("text"), case.get("raml")):
        if lines:
            yield ("\n".join(lines) if isinstance(lines, list) else str(lines)).encode()


def _seeds(*plain: object) -> list[bytes]:
    return [json.dumps(one).encode() for one in plain]


_PAGES = [page for words in WORDS for pages in [Pages("CORP-CA", words)] for page in (
    pages.issued(4242, browser=True), pages.pending(89), pages.denied(85, pages.words("no template", "T")),
    pages.status(2, pages.words("denied by", "CORP\\officer"), 0x80094014),
)]  # fmt: skip
_ORDER = {
    "status": "valid", "expires": "2026-12-01T00:00:00Z", "identifiers": [{"type": "dns", "value": "a.example"}],
    "authorizations": ["https://ca.example/a"], "finalize": "https://ca.example/f", "certificate": "https://ca.example/c",
    "error": {"type": "urn:ietf:params:acme:error:malformed", "detail": "no"},
}  # fmt: skip
_AUTHORIZATION = {
    "status": "invalid", "identifier": {"type": "dns", "value": "a.example"}, "wildcard": True,
    "challenges": [{"type": "dns-01", "url": "https://ca.example/1", "token": "a" * 43, "status": "invalid",
                    "error": {"type": "urn:ietf:params:acme:error:dns", "detail": "no", "subproblems": []}}],
}  # fmt: skip
_PROBLEM = {
    "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "no", "title": "t", "status": 400,
    "subproblems": [{"type": "urn:ietf:params:acme:error:caa", "detail": "d",
                     "identifier": {"type": "dns", "value": "a.example"}}],
}  # fmt: skip
_TICKET = {
    "renewal": "r1", "directory": "https://ca.example", "csr": "c", "names": ["dns:a.example"], "order": "o",
    "proofs": [{"kind": "dns-01", "place": "p", "value": "v", "url": "u"}], "limited": 1,
}  # fmt: skip
_CSRATTRS = b"MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw=="
"""The example of RFC 7030 section 4.5.2."""
_WINDOW = {"suggestedWindow": {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}, "explanationURL": "u"}
_SITE = SITE.replace("PIN", "0" * 64)

READERS: dict[str, Reader] = {
    "certificates": Reader(_certificates, [*FORMS.values(), *(data for data, _ in OTHERS.values())], kinds.LIMIT),
    "csr": Reader(_csr, [pem(CSR).encode(), *(data for data, _ in OTHERS.values())], kinds.LIMIT),
    "decoded text": Reader(_decoded, [text.encode() for text in SHAPES.values()], kinds.LIMIT),
    "Expressway status.xml": Reader(lambda data: read_status(data, "expc"), _bodies("expressway", "status")),
    "Expressway RAML": Reader(_raml, _bodies("expressway", "root-upload", "csr")),
    "Expressway answers": Reader(_answer, _bodies("expressway", "csr", "dns", "restart", "server-upload")),
    "Expressway certificates": Reader(
        lambda data: expressway.certificates(data, "expc", "list"), _bodies("expressway", "root", "server")
    ),
    "Expressway CSR": Reader(lambda data: expressway.request(data, "expc"), _bodies("expressway", "csr")),
    "CUCM snapshot": Reader(_snapshot, _bodies("cucm", "snapshot")),
    "CUCM list": Reader(
        lambda data: cucm.certificates(cucm.read_list(data, "cucm", cucm.TOMCAT), "cucm", cucm.TOMCAT),
        _bodies("cucm", "list"),
    ),
    "CUCM answers": Reader(
        lambda data: (cucm.words(400, data), cucm.refusal("cucm", cucm.TOMCAT, 400, data)), _bodies("cucm", "upload")
    ),
    "CUCM SOAP": Reader(_soap, _bodies("cucm", "service", "restart")),
    "AD CS pages": Reader(_page, [page.encode() for page in _PAGES], adcs_client.BODY_LIMIT),
    "EST certificates": Reader(lambda data: est.certificates(data, "est"), list(FORMS.values())),
    "EST csrattrs": Reader(_wanted, [_CSRATTRS]),
    "EST words": Reader(_words, [b"try later", b"120", b"Mon, 23 Nov 2026 16:10:00 GMT"]),
    "EST challenges": Reader(
        lambda data: login.chosen(login.challenges(data.decode("latin-1"))),
        [b'Digest realm="a, b", qop="auth, auth-int", algorithm=SHA-256, nonce="7yp\\"f", opaque="x", Basic realm="y"'],
    ),
    "ACME order": Reader(partial(_acme, lambda ca: ca.order("u")), _seeds(_ORDER), acme_client.BODY_LIMIT),
    "ACME authorization": Reader(
        partial(_acme, lambda ca: ca.authorization("u")), _seeds(_AUTHORIZATION), acme_client.BODY_LIMIT
    ),
    "ACME problem": Reader(
        partial(_acme, lambda ca: ca.order("u"), status=400), _seeds(_PROBLEM, _ORDER), acme_client.BODY_LIMIT
    ),
    "ACME chain": Reader(partial(_acme, lambda ca: list(ca.chains("u"))), list(FORMS.values()), acme_client.BODY_LIMIT),
    "ACME renewal information": Reader(
        _window,
        _seeds(
            {"suggestedWindow": {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}, "explanationURL": "u"}
        ),
        acme_client.BODY_LIMIT,
    ),
    "ACME ticket": Reader(_ticket, _seeds(_TICKET), acme_client.BODY_LIMIT),
    "site file": Reader(partial(_file, load), [_SITE.encode()], SIZE_LIMIT),
    "exported plans": Reader(
        partial(_file, export.read),
        _seeds({"plans": [{**samples.plan().plain(), "digest": samples.plan().digest}]}),
        FILE_LIMIT,
    ),
    "sent decisions": Reader(_decisions, [deciding.write([stored.decision()])], FILE_LIMIT),
    "stored document": Reader(
        lambda data: documents.decode(data, _DOCUMENT),
        [_document()],
    ),
    "stored plan": Reader(lambda data: kept.decode_plan(data, _PLAN), [msgspec.json.encode(stored.plan())]),
    "stored decision": Reader(
        lambda data: kept.decode_decision(data, Path("/home/renewals/r1/decisions/d1.json")),
        [msgspec.json.encode(stored.decision())],
    ),
    "observer's answer": Reader(child._answer, [b'["told", ""]', b'["later", "it is down"]']),
}
"""Every reader of outside bytes, by the name that people know it by."""
