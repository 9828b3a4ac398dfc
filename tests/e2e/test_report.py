"""The evidence pack of a whole renewal: everything in it is proven with public tools, and nothing changed gets by."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.errors import Refused, Waiting
from engine.report import files, gather, place
from engine.report.pack import SUMS, sums
from engine.runner import deciding
from engine.store import Store
from plugins.lab.authority import pem
from plugins.lab.estate import Options
from plugins.lab.lab import Lab
from tests.e2e.conftest import QUICK
from tests.e2e.story import Story
from tests.e2e.test_decisions import made

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("ssh-keygen", "openssl", "sha256sum", "python3")),
    reason="the recipe's tools are not installed",
)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Return a finished renewal: one signed approval, one unsigned, and an upload that was refused at first."""
    lab = Lab(tmp_path_factory.mktemp("report") / "lab", Options(**QUICK))
    lab.start()
    try:
        story = Story(lab)
        story.begin(change="CHG0012345")
        story.until("TrustPropagated")
        with pytest.raises(Waiting):
            story.runner.advance(story.id)
        deciding.keep(story.runner, made(story))
        lab.order("expe", "forget-ca", ca="new")
        with pytest.raises(Refused):
            story.runner.advance(story.id)
        lab.boxes["expe"].append_trust(pem(lab.authority.generation("new").chain))
        story.until("Restarted")
        yield story
    finally:
        lab.stop()


@pytest.fixture
def pack(story: Story, tmp_path: Path) -> Path:
    """Return the folder of its report."""
    found = gather(Store(story.lab.home), story.id, datetime.now(UTC))
    assert found.problems == []
    return place(files(found), tmp_path / "pack", as_zip=False)


def verified(pack: Path) -> "subprocess.CompletedProcess[str]":
    """Type every command of VERIFY.md in a shell, up to the first that fails."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (pack / "VERIFY.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 5
    return subprocess.run(["sh", "-e"], input="".join(blocks), cwd=pack, capture_output=True, text=True, check=False)


def test_every_command_of_the_recipe_ends_well(story: Story, pack: Path) -> None:
    """On an untouched pack all commands of VERIFY.md end with 0 and say whose signature it is and which head it has."""
    done = verified(pack)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Good "certrenew" signature for change-manager' in done.stdout
    assert f"head {story.document.journal[-1].hash}" in done.stdout
    assert "expc-server-new.pem: OK" in done.stdout


def middle(content: bytes) -> bytes:
    """Change one letter or digit near the middle."""
    at = next(n for n in range(len(content) // 2, len(content)) if content[n : n + 1].isalnum())
    return content[:at] + (b"B" if content[at : at + 1] != b"B" else b"C") + content[at + 1 :]


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Change the first place where something stands."""
    return lambda content: content.replace(old, new, 1)


@pytest.mark.parametrize(
    ("pattern", "change"),
    [
        ("plans/*.json", middle),
        ("decisions/*.claim", middle),
        ("decisions/*.sig", middle),
        ("journal.json", replaced(b"Inspected:", b"inspected:")),
        ("journal.json", replaced(b'"account": "engineer"', b'"account": "enginear"')),
        ("renewal.json", replaced(b"CHG0012345", b"CHG0012346")),
        ("head.txt", middle),
        ("signers", replaced(b"change-manager", b"change-managed")),
        ("certificates/expc-server-new.pem", middle),
        ("certificates/expc-server-old.pem", middle),
        ("certificates/expc-server-chain.pem", middle),
        ("certificates/expc-server-csr.pem", middle),
    ],
)
def test_whatever_was_changed_is_found(pack: Path, pattern: str, change: Callable[[bytes], bytes]) -> None:
    """With one thing changed, and the list of checksums made to fit, some command of the recipe fails."""
    file = max(pack.glob(pattern))
    before = file.read_bytes()
    file.write_bytes(change(before))
    assert file.read_bytes() != before
    whole = {path.relative_to(pack).as_posix(): path.read_bytes() for path in pack.rglob("*") if path.is_file()}
    (pack / SUMS).write_bytes(sums(whole))
    assert verified(pack).returncode != 0


@pytest.mark.parametrize("name", ["report.html", "transcript.jsonl", "plans.json"])
def test_a_changed_page_is_found_by_its_checksum(pack: Path, name: str) -> None:
    """What the journal does not cover is covered by the list of checksums."""
    (pack / name).write_bytes(middle((pack / name).read_bytes()))
    done = verified(pack)
    assert done.returncode != 0
    assert f"{name}: FAILED" in done.stdout


