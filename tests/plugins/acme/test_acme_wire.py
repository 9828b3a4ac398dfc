"""What the authority acme decides without a CA: names, renewal names, waiting, words, warnings."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from acme import messages
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from josepy.errors import DeserializationError

from engine.errors import Failed, Refused
from engine.model import Json
from engine.text import escape
from plugins.acme import Options, wire
from plugins.acme.foreseen import cautions
from tests.pki import CA, NOW, make_csr

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

PUBLIC = "https://acme-v02.api.letsencrypt.org/directory"


def asked(directory: str = PUBLIC, **options: object) -> Options:
    """Return the settings of an authority."""
    given = {"directory": directory, "account_key": "file:key", **options}
    return Options(**given)  # type: ignore[arg-type]


# ---- names --------------------------------------------------------------------------------------------------------


def test_names_are_ordered_as_they_stand_each_once() -> None:
    """DNS names in lower case, addresses by value; the common name is one of them."""
    csr = make_csr(["DNS:Box.Example.org", "DNS:box.example.org", "DNS:b.example"], subject="box.example.org")
    assert wire.identifiers(csr, "dns-01") == ["dns:box.example.org", "dns:b.example"]
    csr = make_csr(["DNS:box.example.org", "IP:192.0.2.1", "IP:2001:db8::1"])
    assert wire.identifiers(csr, "http-01") == ["dns:box.example.org", "ip:192.0.2.1", "ip:2001:db8::1"]
    assert wire.identifiers(make_csr(["DNS:*.example.org"], subject=[]), "dns-01") == ["dns:*.example.org"]


@pytest.mark.parametrize(
    ("csr", "challenge", "says"),
    [
        (make_csr(["box.example.org"], subject="Expressway Cluster"), "dns-01", "common name, Expressway Cluster"),
        (make_csr(["box.example.org", "URI:sip:a@box.example.org"]), "dns-01", "(URI: sip:a@box.example.org)"),
        (make_csr(["box.example.org", "email:a@box.example.org"]), "dns-01", "(mail address: a@box.example.org)"),
        (make_csr([], subject="box.example.org"), "dns-01", "no alternative name"),
        (make_csr(["box.example.org", "*.example.org"]), "http-01", "http-01 can't prove *.example.org"),
        (make_csr(["box.example.org", "IP:192.0.2.1"]), "dns-01", "dns-01 can't prove 192.0.2.1"),
    ],
)
def test_what_acme_can_t_carry_is_refused_before_an_order(
    csr: x509.CertificateSigningRequest, challenge: str, says: str
) -> None:
    """A common name that is no name, other kinds of names, and what the challenge can't prove."""
    with pytest.raises(Refused) as caught:
        wire.identifiers(csr, challenge)
    assert says in caught.value.what
    assert caught.value.untouched == "Nothing was ordered."
    assert caught.value.todo


def test_what_is_no_csr_is_told() -> None:
    """Nothing else is sent to a CA in its place."""
    with pytest.raises(Failed, match="no certificate signing request"):
        wire.csr("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")


# ---- renewal information ------------------------------------------------------------------------------------------


def test_the_renewal_name_is_that_of_the_rfc() -> None:
    """The example of RFC 9773 section 4.1: key identifier and serial, with the zero that DER puts first."""
    key_identifier = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    ca = CA.root(ski=key_identifier)
    leaf = ca.issue("box.example.org", serial=0x87654321).certificate
    assert wire.certificate_id(leaf) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    low = ca.issue("box.example.org", serial=0x7F).certificate
    assert wire.certificate_id(low).endswith(".fw")


def test_a_certificate_without_key_identifier_has_no_renewal_name() -> None:
    """Without it there is nothing to ask for and nothing to replace."""
    assert wire.certificate_id(CA.root().issue("box.example.org", aki="").certificate) == ""
    assert wire.certificate_id(CA.root().issue("box.example.org", aki="issuer").certificate) == ""
    assert wire.replaced("") == ""


@given(ANY_JSON)
def test_no_renewal_information_breaks_anything(found: Json) -> None:
    """Whatever JSON comes, it is a window or one kind of error."""
    try:
        suggestion = wire.window(found)
    except Failed:
        return
    assert suggestion.start < suggestion.end


