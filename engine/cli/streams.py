"""Make both output streams able to write everything, also where the terminal's encoding has no arrows."""

import codecs
import io
import sys

PLAIN = {"→": ">", "▶": "*", "■": "#", "✔": "+", "…": "~", "─": "-"}
"""What stands for the signs that we use; one character each, so that columns stay."""


def tolerant() -> None:
    r"""Have a character that the encoding lacks written as a plainer one, or as ``\u2192``. Idempotent."""
    codecs.register_error("certrenew", _plainer)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="certrenew")


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(PLAIN.get(one) or one.encode("ascii", "backslashreplace").decode() for one in lacking), error.end
