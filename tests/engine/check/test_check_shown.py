"""Hold what people see: every line fits, words say what colours say, and every certificate has its file."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.certificates import compare, fingerprint
from engine.cli.columns import beside, cells, wrap
from tests.engine.certificates.cases import CHAIN, ISSUING, NEW, ROOT
from tests.engine.check.files import AT, GOOD, Check
from tests.pki import CA, pem

HOSTILE = "\x1b[31m\u202ereversed\r\n\x9b"
WIDE = "日本語の会社名前がとても長い" * 4
SUBJECT = [("C", "DE"), ("O", WIDE), ("OU", HOSTILE), ("CN", "a.example")]


def flat(out: str) -> str:
    """Return text without its line breaks."""
    return " ".join(out.split())


def test_the_answer_comes_first(check: Check) -> None:
    """The first line says whether it may be installed, and names what fails; the place and moment follow."""
    good = check(*GOOD)[1].splitlines()
    assert good[0].startswith('OK           "a.example", 13 checks, none failed')
    assert "2026-11-23T12:00:00Z" in good[1] + good[2]
    bad = check("old.pem", *GOOD[1:])[1].splitlines()
    assert bad[0].startswith('NOT OK       "a.example", 1 of 13 checks failed (key-matches-csr)')


def test_names_are_marked_with_words(check: Check, folder: Path) -> None:
    """Kept, lost and added names are marked in words, a change of type is both."""
    (folder / "new.pem").write_text(ISSUING.issue("A.example", "IP:10.0.0.1", "email:b.example").pem)
    out = check("new.pem", "--current", "old.pem", "--at", AT)[1]
    assert "Names: 1 kept, 1 LOST, 2 ADDED" in out
    for line in ("kept DNS:a.example", "LOST DNS:b.example", "ADDED IP:10.0.0.1", "ADDED email:b.example"):
        assert line in flat(out)


def test_old_and_new_stand_side_by_side(check: Check, folder: Path) -> None:
    """What is the same is said so, what changed shows both; the same key again is told from a new one."""
    out = check(*GOOD)[1]
    assert re.search(r"^subject +CN=a.example +same$", out, re.MULTILINE)
    assert re.search(r"^key +EC P-256 +EC P-256, a new key$", out, re.MULTILINE)
    assert re.search(r"^lifetime +50 days +395 days$", out, re.MULTILINE)
    (folder / "old.txt").write_text("Subject: CN=a\nNot After : x\nPublic Key Algorithm: ED25519\n")
    text = check("new.pem", "--current", "old.txt", "--at", AT)[1]
    assert re.search(r"^key +Ed25519 +EC P-256$", text, re.MULTILINE), "a text does not tell whose key it is"
    again = check("old.pem", "--current", "old.pem", "--at", AT)[1]
    assert re.search(r"^key +EC P-256 +EC P-256, the same key$", again, re.MULTILINE)


def test_each_certificate_has_its_file_and_block(check: Check, folder: Path) -> None:
    """The leaf and each CA of the chain name file and block; what was given and not used is listed."""
    other = CA.root("Unrelated CA").certificate
    key = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    (folder / "bundle.pem").write_text(key + pem(CHAIN[1], other, NEW, CHAIN[0]))
    out = flat(check("bundle.pem", "--csr", "csr.pem", "--at", AT)[1])
    assert 'leaf "a.example", bundle.pem block 4' in out
    assert 'CA 1 "Test Issuing CA", bundle.pem block 5' in out
    assert 'CA 2 "Test Root", bundle.pem block 2' in out
    assert 'Given and not used: "Unrelated CA", bundle.pem block 3' in out
    assert f'"Test Root", SHA-256 {fingerprint(ROOT.certificate)}' in out
    trusted = flat(check("bundle.pem", "--csr", "csr.pem", "--trust", "ca.pem", "--at", AT)[1])
    assert 'CA 1 "Test Issuing CA", trusted: ca.pem block 1; bundle.pem block 5' in trusted
    assert "peers need them" not in trusted


def test_several_leaves_are_listed(check: Check, folder: Path) -> None:
    """When the leaf can't be told, all that could be it are listed with file, end and fingerprint."""
    (folder / "two.pem").write_text(ISSUING.issue("z.example").pem)
    code, out, _ = check("new.pem", "two.pem", "ca.pem", "--at", AT)
    assert code == 4
    assert "These could be the leaf:" in out
    assert f'"a.example", until 2027-11-23T12:00:00Z, SHA-256 {fingerprint(NEW)[:16]}, new.pem' in flat(out)
    assert '"z.example"' in out
    assert '"Test Issuing CA"' not in out
    assert check("new.pem", "two.pem", "--csr", "csr.pem", "--at", AT, "--trust", "ca.pem")[0] == 0


