"""Fuzz one reader with coverage guidance: ``python -m tests.fuzz.guided READER FOLDER [SECONDS]``, with `atheris`.

FOLDER keeps the inputs that reached new code, and gets the input that broke something. Not part of the test run, and
`atheris` is not installed with the rest: docs/explanation/fuzzing.md says how often it ran and what came of it.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["engine", "plugins"]):
    from tests.fuzz.readers import READERS, survives

SECONDS = 600


def main(arguments: list[str]) -> None:
    """Fill the folder with good inputs, then fuzz from there. Ends after SECONDS or at a crash."""
    name, folder = arguments[0], Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(READERS[name].seeds):
        (folder / f"seed-{number}").write_bytes(data)
    seconds = arguments[2] if len(arguments) > 2 else SECONDS
    options = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=20", f"-artifact_prefix={folder}/broke-"]
    atheris.Setup([sys.argv[0], *options, str(folder)], lambda data: survives(READERS[name], data))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
