"""Hold what values promise: one digest for one meaning, and text from outside that is safe to show."""

import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from engine.canonical import canonical, digest
from engine.model import Change, Effect, Event, Json, Plan, fold, set_path
from engine.text import escape, moment, stamp
from tests.engine.samples import actor, change, plan

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)

# ---- canonical JSON ------------------------------------------------------------------------------------------------


@given(JSON)
def test_canonical_json_is_json_of_the_same_value(value: Json) -> None:
    """Canonical JSON reads back as the value it was made of."""
    assert json.loads(canonical(value)) == value


@given(JSON)
def test_canonical_json_is_rfc_8785(value: Json) -> None:
    """Both ways of writing canonical JSON give the bytes of the reference library."""
    assert canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(TEXT, JSON, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_order_of_members_does_not_matter(value: dict[str, Json], random: Any) -> None:
    """Two mappings with the same members have one digest, in whatever order; another member makes another one."""
    shuffled = list(value.items())
    random.shuffle(shuffled)
    assert digest(dict(shuffled)) == digest(value)
    assert digest({**value, "one more " + "".join(value): 1}) != digest(value)


@pytest.mark.parametrize("value", [1.0, {"a": [0.5]}, {"a": {"b": float("nan")}}, (2.0,)])
def test_floats_are_refused(value: Json) -> None:
    """A float is refused wherever it hides, because two machines may write it differently; whole numbers are not."""
    with pytest.raises(ValueError, match="float"):
        canonical(value)
    assert canonical({"a": [1, True, None]}) == b'{"a":[1,true,null]}'


@pytest.mark.parametrize("value", [b"x", datetime(2026, 11, 23, tzinfo=UTC), {"a": {1, 2}}, [actor("ann")], 2**53])
def test_what_is_no_plain_json_is_refused(value: Json) -> None:
    """Bytes, dates, sets, objects and numbers that not every reader holds exactly are refused, not rewritten."""
    with pytest.raises(ValueError):  # noqa: PT011
        canonical(value)


def test_lists_keep_their_order() -> None:
    """The order of a list is part of its meaning."""
    assert digest([1, 2]) != digest([2, 1])


# ---- plans ---------------------------------------------------------------------------------------------------------

FULL = change(
    before={"slot_certificate": "aa"},
    after={"served": "bb"},
    item=0,
    what="restart expc",
    impact="calls drop",
    way_back="none",
    activity="2 calls",
    duration=180,
    reversible=False,
)
PROSE: dict[str, Json] = {
    "what": "x",
    "impact": "x",
    "way_back": "x",
    "activity": "x",
    "notes": ["x"],
    "duration": 9,
    "reversible": True,
    "severity": "outage",
    "proof": "x",
    "by_hand": True,
}
BOUND: dict[str, Json] = {
    "action": "upload",
    "target": "expe",
    "effect": Effect.STAGE,
    "before": {"slot_certificate": "ab"},
    "after": {},
    "item": 1,
}
PLAN_BOUND: dict[str, Json] = {
    "change": "CHG0012345",
    "after": "0" * 64,
    "expects": "Validated",
    "renewal": "r2",
    "step": "install",
    "phase": "trust",
    "round": 1,
    "basis": {"policy": "p2"},
    "changes": [],
    "schema": 2,
}


@pytest.mark.parametrize("name", PROSE)
def test_prose_never_changes_a_digest(name: str) -> None:
    """What is written for people about a change is not what an approval binds."""
    told = msgspec.structs.replace(FULL, **{name: PROSE[name]})
    assert told != FULL
    assert told.key == FULL.key
    assert plan(told).digest == plan(FULL).digest


@pytest.mark.parametrize("name", BOUND)
def test_every_digested_member_of_a_change_changes_the_digest(name: str) -> None:
    """Another action, target, effect, precondition, end state or item is another change, and another plan."""
    other = msgspec.structs.replace(FULL, **{name: BOUND[name]})
    assert other.key != FULL.key
    assert plan(other).digest != plan(FULL).digest


@pytest.mark.parametrize("name", PLAN_BOUND)
def test_every_digested_member_of_a_plan_changes_its_digest(name: str) -> None:
    """Another renewal, step, phase, round, basis, list of changes or schema is another plan."""
    assert msgspec.structs.replace(plan(FULL), **{name: PLAN_BOUND[name]}).digest != plan(FULL).digest


def test_the_time_of_making_is_not_digested() -> None:
    """The same plan made later has the same digest."""
    assert plan(FULL, made_at="2026-11-24T00:00:00Z").digest == plan(FULL).digest


def test_every_member_is_either_prose_or_bound() -> None:
    """A member that is added to a plan or a change must be put on one of the two lists above."""
    assert {*PROSE, *BOUND} == {field.name for field in msgspec.structs.fields(Change)}
    assert {"made_at", *PLAN_BOUND} == {field.name for field in msgspec.structs.fields(Plan)}


def test_the_heaviest_effect_is_the_plans() -> None:
    """A plan that serves anywhere serves; one without changes only reads."""
    light, heavy = change(effect=Effect.READ), change(effect=Effect.SERVE)
    assert plan(light, heavy, change(effect=Effect.STAGE)).effect is Effect.SERVE
    assert plan(light).effect is Effect.READ
    assert plan().effect is Effect.READ


# ---- text from outside ---------------------------------------------------------------------------------------------

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
HOSTILE = ["\x1b[31mred\x1b[0m", "\x9b2J", "a\u202eb", "\u2066x\u2069", "\r\n", "\u2028", "\x00", "\x7f", "\ud800"]


@given(st.text(), st.integers(0, 40))
def test_nothing_hidden_survives_escaping(text: str, limit: int) -> None:
    """No control, ANSI, bidirectional, unassigned or separating character comes out, whatever goes in."""
    shown = escape(text, limit)
    assert not {unicodedata.category(character) for character in shown} & HIDDEN
    assert not limit or len(shown) <= limit
    assert escape(shown, limit) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_what_fools_a_terminal_is_escaped(text: str) -> None:
    """Each known trick is made visible as an escape."""
    assert escape(text) != text
    assert "\\x" in escape(text) or "\\u" in escape(text)


@given(st.text(st.sampled_from("ae\u0301\u0323\u20dd\u0e31กอ")))
def test_marks_do_not_pile_up(text: str) -> None:
    """No letter carries more than four marks; those that a language writes stay, and nothing gets lost."""
    shown = escape(text)
    assert not re.search(r"[\u0301\u0323\u20dd\u0e31]{5}", shown)
    assert re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), shown) == text