def test_without_an_old_certificate_the_new_one_stands_alone(check: Check) -> None:
    """The table then has one column, says how to compare, and names are held against the CSR."""
    out = check("new.pem", "--csr", "csr.pem", "--trust", "ca.pem", "--at", AT)[1]
    assert "--current" in out
    assert "Names: 2 kept, compared with the CSR" in out
    assert "Names: 2\n" in check("new.pem", "--trust", "ca.pem", "--at", AT)[1]


def test_hostile_names_are_escaped_and_every_line_fits(check: Check, folder: Path) -> None:
    """Control characters never reach the terminal, and no line is wider than 80 columns, whatever the names."""
    long = "x" * 150 + ".example"
    leaf = ISSUING.issue(long, f"DNS:{'y' * 200}", "URI:sip:a", subject=SUBJECT, eku=["serverAuth"])
    (folder / f"{'n' * 100} \x1b[2J.pem").write_text(leaf.pem)
    out = check(f"{'n' * 100} \x1b[2J.pem", "--current", "old.pem", "--at", AT)[1]
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\\x1b" in out
    assert max(map(cells, out.splitlines())) <= 80
    assert long in "".join(out.split())


def test_a_hostile_file_name_is_escaped(check: Check, folder: Path) -> None:
    """The name of a file that is no certificate reaches neither output unescaped, and the advice comes last."""
    (folder / HOSTILE[:6]).write_text("x")
    code, out, err = check(HOSTILE[:6])
    assert (code, err) == (4, "")
    assert "\x1b" not in out
    assert out.splitlines()[-1].startswith("next")
    code, out, err = check("new.pem", "--current", HOSTILE)
    assert (code, out) == (2, "")
    assert "\x1b" not in err


# ---- a terminal ----------------------------------------------------------------------------------------------------


def on_a_terminal(folder: Path, **environment: str) -> str:
    """Run the command on a pseudo-terminal and return what it wrote."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "engine.cli", "check", "old.pem", *GOOD[1:]]
    around = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "xterm", **environment}
    done = subprocess.Popen(words, cwd=folder, stdout=theirs, stderr=theirs, env=around)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert done.wait() == 4
    return written.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", ["40", "60", "200"])
def test_a_terminal_gets_colours_and_its_own_width(folder: Path, columns: str) -> None:
    """On a terminal words of judgement are coloured, and lines fit a narrow one; a wide one gets no more than 80."""
    out = on_a_terminal(folder, COLUMNS=columns)
    assert "\x1b[31mFAIL\x1b[0m key-matches-csr" in out
    plain = re.sub(r"\x1b\[[0-9]+m", "", out)
    assert max(map(cells, plain.splitlines())) <= min(80, int(columns))


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_means_none(folder: Path, environment: dict[str, str]) -> None:
    """NO_COLOR and a dumb terminal get the same words without colours."""
    out = on_a_terminal(folder, **environment)
    assert "\x1b" not in out
    assert "FAIL key-matches-csr" in out


# ---- columns -------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.sampled_from("abc xyz 日本 é\u0301-"), max_size=120)


@given(TEXTS, st.integers(2, 40))
def test_wrapping_loses_nothing_and_fits(text: str, columns: int) -> None:
    """Wrapped lines hold every character but blanks, in order, and none is wider than asked."""
    lines = wrap(text, columns)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert lines
    assert all(cells(line) <= columns for line in lines)


@given(TEXTS, TEXTS)
def test_columns_stand_beside_each_other(left: str, right: str) -> None:
    """Two columns are as wide as asked with two blanks between, and as high as the higher one."""
    lines = beside([left, right], [10, 12])
    assert len(lines) == max(len(wrap(left, 10)), len(wrap(right, 12)))
    assert all(cells(line) <= 24 for line in lines)


def test_comparing_follows_the_rules_for_names() -> None:
    """Case, Unicode labels and the way an address is written make no difference; the type does."""
    found = compare.names(
        ["DNS:A.example", "DNS:bücher.example", "IP:::1"], ["DNS:xn--bcher-kva.example", "DNS:a.example"]
    )
    assert [one.mark for one in found] == ["kept", "kept", "LOST"]
    assert [one.mark for one in compare.names(["DNS:1.2.3.4"], ["IP:1.2.3.4"])] == ["LOST", "ADDED"]
    assert compare.rows(None, NEW)[0].old == ""
