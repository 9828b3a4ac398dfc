"""The web pages of a box, as a person works them: without the API, with the same refusals; and a neighbour."""

from collections.abc import Callable

import pytest
from cryptography import x509

from engine.certificates import read_decoded
from engine.errors import UsageError
from plugins.lab.authority import pem
from plugins.lab.estate import NEIGHBOUR_ZONE
from plugins.lab.lab import Lab
from plugins.lab.page import ACTIONS, read_fields

pytestmark = pytest.mark.lab

FIELDS = """Additional alternative names (comma separated)
a.corp.example, b.corp.example

Key length (in bits)
2048

Country
GB
"""


def test_the_pages_work_while_the_api_is_off(make_lab: Callable[..., Lab]) -> None:
    """CSR, trust, upload and restart by the pages alone; what they show is what the box holds."""
    lab = make_lab(switches={"*": {"api_access": "off"}})
    lab.page("expc", "generate-csr", FIELDS)
    csr = lab.page("expc", "download").encode()
    names = x509.load_pem_x509_csr(csr).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["expc.corp.example", "a.corp.example", "b.corp.example"]
    lab.page("expc", "append", pem(lab.authority.new.chain).decode())
    assert lab.page("expc", "show-all").encode() == pem(lab.boxes["expc"].trusted)
    leaf = x509.load_pem_x509_certificate(lab.sign(csr))
    lab.page("expc", "upload", pem([leaf]).decode())
    told = read_decoded(lab.page("expc", "show-decoded").encode(), "page")
    assert told.description.serial == f"{leaf.serial_number:x}"
    assert lab.boxes["expc"].serves.certificate != leaf, "until the restart"
    lab.page("expc", "restart")
    lab.effects.wait("restarted", "expc")
    assert lab.boxes["expc"].serves.certificate == leaf


def test_maintenance_mode_takes_no_new_calls(make_lab: Callable[..., Lab]) -> None:
    """What is up goes on and may end, nothing is added until the mode is off; it is logged, once each time."""
    lab = make_lab()
    lab.use("expc", 2, 5)
    for _ in range(2):
        lab.page("expc", "maintenance-on")
    lab.use("expc", 1, 5)
    for calls, registrations in ((2, 5), (1, 6)):
        with pytest.raises(UsageError, match="In maintenance mode no new calls or registrations are taken"):
            lab.use("expc", calls, registrations)
    assert (lab.boxes["expc"].activity.calls, lab.boxes["expc"].activity.registrations) == (1, 5)
    lab.page("expc", "maintenance-off")
    lab.use("expc", 9, 9)
    kinds = [kind for kind in lab.effects.kinds("expc") if kind.startswith(("maintenance", "call"))]
    assert kinds == ["maintenance-on", "call-refused", "call-refused", "maintenance-off"]


def test_the_pages_say_no_in_the_boxes_words(make_lab: Callable[..., Lab]) -> None:
    """Nothing is changed by what a page refuses, and a box that restarts has no pages."""
    lab = make_lab()
    before = len(lab.effects.all())
    with pytest.raises(UsageError, match="no CSR is pending"):
        lab.page("expc", "download")
    for action, text, says in (
        ("append", "x", "format invalid"),
        ("upload", "x", "says"),
        ("upload", "", "takes a file"),
        ("dance", "", "no dance"),
    ):
        with pytest.raises(UsageError, match=says):
            lab.page("expc", action, text)
    with pytest.raises(UsageError, match="no node"):
        lab.page("nobody", "restart")
    assert {entry["kind"] for entry in lab.effects.all()[before:]} == {"trust-refused", "upload-refused"}
    lab.page("expc", "generate-csr", FIELDS)
    with pytest.raises(UsageError, match="offers Discard CSR, and no Generate CSR"):
        lab.page("expc", "generate-csr", FIELDS)
    lab.order("expc", "restart-never-ends")
    lab.page("expc", "restart")
    with pytest.raises(UsageError, match="it is restarting"):
        lab.page("expc", "show-all")


def test_the_fields_are_read_as_a_renewal_writes_them() -> None:
    """A label, its value on the next line, a blank line."""
    assert read_fields(FIELDS)["Key length (in bits)"] == "2048"
    assert read_fields("Label\n\n")["Label"] == ""
    assert len(ACTIONS) == 14


def test_a_neighbour_judges_what_the_e_presents(make_lab: Callable[..., Lab]) -> None:
    """The zone to it is a real handshake: without the E's CA in its list it fails, and comes back with it."""
    lab = make_lab(neighbour=True)
    assert lab.neighbour is not None
    assert lab.neighbour.wait("Active", 15).type == "Neighbor"
    lab.order("partner", "forget-ca", ca="old")
    lab.neighbour.wait("Failed", 15)
    assert "local issuer" in lab.boxes["partner"].zones[NEIGHBOUR_ZONE].cause
    assert "Failed" in lab.page("expe", "zones")
    lab.page("partner", "append", pem(lab.authority.old.chain).decode())
    lab.neighbour.wait("Active", 15)
    assert 'kind = "external"' in lab.site_file.read_text()