@pytest.mark.parametrize("text", ["plain", "việt", "ที่นี่", "Müller & Söhne", "東京", "a\\b", "x" * 500, ""])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    """Text that a person can read in any language is not touched."""
    assert escape(text) == text


def test_a_limit_cuts_with_an_ellipsis() -> None:
    """Text longer than the limit ends in an ellipsis; text of just that length does not."""
    assert escape("abcdef", 4) == "abc…"
    assert escape("abcd", 4) == "abcd"


# ---- values and their journal --------------------------------------------------------------------------------------


def _event(seq: int, values: dict[str, Json]) -> Event:
    return Event(seq=seq, at="2026-11-23T16:00:00Z", kind="k", text="t", by=actor("ann"), values=values)


def test_fold_sets_each_path_in_order() -> None:
    """The values of a renewal are what its events set, the later over the earlier."""
    events = [
        _event(1, {"": {"state": "New", "items": [{"csr": ""}, {"csr": ""}], "pins": {}}}),
        _event(2, {"items/1/csr": "ab", "pins/expc": ["x"], "state": "CSRPending"}),
        _event(3, {"state": "Signed"}),
    ]
    assert fold(events) == {"state": "Signed", "items": [{"csr": ""}, {"csr": "ab"}], "pins": {"expc": ["x"]}}


@pytest.mark.parametrize("path", ["items/7/csr", "nothing/there", "items/x"])
def test_a_path_that_leads_nowhere_is_an_error(path: str) -> None:
    """A misspelt path is never taken for a new place; a new name in a table is one."""
    values: dict[str, Json] = {"items": [{"csr": ""}]}
    with pytest.raises((LookupError, ValueError)):
        set_path(values, path, 1)
    assert values == {"items": [{"csr": ""}]}
    set_path(values, "state", "New")
    assert values["state"] == "New"


def test_the_empty_path_replaces_everything() -> None:
    """The first event sets all values, and nothing of earlier ones stays."""
    values: dict[str, Json] = {"old": 1}
    set_path(values, "", {"new": 2})
    assert values == {"new": 2}


def test_a_sealed_event_shows_any_change() -> None:
    """An event's hash covers every other member."""
    sealed = _event(1, {"state": "New"}).sealed()
    assert sealed.computed() == sealed.hash
    for name, other in {"seq": 2, "text": "u", "values": {}, "previous": "f" * 64, "by": actor("bob")}.items():
        assert msgspec.structs.replace(sealed, **{name: other}).computed() != sealed.hash


# ---- time ----------------------------------------------------------------------------------------------------------

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)


@given(MOMENTS)
def test_a_moment_survives_being_written(given_: datetime) -> None:
    """Any moment is read back to the second, in UTC, whatever zone it was in and however long ago it was."""
    text = stamp(given_)
    assert moment(text) == given_.astimezone(UTC).replace(microsecond=0)
    assert moment(text).tzinfo == UTC
    assert (len(text), text[-1]) == (20, "Z")


@given(MOMENTS, MOMENTS)
def test_stamps_sort_like_moments(one: datetime, other: datetime) -> None:
    """Stored times can be compared as text."""
    assert (stamp(one) < stamp(other)) == (one.replace(microsecond=0) < other.replace(microsecond=0))