# ---- waiting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("90", 90),
        (" 90 ", 90),
        ("0", 1),
        ("-5", 60),
        ("9" * 40, wire.LONGEST),
        ("", 60),
        ("soon", 60),
        (format_datetime(NOW + timedelta(hours=1), usegmt=True), 3600),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 1),
        ("Mon, 23 Nov 2026 13:00:00", 3600),
    ],
)
def test_retry_after_is_read_in_all_its_forms(header: str, seconds: int) -> None:
    """Seconds and dates; never under one second or over a week; the default for anything else."""
    assert wire.retry_after(header, NOW, 60) == seconds


@given(st.text())
def test_no_retry_after_breaks_anything(header: str) -> None:
    """Whatever is in the header, a sensible time comes out."""
    assert 1 <= wire.retry_after(header, NOW, 60) <= wire.LONGEST


def test_a_long_wait_is_asked_ever_less_often() -> None:
    """Seconds at first, hourly after a day; few different answers, for each makes an entry in the journal."""
    waits = [wire.patience(NOW, NOW + timedelta(seconds=after)) for after in (0, 60, 3600, 12 * 3600, 30 * 86400)]
    assert waits == [2, 4, 256, 2048, 3600]


# ---- words --------------------------------------------------------------------------------------------------------


@given(ANY_JSON, ANY_JSON, ANY_JSON)
def test_no_problem_document_breaks_out(kind: Json, detail: Json, below: Json) -> None:
    """Whatever a problem document holds, its words can be shown and are no flood."""
    try:
        problem = messages.Error.from_json({"type": kind, "detail": detail, "subproblems": [{"detail": below}] * 9})
    except (DeserializationError, TypeError, AttributeError):
        return
    said = wire.words(problem)
    assert said == escape(said)
    assert 0 < len(said) < 2500
    assert wire.code(problem) == escape(wire.code(problem))


# ---- warnings -----------------------------------------------------------------------------------------------------

BOTH = ("serverAuth", "clientAuth")


@pytest.mark.parametrize(
    ("when", "profile", "says"),
    [
        ("2026-02-10", "", "If acme-v02.api.letsencrypt.org is a public CA"),
        ("2026-02-11", "", "no longer issues clientAuth in the profile classic"),
        ("2026-02-11", "tlsserver", "in the profile tlsserver"),
        ("2026-07-07", "tlsclient", "If acme-v02.api.letsencrypt.org is a public CA"),
        ("2026-07-08", "tlsclient", "no longer issues clientAuth in any profile"),
    ],
)
def test_the_warning_fits_ca_profile_and_day(when: str, profile: str, says: str) -> None:
    """Let's Encrypt ended clientAuth in two steps; the sentence says which holds today."""
    found = list(cautions(BOTH, asked(profile=profile), {}, datetime.fromisoformat(when).replace(tzinfo=UTC)))
    assert len(found) == 1
    assert says in found[0]
    assert len(found[0]) <= 300, "the plan shows this much of a note"


def test_who_needs_no_client_authentication_is_not_warned() -> None:
    """Neither is whoever has a private CA, whose directory the site verifies by its own file."""
    assert not list(cautions(("serverAuth",), asked(), {}, NOW))
    assert not list(cautions(BOTH, asked("https://ca.corp.example/dir", ca=Path("root.pem")), {}, NOW))
    assert list(cautions(("1.3.6.1.5.5.7.3.2",), asked(), {}, NOW)), "control: the number says the same as the name"
    assert list(cautions(BOTH, asked("https://ca.corp.example/dir"), {}, NOW)), "control: one not known to be private"


def test_what_the_ca_says_of_the_profile_is_shown() -> None:
    """The description stands in the plan, escaped; it often says which usages come."""
    profiles: dict[str, Json] = {"server": "TLS server\x1b[2J only", "other": 7}
    options = asked("https://ca.corp.example/dir", ca=Path("root.pem"), profile="server")
    assert list(cautions(BOTH, options, profiles, NOW)) == [
        "The CA describes the profile server as: TLS server\\x1b[2J only"
    ]
