"""Read a box's own description of its API, ``/api/raml``: which functions there are, and how uploads are declared.

RAML 0.8 is YAML. Only its skeleton matters here (resources, methods, media types of request bodies, form fields), and
that shows in the indentation alone; so schemas, includes and whatever else a release puts in are passed over.
Source: REST API Summary Guide, chapter 1 (the address and RAML 0.8); no dump of a real box is public.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.text import escape

METHODS = frozenset({"get", "post", "put", "delete", "options", "head", "patch"})

_LINE = re.compile(
    r"""(?P<indent>\ *)(?P<quote>["']?)(?P<key>[^\s"'\#:-][^\s"']*?)(?P=quote):(?:\s+(?P<rest>.*))?""", re.X
)
_BLOCK = re.compile(r"[|>][0-9+-]*\s*(#.*)?")
_MEDIA = re.compile(r"[a-z]+/[\w.+*-]+")


@dataclass
class Resource:
    """Be one resource: `bodies` maps each method to the declared media types, each with its form fields.

    `open` says that further methods may come from a resource type, which is not read.
    """

    bodies: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    open: bool = False


@dataclass(frozen=True)
class Api:
    """Be what a description says; empty when nothing could be read from it."""

    resources: Mapping[str, Resource]

    def has(self, method: str, path: str) -> bool:
        """Tell whether a function is listed; `path` is as it is requested, ``/api/provisioning/...``."""
        resource = self.resources.get(path)
        return resource is not None and (resource.open or not resource.bodies or method.lower() in resource.bodies)

    def like(self, word: str) -> list[str]:
        """Return the functions for certificates that are named by this word, escaped."""
        return [escape(path, 80) for path in sorted(self.resources) if "/certs/" in path and word in path.lower()]

    def bodies(self, method: str, path: str) -> Mapping[str, list[str]]:
        """Return the media types declared for a request's body, each with its form fields; empty when unknown."""
        resource = self.resources.get(path)
        return resource.bodies.get(method.lower(), {}) if resource else {}


def read_raml(content: bytes) -> Api:
    """Read a description, of any content: what is not understood is passed over. Never raises."""
    resources: dict[str, Resource] = {}
    for keys in _entries(content.decode("utf-8", "replace")):
        *above, key = keys
        if key.startswith("/"):
            resources.setdefault(_path(keys), Resource())
        elif above and above[-1].startswith("/"):
            _note_method(resources[_path(above)], key)
        else:
            _note_body(resources, above, key)
    return Api(resources)


def _note_method(resource: Resource, key: str) -> None:
    method = key.lower()
    if method in METHODS:
        resource.bodies.setdefault(method, {})
    elif method == "type":
        resource.open = True


def _note_body(resources: Mapping[str, Resource], above: list[str], key: str) -> None:
    """Note ``PATH > method > body > media type`` and ``... > formParameters > name``; responses are no requests."""
    start = next((at for at, name in enumerate(above) if not name.startswith("/")), 0)
    if not start or above[start].lower() not in METHODS or above[start + 1 : start + 2] != ["body"]:
        return
    types = resources[_path(above[:start])].bodies.setdefault(above[start].lower(), {})
    inner = above[start + 2 :]
    if not inner and _MEDIA.fullmatch(key.lower()):
        types.setdefault(key.lower(), [])
    elif len(inner) == 2 and inner[1] == "formParameters":
        types.setdefault(inner[0].lower(), []).append(key)


def _entries(text: str) -> Iterator[list[str]]:
    """Yield each mapping key below the keys above it; what is inside a block of text is no key."""
    above: list[tuple[int, str]] = []
    skipping = -1
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        if not line.strip() or (0 <= skipping < indent):
            continue
        skipping = -1
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        while above and above[-1][0] >= indent:
            above.pop()
        rest = (found["rest"] or "").strip()
        above.append((indent, found["key"].rstrip("?")))  # an optional method, of a resource type
        skipping = indent if _BLOCK.fullmatch(rest) else -1
        yield [key for _, key in above]


def _path(keys: list[str]) -> str:
    """Join nested resources; the description counts from the base address, with or without ``/api`` and version."""
    path = "".join(key.rstrip("/") for key in keys)
    return "/api" + re.sub(r"^(/api)?(/v[0-9]+)?(?=/|$)", "", path)
