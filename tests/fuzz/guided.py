"""Fuzz the loader with coverage guidance: ``python -m tests.fuzz.loader FOLDER [SECONDS]``, with `atheris` installed.

FOLDER keeps the inputs that reached new code, and gets the input that broke something. Not part of the test run:
docs/explanation/fuzzing.md says how often it ran and what came of it; what it found is a test in
tests/engine/certificates/test_certificate_finds.py.
"""

import sys
from dataclasses import replace
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["engine.certificates"]):
    from engine.certificates import NotACertificate, judge, read_certificates, read_csr, read_decoded
    from engine.certificates.facts import Decoded
    from tests.engine.certificates.cases import CHAIN, GOOD
    from tests.engine.certificates.test_certificate_decoded import SHAPES
    from tests.engine.certificates.test_certificate_reading import FORMS, OTHERS

SECONDS = 600


def one(data: bytes) -> None:
    """Read any bytes in every way; whatever is no certificate must be NotACertificate, the rest must be judged."""
    for read in (read_certificates, read_csr, read_decoded):
        try:
            found = read(data, "x")
        except NotACertificate as error:
            str(error)
            continue
        if isinstance(found, list):
            judge(replace(GOOD, given=[*found, *CHAIN])).plain()
            judge(replace(GOOD, csr=None, current=found[0])).plain()
        elif isinstance(found, Decoded):
            judge(replace(GOOD, current=None, decoded=found)).plain()
        else:
            judge(replace(GOOD, csr=found)).plain()


def main(arguments: list[str]) -> None:
    """Fill the folder with the forms that the tests know, then fuzz from there. Ends after SECONDS or at a crash."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    seeds = [*FORMS.values(), *(data for data, _ in OTHERS.values())]
    seeds += [text.encode() for text in SHAPES.values()]
    for number, data in enumerate(seeds):
        (folder / f"seed-{number}").write_bytes(data)
    seconds = arguments[1] if len(arguments) > 1 else SECONDS
    options = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=20", f"-artifact_prefix={folder}/broke-"]
    atheris.Setup([sys.argv[0], *options, str(folder)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
