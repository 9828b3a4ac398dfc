"""Write a renewal's evidence pack and say where it is."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.render import print_json
from engine.errors import Refused
from engine.text import escape

if TYPE_CHECKING:
    from engine.store import Store


def report(store: "Store", renewal: str, out: Path | None, *, as_zip: bool, as_json: bool) -> None:
    """Write the pack. Raises Refused, after it was written, when the record does not verify."""
    from engine.report import files, gather, place
    from engine.runner.site import Clock

    found = gather(store, renewal, Clock().now())
    target = out or Path(f"certrenew-report-{renewal}{'.zip' if as_zip else ''}")
    whole = files(found)
    path = place(whole, target, as_zip=as_zip)
    if as_json:
        about = {"id": renewal, "path": str(path), "head": found.head, "whole": not found.problems}
        print_json({**about, "problems": found.problems, "files": sorted(whole)})
    elif not found.problems:
        print(f"The report of {renewal} is {escape(path)}{'' if as_zip else '/report.html'}, with {len(whole)} files.")
        print(f"Head of the journal: {found.head}")
        print(
            "Note the head in the change record: it shows later that nothing was cut off. VERIFY.md says how to check."
        )
    if found.problems:
        raise Refused(
            f"The record of {renewal} is NOT RELIABLE: {'; '.join(found.problems)}.",
            untouched=f"The report was written all the same, and says so: {escape(path)}",
            todo="Keep the home as it is and compare it with your backup.",
        )
