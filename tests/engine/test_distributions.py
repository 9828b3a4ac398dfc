"""Hold the quick search for entry points to what Python's own finds."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from engine.distributions import EntryPoint, entry_points, plain

ODD = """
# a comment
[certrenew]
one = first.module
 two=second:make.it
three = third [extra]
[other]
x.y = z
[certrenew.commands]
one = first.module
"""


def _install(folder: Path, name: str, version: str, text: str | None) -> None:
    info = folder / f"{name.lower().replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: in the text\n")
    if text is not None:
        (info / "entry_points.txt").write_text(text)


def _both(group: str, path: list[str]) -> tuple[set[EntryPoint], set[EntryPoint]]:
    """Return what ours and Python's find, in the same form."""
    ours = set(entry_points(group, path=path)[group])
    theirs, seen = set(), set()
    for found in metadata.distributions(path=path):
        if plain(found.name) not in seen:
            seen.add(plain(found.name))
            for one in found.entry_points.select(group=group):
                theirs.add(EntryPoint(one.name, one.module, one.attr or "", found.name, found.version))
    return ours, theirs


@pytest.mark.parametrize("group", ["certrenew", "certrenew.commands", "console_scripts", "pytest11"])
def test_it_finds_what_python_finds(group: str) -> None:
    """In this environment both find the same entry points, with the same names and versions."""
    ours, theirs = _both(group, sys.path)
    assert ours == theirs
    assert ours


def test_odd_files_are_read_alike(tmp_path: Path) -> None:
    """Comments, blanks, extras, dotted attributes and several groups are read as Python reads them."""
    _install(tmp_path, "Some-Thing", "1.5", ODD)
    _install(tmp_path, "silent", "2", None)
    for group in ("certrenew", "certrenew.commands", "absent"):
        ours, theirs = _both(group, [str(tmp_path)])
        assert ours == theirs
    assert {
        (one.name, one.module, one.attribute) for one in entry_points("certrenew", path=[str(tmp_path)])["certrenew"]
    } == {
        ("one", "first.module", ""),
        ("two", "second", "make.it"),
        ("three", "third", ""),
    }


def test_the_first_on_the_path_counts(tmp_path: Path) -> None:
    """Of a distribution that stands twice on the path the first one is taken; a place that is not there is no fault."""
    for place, module in (("a", "right"), ("b", "wrong")):
        _install(tmp_path / place, "twice", "1", f"[certrenew]\nx = {module}\n")
    path = [str(tmp_path / place) for place in ("none", "a", "b")]
    assert [one.module for one in entry_points("certrenew", path=path)["certrenew"]] == ["right"]


def test_an_entry_point_is_loaded(tmp_path: Path) -> None:
    """A module or a part of it is what an entry point loads."""
    _install(tmp_path, "pathlike", "1", "[certrenew]\nwhole = os.path\npart = os:path.join\n")
    found = {one.name: one.load() for one in entry_points("certrenew", path=[str(tmp_path)])["certrenew"]}
    import os

    assert found == {"whole": os.path, "part": os.path.join}
