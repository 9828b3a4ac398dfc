"""Say when what serves may be done: maintenance windows, freezes, and whether something still fits. Pure.

Time goes in as a parameter and comes out in UTC; zones are IANA names, resolved by `zoneinfo` (the system's rules, else
those of the package tzdata).
"""

from engine.windows.calendar import NotReadable, allowed, check_freeze, check_window, names_at
from engine.windows.gate import closed, need
from engine.windows.spans import Span

__all__ = ["NotReadable", "Span", "allowed", "check_freeze", "check_window", "closed", "names_at", "need"]
