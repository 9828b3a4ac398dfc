"""Hold `certrenew check` to its contract: JSON keys, check names, exit codes, what goes where."""

import json
import os
from pathlib import Path

import pytest

from engine.certificates import CHECKS, fingerprint
from engine.model import Json
from tests.engine.certificates.cases import CHAIN, CSR, ISSUING, KEY, NEW, OLD
from tests.engine.check.files import AT, GOOD, Check
from tests.pki import CA, Leaf, der, pem

LEAF_KEYS = {
    *("subject", "issuer", "serial", "sha256", "not_before", "not_after"),
    *("sans", "eku", "ski", "aki", "key"),
}


def read(out: str) -> dict[str, Json]:
    """Return the one JSON value that was printed, held to the contract's keys."""
    value: dict[str, Json] = json.loads(out)
    assert set(value) == {"ok", "same_ca", "leaf", "missing_trust", "findings"}
    for one in value["findings"]:
        assert set(one) == {"check", "outcome", "message", "source"}
        assert one["check"] in CHECKS
        assert one["outcome"] in ("pass", "warn", "fail")
        assert one["message"]
        assert one["source"]
    return value


def failing(value: dict[str, Json]) -> list[str]:
    """Return the checks that fail."""
    return [one["check"] for one in value["findings"] if one["outcome"] == "fail"]


def test_a_good_certificate_ends_with_0(check: Check) -> None:
    """The good case is ok, with all keys of the contract, and nothing on standard error."""
    code, out, err = check(*GOOD, "--json")
    value = read(out)
    assert (code, err, value["ok"], value["same_ca"], value["missing_trust"]) == (0, "", True, True, [])
    assert set(value["leaf"]) == LEAF_KEYS
    assert value["leaf"]["sha256"] == fingerprint(NEW)
    assert failing(value) == []


def test_a_failed_check_ends_with_4(check: Check, folder: Path) -> None:
    """A lost name fails `san-match` alone, with or without --json, and the verdict still goes to standard output."""
    (folder / "new.pem").write_text(ISSUING.issue("a.example").pem)
    words = [word for word in GOOD if word not in ("--csr", "csr.pem")]
    code, out, err = check(*words, "--json")
    assert (code, err, failing(read(out))) == (4, "", ["san-match"])
    code, out, err = check(*words)
    assert (code, err) == (4, "")
    assert out.startswith("NOT OK")


def test_missing_trust_names_what_peers_lack(check: Check, folder: Path) -> None:
    """Without the issuer among the trusted its fingerprint is listed, and the root's is not."""
    (folder / "root.pem").write_text(pem(CHAIN[1]))
    (folder / "new.pem").write_text(pem(NEW, CHAIN[0]))
    _, out, _ = check(*(word.replace("ca.pem", "root.pem") for word in GOOD), "--json")
    assert read(out)["missing_trust"] == [fingerprint(CHAIN[0])]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (pem(CSR).encode(), "a certificate signing request"),
        (Leaf(NEW, KEY, ISSUING).key_pem.encode(), "a private key"),
        (b"<html>Log in</html>", "a web page"),
        (b"", "an empty file"),
        (pem(NEW).encode()[:200], "cut off"),
        (b"0" * (1024 * 1024 + 1), "larger than 1024 KiB"),
    ],
)
def test_a_new_file_that_is_no_certificate_fails_the_format_check(
    check: Check, folder: Path, content: bytes, kind: str
) -> None:
    """What can be opened and is no certificate is judged: `format` alone fails, leaf is null, and it ends with 4."""
    (folder / "new.pem").write_bytes(content)
    code, out, err = check(*GOOD, "--json")
    value = read(out)
    assert (code, err, value["leaf"], value["same_ca"], failing(value)) == (4, "", None, None, ["format"])
    assert kind in value["findings"][0]["message"]
    assert "new.pem" in value["findings"][0]["message"]
    code, out, _ = check(*GOOD)
    assert code == 4
    assert kind in " ".join(out.split())


def test_one_bad_file_among_good_ones_is_not_passed_over(check: Check, folder: Path) -> None:
    """A certificate with a file beside it that is none fails `format`; both files good pass it."""
    (folder / "page.html").write_text("<html>")
    code, out, _ = check("page.html", *GOOD, "--json")
    assert (code, failing(read(out))) == (4, ["format"])
    assert check("ca.pem", *GOOD, "--json")[0] == 0


@pytest.mark.parametrize("option", ["new", "--current", "--csr", "--trust"])
@pytest.mark.parametrize("fault", ["absent", "a folder", "locked"])
def test_a_file_that_can_not_be_opened_ends_with_2(check: Check, folder: Path, option: str, fault: str) -> None:
    """Wherever it is named: one clear message on standard error, nothing on standard output, and no verdict."""
    name = {"absent": "absent.pem", "a folder": ".", "locked": "locked.pem"}[fault]
    (folder / "locked.pem").write_text("x")
    (folder / "locked.pem").chmod(0)
    if fault == "locked" and os.geteuid() == 0:
        name = "/proc/self/mem"  # root may read locked files; this one nobody reads from its start
    words = [name, *GOOD[1:]] if option == "new" else [*GOOD, option, name]
    code, out, err = check(*words, "--json")
    assert (code, out) == (2, "")
    assert "can't be read" in " ".join(err.split())


