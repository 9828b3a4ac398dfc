"""Bad boxes and bad luck: whatever a box or a colleague does, the message says it and the way on."""

from collections.abc import Callable
from typing import Any

import pytest

from plugins.lab.authority import pem
from plugins.lab.lab import Lab
from tests.e2e.desk import NOTHING, Case, Desk, cleared, fault, site
from tests.e2e.story import CERTIFICATE, Story

API = "/api/provisioning"
CSR, ROOT, SERVER = f"{API}/certs/generate_csr", f"{API}/certs/root", f"{API}/certs/server"
ON_THE_PAGE = r"Users > Administrator accounts"
AGAIN = r"run the same command again"
UNKNOWN = r"not known; the next run looks first, and does nothing twice"


def secret(text: str) -> Callable[[Story], None]:
    """Return what changes the stored password of the Expressway-C; empty is the right one."""

    def write(story: Story) -> None:
        (story.lab.home / "secrets" / "expc").write_text(text or story.lab.boxes["expc"].account.password)

    return write


def off(story: Story) -> None:
    """Take the box off the network."""
    for port in story.lab.machines["expc"].ports.values():
        port.close()


def on(story: Story) -> None:
    """Bring it back."""
    for port in story.lab.machines["expc"].ports.values():
        port.open()


def _strange_pin(story: Story) -> None:
    story.edit_site('ca = "trust/boxes.pem"          #', f'pin = "sha256:{"0" * 64}"  #')


def _no_pin(story: Story) -> None:
    story.edit_site(f'pin = "sha256:{"0" * 64}"  #', 'ca = "trust/boxes.pem"          #')


def _trusts_a_stranger(story: Story) -> None:
    (story.lab.home / "trust" / "boxes.pem").write_bytes(pem([story.lab.authority.new.root.certificate]))


def _trusts_the_right(story: Story) -> None:
    (story.lab.home / "trust" / "boxes.pem").write_bytes(pem(story.lab.authority.old.chain))


REACH = [
    Case(
        "unreachable",
        "New",
        off,
        5,
        "did not answer GET /status.xml: Connection refused",
        "Nothing was sent",
        AGAIN,
        on,
    ),
    Case(
        "no such host",
        "New",
        site('address = "127.0.0.1:', 'address = "no-such-box.invalid:'),
        5,
        "no-such-box.invalid:[0-9]+ did not answer",
        "Nothing was sent",
        AGAIN,
        site('address = "no-such-box.invalid:', 'address = "127.0.0.1:'),
    ),
    Case(
        "wrong name",
        "New",
        site('hostname = "expc.corp', 'hostname = "expx.corp'),
        4,
        "is not proven to be expx.corp.example: hostname 'expx.corp.example' doesn't match",
        "No user name or password was sent",
        "`ca` or `pin`",
        site('hostname = "expx.corp', 'hostname = "expc.corp'),
    ),
    Case(
        "not trusted",
        "New",
        _trusts_a_stranger,
        4,
        "not proven to be expc.corp.example: unable to get",
        "No user name or password was sent",
        "Find out why before anything else",
        _trusts_the_right,
    ),
    Case(
        "wrong pin",
        "New",
        _strange_pin,
        4,
        "it shows the certificate sha256:[0-9a-f ]{64,66}, which is none of those",
        "No user name or password was sent",
        "`pin`",
        _no_pin,
    ),
    Case(
        "wrong password",
        "New",
        secret("wrong"),
        5,
        r"refused the login of 'admin' \(HTTP 401\)",
        "not tried again",
        "`password`",
        secret(""),
    ),
    Case(
        "API off",
        "New",
        fault("disable-api"),
        5,
        r"does not allow it to use /status.xml \(HTTP 403\)",
        NOTHING,
        ON_THE_PAGE,
        fault("enable-api"),
    ),
    Case("API off, 401", "New", fault("denied"), 5, r"HTTP 401", "not tried again", ON_THE_PAGE, cleared),
    Case(
        "status cut off",
        "New",
        fault("truncated", path="/status.xml"),
        5,
        "did not answer GET /status.xml",
        "only asked",
        AGAIN,
        cleared,
    ),
    Case(
        "status is a web page",
        "New",
        fault("garbage", path="/status.xml"),
        5,
        "status of expc can't be used",
        NOTHING,
        "browser",
        cleared,
    ),
    Case(
        "starting",
        "New",
        fault("error-5xx"),
        5,
        "HTTP 503, 'Service Unavailable'",
        NOTHING,
        "wait a few minutes",
        cleared,
    ),
]


