"""Find the entry points of installed distributions without `importlib.metadata`, whose import and scan take 40 ms.

Read are ``NAME-VERSION.dist-info`` folders on the path (Python Packaging: "Recording installed projects", "Entry points
specification"), which every installer writes today. A test compares with `importlib.metadata`.
"""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import NamedTuple

_LINE = re.compile(r"^([^#=\s][^=]*?)\s*=\s*([\w.]+)\s*(?::\s*([\w.]+))?\s*(?:\[.*\])?\s*$")
"""``name = module`` or ``name = module:attribute``, with extras that nobody uses any more."""

_ABOUT = re.compile(r"^(Name|Version): *(.*?) *$", re.MULTILINE)


class EntryPoint(NamedTuple):
    """Be one entry point, with the name and version of the distribution that brings it."""

    name: str
    module: str
    attribute: str
    distribution: str
    version: str

    @property
    def label(self) -> str:
        """Return what errors call it."""
        return f"{self.distribution}:{self.name}"

    def load(self) -> object:
        """Import it. Raises whatever its module raises."""
        found: object = import_module(self.module)
        for part in self.attribute.split(".") if self.attribute else ():
            found = getattr(found, part)
        return found


def entry_points(*groups: str, path: Sequence[str] | None = None) -> dict[str, list[EntryPoint]]:
    """Return the entry points of each group. Where a distribution stands twice on the path, the first one counts."""
    found: dict[str, list[EntryPoint]] = {group: [] for group in groups}
    for folder in _folders(sys.path if path is None else path):
        text = _read(f"{folder}/entry_points.txt")
        if any(f"[{group}]" in text for group in groups):
            about = dict(_ABOUT.findall(_read(f"{folder}/METADATA").partition("\n\n")[0]))
            for group, name, module, attribute in _lines(text):
                if group in found:
                    version = about.get("Version", "?")
                    found[group].append(EntryPoint(name, module, attribute, about.get("Name", "?"), version))
    return found


def plain(name: str) -> str:
    """Write a distribution's name as it is compared: `Some_Name` is `some-name`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _folders(path: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for place in path:
        for name in _names(place or "."):
            distribution = plain(name.partition("-")[0])
            if name.endswith(".dist-info") and distribution not in seen:
                seen.add(distribution)
                yield f"{place or '.'}/{name}"


def _names(place: str) -> list[str]:
    try:
        return sorted(os.listdir(place))
    except OSError:  # a zip file, or a place that is not there
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:  # most distributions have no entry points
        return ""


def _lines(text: str) -> Iterator[tuple[str, str, str, str]]:
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif found := _LINE.match(line):
            yield group, found[1], found[2], found[3] or ""