@pytest.mark.parametrize("option", ["--current", "--csr", "--trust"])
def test_evidence_of_the_wrong_kind_ends_with_2(check: Check, folder: Path, option: str) -> None:
    """A private key where other evidence is wanted is named for what it is, and nothing of it is repeated."""
    key = OLD.key_pem
    (folder / "key.pem").write_text(key)
    code, out, err = check(*GOOD, option, "key.pem")
    assert (code, out) == (2, "")
    assert "a private key" in " ".join(err.split())
    assert key.splitlines()[1][:20] not in err


@pytest.mark.parametrize(
    "words",
    [
        ("--role", "cucm"),
        ("--slot", "both"),
        ("--release", "latest"),
        ("--at", "tomorrow"),
        ("--at", "9999-12-31T23:59:59-12:00"),
    ],
)
def test_an_option_that_makes_no_sense_ends_with_2(check: Check, words: tuple[str, str]) -> None:
    """Unknown roles, slots, releases and times are refused before anything is judged."""
    code, out, err = check(*GOOD, *words)
    assert (code, out) == (2, "")
    assert err


@pytest.mark.parametrize("at", ["2026-11-23", "2026-11-23T12:00:00", AT, "2026-11-23T13:00:00+01:00"])
def test_times_may_be_written_in_several_ways(check: Check, at: str) -> None:
    """A date, a time without zone (UTC), and a time with one judge the same good certificate."""
    assert check(*GOOD[:-1], at)[0] == 0


def test_the_moment_decides(check: Check) -> None:
    """The same certificate fails `validity` after its end; an expired old one makes no difference."""
    code, out, _ = check(*GOOD[:-1], "2028-01-01", "--json")
    assert (code, failing(read(out))) == (4, ["validity"])
    assert check(*GOOD[:-1], "2027-01-01")[0] == 0, "by then the old one has expired"


def test_role_slot_and_release_decide_about_usages(check: Check, folder: Path) -> None:
    """A server-only certificate passes on the server slot of X15.5 and nowhere on X14.3."""
    (folder / "new.pem").write_text(ISSUING.issue("a.example", "b.example", eku=["serverAuth"]).pem)
    words = [word for word in GOOD if word not in ("--csr", "csr.pem")]
    place = ("--role", "expressway-e", "--release")
    assert check(*words, *place, "X15.5", "--slot", "server")[0] == 0
    assert failing(read(check(*words, *place, "X14.3", "--json")[1])) == ["eku-client-and-server"]
    assert check(*words, *place, "X15.4", "--server-eku-upload")[0] == 0


def test_names_for_the_role_can_be_named(check: Check) -> None:
    """`--name` may be repeated and hold alternatives; an absent one fails `names-for-role`."""
    assert check(*GOOD, "--name", "a.example", "--name", "z.example|b.example")[0] == 0
    assert failing(read(check(*GOOD, "--name", "z.example", "--json")[1])) == ["names-for-role"]


def test_without_an_old_certificate_it_still_judges(check: Check) -> None:
    """Without --current the CSR is compared with, the same CA is unknown, and both are said."""
    code, out, _ = check("new.pem", "--csr", "csr.pem", "--trust", "ca.pem", "--at", AT, "--json")
    value = read(out)
    assert (code, value["same_ca"]) == (0, None)
    assert [one["check"] for one in value["findings"] if one["outcome"] == "warn"] == ["same-ca"]


def test_the_old_ones_file_may_hold_its_chain(check: Check, folder: Path) -> None:
    """CA certificates beside the old certificate serve the comparison of CAs, and do not count as trusted."""
    (folder / "old.pem").write_text(pem(*CHAIN, OLD.certificate))
    value = read(check("new.pem", "--current", "old.pem", "--at", AT, "--json")[1])
    assert value["same_ca"] is True
    assert value["missing_trust"] == [fingerprint(one) for one in CHAIN]


def test_two_old_certificates_end_with_2(check: Check, folder: Path) -> None:
    """A file in which two certificates could be the one in use is refused; nothing is guessed."""
    (folder / "old.pem").write_text(pem(OLD.certificate, NEW))
    code, out, err = check(*GOOD)
    assert (code, out) == (2, "")
    assert "2 certificates that could be the one in use" in " ".join(err.split())


def test_the_old_certificate_may_be_decoded_text(check: Check, folder: Path) -> None:
    """The text of the old certificate is compared: names that it holds must be in the new one."""
    text = "Subject: CN = a.example\nNot After : Dec 13 12:00:00 2026 GMT\nX509v3 Subject Alternative Name:\nDNS:{}\n"
    for name, expected in (("a.example", 0), ("c.example", 4)):
        (folder / "old.pem").write_text(text.format(name))
        code, out, _ = check(*GOOD, "--json")
        assert (code, read(out)["same_ca"]) == (expected, None)
    (folder / "old.pem").write_text("neither")
    assert check(*GOOD)[0] == 2


def test_a_binary_file_from_another_ca_is_read(check: Check, folder: Path) -> None:
    """DER, and a chain of another CA in the same folder, are found out: the CA is not the same."""
    foreign = CA.root("Foreign")
    leaf = foreign.issue("a.example", "b.example").certificate
    (folder / "new.der").write_bytes(der(leaf) + der(foreign.certificate))
    words = ["new.der", "--current", "old.pem", "--trust", "ca.pem", "--at", AT, "--json"]
    value = read(check(*words)[1])
    assert (value["ok"], value["same_ca"]) == (True, False)
    assert value["missing_trust"] == [fingerprint(foreign.certificate)]