def answers(state: str, path: str, effect: str) -> list[Case]:
    """Return what can become of one write: done without an answer, refused in three ways, or not done at all."""
    write: dict[str, Any] = {"path": path, "method": "POST", "count": 1}
    way_on = "certrenew|encoding|Correct|by hand|page"
    approve = (lambda story: story.approve_next()) if state == "TrustPropagated" else (lambda story: None)

    def strikes(name: str) -> Callable[[Story], None]:
        return lambda story: (approve(story), story.lab.order("expc", name, **write))[1]  # type: ignore[func-returns-value]

    return [
        Case(
            f"{path}: refused",
            state,
            strikes("refused"),
            5,
            "HTTP 400, 'Bad Request'",
            "changed nothing",
            way_on,
            cleared,
        ),
        Case(
            f"{path}: 200 with a refusal",
            state,
            strikes("refused-200"),
            5,
            "HTTP 200, 'Bad Request'",
            "changed nothing",
            way_on,
            cleared,
        ),
        Case(
            f"{path}: says nonsense",
            state,
            strikes("hostile"),
            5,
            r"HTTP 400, 'No.\\x1b\[2J",
            "changed nothing",
            ".",
            cleared,
        ),
        Case(
            f"{path}: cut off",
            state,
            strikes("truncated"),
            5,
            "did not answer POST",
            UNKNOWN,
            AGAIN,
            cleared,
            did=(effect,),
        ),
        Case(f"{path}: never sent", state, strikes("drop-before"), 5, "did not answer POST", UNKNOWN, AGAIN, cleared),
    ]


WRITES = [
    *answers("Inspected", CSR, "csr-generated"),
    *answers("Validated", ROOT, "trust-appended"),
    *answers("TrustPropagated", SERVER, "certificate-installed"),
]


AFTER = {"New": "CSRPending", "Inspected": "CSRPending", "Validated": "TrustPropagated", "TrustPropagated": "Restarted"}


@pytest.mark.parametrize("case", [*REACH, *WRITES], ids=lambda case: case.name)
def test_bad_luck_is_told_and_the_renewal_goes_on_when_it_is_over(desk: Desk, case: Case) -> None:
    """One message in three parts, the exit code, nothing done but what is told; afterwards each effect exactly once."""
    desk.meets(case, AFTER[case.state])
    assert len(desk.story.entries("login-refused")) == (case.name == "wrong password")


# ---- the API -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release", "says"),
    [
        ("X14.3", "Before X15.2 it is on unless somebody switched it off"),
        ("X15.2", "From X15.2 it is off until somebody switches it on"),
        ("X15.5", "From X15.2 it is off until somebody switches it on"),
    ],
)
def test_a_disabled_api_says_per_release_where_it_is_enabled(
    labs: Callable[..., Lab], capsys: pytest.CaptureFixture[str], release: str, says: str
) -> None:
    """The page and the setting are named with what the release does by default; enabled there, the renewal goes on."""
    story = Story(labs(releases={"expc": release, "expe": release}, switches={"expe": {"api_access": "on"}}))
    story.lab.order("expc", "disable-api")
    told = Desk(story, capsys).meets(
        Case("", "New", lambda _: None, 5, r"\(HTTP 403\)", NOTHING, ON_THE_PAGE, fault("enable-api")), "Inspected"
    )
    assert says in told.parts["Next"]
    assert "advanced account security mode" in told.parts["Next"]


def test_an_api_switched_off_in_the_middle_names_the_release(desk: Desk) -> None:
    """Once the box has told its release, the advice is for that one alone."""
    story = desk.story
    story.begin()
    story.until("Inspected")
    story.lab.order("expc", "api-disabled", path=API, count=1)
    told = desk.fails(
        "run", CERTIFICATE, code=5, what=r"expc \(X14.3\) knows", left=NOTHING, todo="somebody switched it off"
    )
    assert "X15.2 it is off" not in told.parts["Next"]
    assert story.again().state == "Restarted"
    story.once()


# ---- the CA is thinking --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("happens", "what"), [("discard-csr", "no CSR is pending there"), ("replace-csr", "another one took its place")]
)
@pytest.mark.parametrize("state", ["CSRPending", "TrustPropagated"])
def test_a_csr_that_is_gone_stops_the_renewal_and_restage_begins_again(
    desk: Desk, happens: str, what: str, state: str
) -> None:
    """While the CA is thinking, or just before the upload: nothing is uploaded, and the way back to the box is told."""
    story = desk.story
    story.begin()
    story.until(state)
    if state == "TrustPropagated":
        story.approve_next()
        what = "has no pending CSR" if happens == "discard-csr" else "has another pending CSR"
    else:
        story.wait_for_person()
    story.lab.order("expc", happens)
    told = desk.fails("run", CERTIFICATE, code=4, what=what, left="Nothing was changed", todo="certrenew restage")
    assert story.id in told.parts["Next"]
    assert story.effects("certificate-installed") == []
    story.lab.order("expc", "discard-csr")
    desk.type("restage", CERTIFICATE, "--reason", "somebody discarded the CSR")
    assert story.again().state == "Restarted"
    assert story.effects("certificate-installed") == ["expc"]
    assert story.effects("restarted") == ["expc"]
