"""Phones with a fixed list of CAs are named before an Expressway-E for MRA gets a certificate they won't trust."""

from collections.abc import Callable

from plugins.lab.lab import Lab
from tests.e2e.story import Story

Labs = Callable[..., Lab]
SETTING = 'phone_roots = ["ca/new-root.pem"]\n'


def told(story: Story) -> list[str]:
    """Go to Validated; return what was noted of phones."""
    story.begin()
    assert story.until("Validated").state == "Validated"
    return [text for kind, text in story.told if kind == "note" and text.startswith("phone-trust: ")]


def test_the_e_of_an_mra_estate_warns_at_validate(labs: Labs) -> None:
    """A new private CA is warned of with the phones' names and kept in the journal; the site's list settles it."""
    story = Story(labs(cucm=True), "expe-server")
    (warning,) = told(story)
    assert "series 7800 and 8800" in warning
    assert "Corp Root CA G2" in warning
    (judged,) = [event for event in story.document.journal if event.kind == "judged"]
    found = [one for one in judged.data["findings"] if one["check"] == "phone-trust"]
    assert [(one["outcome"], one["source"].split(";")[0]) for one in found] == [("warn", "Cisco 213872")]

    listed = Story(labs(cucm=True), "expe-server")
    listed.edit_site("[nodes.expe]\n", f"[nodes.expe]\n{SETTING}")
    assert told(listed) == []


def test_boxes_through_which_no_phone_comes_are_not_judged(labs: Labs) -> None:
    """Without MRA, and on the Expressway-C, nothing is said of phones."""
    assert told(Story(labs(), "expe-server")) == []
    assert told(Story(labs(cucm=True), "expc-server")) == []
