"""Write the lab's files: whole or not at all, and readable by their owner only."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable by its owner only; folders that are missing are made so too."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
