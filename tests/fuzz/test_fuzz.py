"""Whatever bytes come from outside: a value or an error of ours, in bounded time and memory, and one clear line."""

import os
import random
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.text import escape
from tests.fuzz.mutate import BILLION, DEEP_JSON, EXTERNAL, QUADRATIC, hurtful, mutated
from tests.fuzz.readers import READERS, Reader, survives

SIZE = 64 * 1024
"""How large an input is that is made to hurt; what takes more than linear time shows at this size."""

SECONDS = 4.0
"""How much of the processor such an input may take; the slowest takes a tenth of that."""

XML = ("Expressway status.xml", "CUCM SOAP")
JSON = ("CUCM snapshot", "CUCM list", "ACME order", "ACME authorization", "exported plans", "sent decisions")


@pytest.mark.parametrize("name", READERS)
def test_damaged_input_is_read_or_refused(name: str) -> None:
    """Good inputs with anything put in, taken out, doubled, cut off or exchanged never raise anything else."""
    reader = READERS[name]

    @settings(max_examples=60, deadline=None)
    @given(st.randoms(use_true_random=False))
    def holds(chance: random.Random) -> None:
        survives(reader, mutated(reader.seeds, chance))

    holds()


@pytest.mark.parametrize("name", READERS)
def test_any_bytes_are_read_or_refused(name: str) -> None:
    """So do bytes and texts that nobody ever wrote."""
    reader = READERS[name]

    @settings(max_examples=40, deadline=None)
    @given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
    def holds(data: bytes) -> None:
        survives(reader, data)

    holds()


@pytest.mark.parametrize("name", READERS)
def test_good_input_is_good(name: str) -> None:
    """The negative control: each reader takes some of what it begins with, so the damage reaches beyond the door."""
    reader = READERS[name]
    refused = [error for seed in reader.seeds if (error := survives(reader, seed))]
    if name not in ("Expressway answers", "ACME problem"):  # both make refusals of whatever comes
        assert len(refused) < len(reader.seeds)


@pytest.mark.parametrize("name", READERS)
def test_what_is_made_to_hurt_takes_no_time(name: str) -> None:
    """Depth, entities, endless lists and what makes a pattern try everything take time in proportion to their size."""
    reader, slow = READERS[name], []
    for data in hurtful(min(SIZE, reader.limit)):
        before = time.thread_time()
        survives(reader, data)
        if (took := time.thread_time() - before) > SECONDS:
            slow.append((data[:60], took))
    assert slow == []


@pytest.mark.parametrize("data", [BILLION, QUADRATIC, *EXTERNAL], ids=lambda data: str(data[:30]))
@pytest.mark.parametrize("name", XML)
def test_entities_are_refused_with_a_clear_line(name: str, data: bytes) -> None:
    """A document that defines entities, or refers to another, is not read at all; nothing is fetched for it."""
    error = survives(READERS[name], data)
    assert error is not None
    assert error.exit_code == 5
    assert "Entit" in error.what
    _clear(error.what, error.untouched, error.todo)


@pytest.mark.parametrize("name", XML)
def test_nothing_is_fetched_for_a_document(name: str) -> None:
    """A document that names another as its definition is read without it: nobody is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        elsewhere = f"http://127.0.0.1:{listener.getsockname()[1]}/status.dtd"
        assert survives(READERS[name], f'<!DOCTYPE Status SYSTEM "{elsewhere}"><Status/>'.encode()) is not None
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("unit", DEEP_JSON)
@pytest.mark.parametrize("name", JSON)
def test_depth_without_end_is_refused_with_a_clear_line(name: str, unit: bytes) -> None:
    """JSON that is nested a hundred thousand deep is refused like what is no JSON at all."""
    error = survives(READERS[name], unit * 100_000)
    assert error is not None
    assert error.exit_code in (2, 5)
    _clear(error.what, error.untouched, error.todo)


def _clear(*parts: str) -> None:
    for part in parts:
        assert part
        assert part == escape(part)
        assert len(part) < 400


FINDS = [
    ("exported plans", b'"\xe1"'),
    ("decoded text", b"\n" * 500_000),
    ("site file", b"a." * 100_000),
    ("observer's answer", b"1"),
    ("observer's answer", b"[" * 100_000),
]
"""What once raised something else, or took minutes; docs/explanation/fuzzing.md tells of each."""


@pytest.mark.parametrize(("name", "data"), FINDS, ids=lambda one: str(one)[:20])
def test_what_was_found_stays_found(name: str, data: bytes) -> None:
    """Each input that once broke a reader is read or refused, in little time."""
    before = time.thread_time()
    survives(READERS[name], data)
    assert time.thread_time() - before < SECONDS


def test_the_rule_can_be_broken() -> None:
    """The control of the harness: a reader that stumbles, hides its trouble or fools a terminal is found out."""

    def stumbles(data: bytes) -> object:
        return {b"": 1}[data]

    with pytest.raises(KeyError):
        survives(Reader(stumbles, [b"x"]), b"x")


def test_fuzzing_for_longer_prints_a_row_for_each_reader(tmp_path: Path) -> None:
    """`make fuzz` counts inputs, seconds and finds of every reader, under a limit of memory; it ends with 0 without."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "1", "--size", "4096", "--keep", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if re.match(r"\| .+ \| +[\d,]+ \| +[\d.]+ \| +0 \|", line)]
    assert {row.split("|")[1].strip() for row in rows} == {*READERS, "all"}
    assert list(tmp_path.iterdir()) == []
