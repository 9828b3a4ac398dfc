"""Write the evidence pack of a renewal: a page for people, and everything that proves it with public tools.

Built from the store alone: no box is contacted, and no site file is needed.
"""

from engine.report.gather import Evidence, gather
from engine.report.pack import files
from engine.report.place import place

__all__ = ["Evidence", "files", "gather", "place"]
