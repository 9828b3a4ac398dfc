"""Give TinyDB a storage that survives a crash: its own writes in place and leaves half a file."""

from pathlib import Path
from typing import Any

import msgspec
from tinydb.storages import Storage

from engine.store import files
from engine.store.documents import damaged, decode_record

_encoder = msgspec.json.Encoder()


class AtomicStorage(Storage):
    """Keep TinyDB's tables in one JSON file that is replaced in one durable step.

    Use it under the renewal's lock: it makes each write whole, not two writers agree. With `new` the file may be
    absent; without, its absence is an error, because TinyDB would write an empty table in its place.
    """

    def __init__(self, path: Path, *, new: bool = False) -> None:
        self._path, self._new = Path(path), new
        self._buffer = bytearray()
        self._written: tuple[files.Identity, dict[str, dict[str, Any]]] | None = None

    def read(self) -> dict[str, dict[str, Any]] | None:
        """Return the tables, or None when a new file is not there yet. Read-only.

        Raises Refused for a file that is gone or is no document of ours.
        """
        # TinyDB changes what it is given. So what was written is given once, and only while it is what is on disk.
        written, self._written = self._written, None
        if written and written[0] == files.identity(self._path):
            return written[1]
        try:
            content = files.read(self._path)
        except FileNotFoundError:
            if self._new:
                return None
            raise damaged(self._path, "it is gone") from None
        tables: dict[str, dict[str, Any]] = {**decode_record(content, self._path)}
        return tables

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Replace the file durably: returns when file and folder are synced. Raises UsageError when it can't."""
        _encoder.encode_into(data, self._buffer)
        self._written = files.replace(self._path, self._buffer), data
