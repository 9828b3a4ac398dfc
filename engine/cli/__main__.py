"""Run the command line as ``python -m engine.cli``, for where the script is not on the path."""

from engine.cli import main

main()
