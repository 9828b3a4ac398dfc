"""See that the matrix finds what it is there to find: with the engine or the store broken, kills have consequences."""

from collections.abc import Iterator

import pytest

from tests.crash.matrix import Bench, bench
from tests.crash.trial import Outcome

CSR = "request POST /api/provisioning/certs/generate_csr"


@pytest.fixture(scope="module")
def renew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Return a bench for the plainest scenario."""
    with bench("manual", tmp_path_factory.mktemp("control")) as plain:
        yield plain


@pytest.fixture(scope="module")
def asked(renew: Bench) -> int:
    """Return the point at which the box has just been asked for the CSR, and has not answered yet."""
    return _asked(renew(None))


def _asked(whole: Outcome) -> int:
    (passed,) = (one for one in whole.commands if CSR in one)
    return passed.index(CSR) + 2  # the request, its body


def test_without_intents_a_crash_loses_whose_csr_it_is(renew: Bench, asked: int) -> None:
    """What was not journalled before it was done is taken for somebody else's afterwards; unbroken, it is adopted."""
    assert renew(asked).wrong == ""
    assert (
        "already has a pending CSR that this renewal did not make"
        in renew(_asked(renew(None, "no-intents")), "no-intents").wrong
    )


def test_without_a_look_a_second_csr_is_asked_for(renew: Bench, asked: int) -> None:
    """Whoever acts first and looks later asks a box for a CSR that has one pending; unkilled, nobody notices."""
    assert renew(None, "no-look").wrong == ""
    assert "A CSR is pending on expc already" in renew(asked, "no-look").wrong


def test_a_document_written_in_place_is_lost(renew: Bench) -> None:
    """Killed between emptying a file and filling it, a store without renames has lost the renewal."""
    passed = max(renew(None, "in-place").commands, key=len)
    lasting = [at for at in range(1, len(passed) - 1) if passed[at : at + 2] == ["write", "fsync"]]
    kept = [at for at in lasting if passed[at - 1] != "create"]  # it was there before
    assert any("is damaged" in renew(at, "in-place").wrong for at in kept[:5])