def test_a_missing_decision_is_found(pack: Path) -> None:
    """A decision that carried a change can't be left out: the journal names it, with the digest of its signature."""
    for path in pack.glob("decisions/*.sig"):
        path.unlink()
    text = (pack / "VERIFY.md").read_text()
    (pack / "VERIFY.md").write_text(re.sub(r"(?m)^(ssh-keygen|sha256sum) .*$", "true", text))
    done = verified(pack)
    assert done.returncode != 0
    assert "is missing or was changed" in done.stdout


def test_an_intent_names_its_decisions_and_their_signatures(story: Story) -> None:
    """Each intent that needed approval holds the decisions that carried it, with digests of claim and signature."""
    intents = {event.data["action"]: event.data for event in story.document.journal if event.kind == "intent"}
    decisions = {one.step: one for one in story.runner.store.decisions(story.id)}
    assert intents["upload"]["decisions"] == [decisions["install"].noted()]
    assert len(str(intents["upload"]["decisions"][0]["signature"])) == 64
    assert intents["restart"]["decisions"] == [decisions["restart"].noted()]
    assert intents["restart"]["decisions"][0]["signature"] == ""
    assert intents["generate-csr"]["decisions"] == []


def test_the_page_says_in_words_what_must_not_be_overlooked(pack: Path) -> None:
    """Unsigned decisions and failed tries are named at the top, and a good signature is called good."""
    page = (pack / "report.html").read_text()
    top = page.partition("<h2>Story</h2>")[0]
    assert '<strong class="word">UNSIGNED</strong> 1 decision(s)' in top
    assert '<strong class="word">FAILED TRIES</strong>' in top
    assert "EMERGENCY" not in page
    assert "signed, good by the signers of the start" in page
    assert "the old certificate of expc-server" in page
    assert "the new certificate of expc-server" in page


def test_the_transcript_holds_requests_and_handshakes_and_no_login(story: Story, pack: Path) -> None:
    """Every request of the steps is there with its answer, and every look at a port; no header, no password."""
    entries = [json.loads(line) for line in (pack / "transcript.jsonl").read_text().splitlines()]
    upload = [e for e in entries if e["kind"] == "exchange" and e["method"] == "POST" and e["step"] == "install"]
    assert len(upload) == 1
    assert upload[0]["status"] == 200
    assert "BEGIN CERTIFICATE" in upload[0]["sent"]["text"]
    seen = [e["sha256"] for e in entries if e["kind"] == "handshake"]
    item = story.renewal.items[0]
    assert item.found is not None
    assert seen[0] == item.found.certificate
    assert seen[-1] == item.leaf
    assert "uthorization" not in (pack / "transcript.jsonl").read_text()
    assert (story.lab.home / "renewals" / story.id / "transcript.jsonl").stat().st_mode & 0o777 == 0o600


# ---- in a browser --------------------------------------------------------------------------------------------------

BROWSER = shutil.which("chromium")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MEASURE = """<!DOCTYPE html><body><script>
for (const text of {pages}) for (const width of {widths}) {{
  const frame = document.createElement("iframe");
  frame.style.width = width + "px"; frame.style.border = 0; frame.srcdoc = text;
  frame.onload = () => {{
    const line = document.createElement("p");
    line.textContent = "needs " + frame.contentDocument.documentElement.scrollWidth + " of " + width;
    document.body.append(line);
  }};
  document.body.append(frame);
}}
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
def test_nothing_is_cut_off_at_the_width_of_a_phone_or_of_paper(pack: Path, tmp_path: Path) -> None:
    """The page needs no more than 360 and 794 pixels, with the longest words there are; a control page does."""
    assert BROWSER is not None
    page = (pack / "report.html").read_text()
    hostile = page.replace("CHG0012345", "W" * 400)
    control = page.replace("overflow-wrap: anywhere", "").replace("CHG0012345", "W" * 400)
    pages = json.dumps([hostile, control]).replace("<", "\\u003c")
    (tmp_path / "measure.html").write_text(MEASURE.format(pages=pages, widths=[360, 794]))
    command = [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", "measure.html"]
    command[-1] = (tmp_path / "measure.html").as_uri()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    measured = sorted((int(width), int(needs)) for needs, width in re.findall(r"needs (\d+) of (\d+)", done.stdout))
    assert len(measured) == 4, done.stderr[-2000:]
    assert [needs <= width for width, needs in measured] == [True, False, True, False]
