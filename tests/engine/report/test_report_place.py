"""Hold that a pack lands whole, for its owner alone, and that nothing of anybody's is overwritten."""

import zipfile
from pathlib import Path

import pytest

from engine.errors import Refused, UsageError
from engine.report import files, place
from engine.report.pack import SUMS, sums
from tests.engine.report.samples import event, found, stored


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, bytes]:
    """Return the files of a small pack."""
    return files(found(stored(tmp_path / "home")))


def test_a_folder_is_private_and_whole(whole: dict[str, bytes], tmp_path: Path) -> None:
    """Every file is there with its content, readable by its owner alone, and nothing else is left behind."""
    pack = place(whole, tmp_path / "pack", as_zip=False)
    there = {path.relative_to(pack).as_posix(): path for path in pack.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in there.items()} == whole
    assert {path.stat().st_mode & 0o777 for path in there.values()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in [pack, *pack.iterdir()] if path.is_dir()} == {0o700}
    assert {path.name for path in tmp_path.iterdir()} == {"home", "pack"}


def test_a_zip_is_private_and_whole(whole: dict[str, bytes], tmp_path: Path) -> None:
    """The zip holds the same files."""
    pack = place(whole, tmp_path / "pack.zip", as_zip=True)
    with zipfile.ZipFile(pack) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == whole
    assert pack.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("as_zip", [False, True])
def test_an_unchanged_older_pack_is_replaced(tmp_path: Path, as_zip: bool) -> None:
    """A pack of the same renewal as it was earlier gives way to the new one, of whichever form."""
    store = stored(tmp_path / "home")
    place(files(found(store)), tmp_path / "pack", as_zip=as_zip)
    event(store, "state", "on")
    later = files(found(store))
    place(later, tmp_path / "pack", as_zip=not as_zip)
    assert (tmp_path / "pack").is_dir() == as_zip
    place(later, tmp_path / "pack", as_zip=False)
    assert (tmp_path / "pack" / "journal.json").read_bytes() == later["journal.json"]


@pytest.mark.parametrize("what", ["notes", "changed", "folder", "file", "link", "empty"])
def test_nothing_else_is_overwritten(whole: dict[str, bytes], tmp_path: Path, what: str) -> None:
    """A pack with notes in it or changed by hand, and anything else, is refused and stays as it is."""
    target = tmp_path / "pack"
    if what == "folder":
        target.mkdir()
        (target / "thesis.txt").write_text("mine")
    elif what == "file":
        target.write_text("mine")
    elif what == "empty":
        target.mkdir()
    else:
        place(whole, target, as_zip=False)
    if what == "notes":
        (target / "notes.txt").write_text("mine")
    elif what == "changed":
        (target / "report.html").write_text("mine")
    elif what == "link":
        target.rename(tmp_path / "elsewhere")
        target.symlink_to(tmp_path / "elsewhere")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(Refused, match="is there already"):
        place(whole, target, as_zip=False)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_report_of_another_renewal_is_not_overwritten(whole: dict[str, bytes], tmp_path: Path) -> None:
    """A pack of another renewal is refused, though nobody changed it."""
    other = {**whole, "renewal.json": whole["renewal.json"].replace(b'"r1"', b'"r2"')}
    place(other | {SUMS: sums(other)}, tmp_path / "pack", as_zip=False)
    with pytest.raises(Refused, match="no report of this renewal"):
        place(whole, tmp_path / "pack", as_zip=False)


def test_a_place_that_is_not_there_is_told(whole: dict[str, bytes], tmp_path: Path) -> None:
    """A folder that can't be written to is named, with what to do."""
    with pytest.raises(UsageError, match="can't be written"):
        place(whole, tmp_path / "no" / "pack", as_zip=False)
