"""Name the commands, their arguments and options; each hands over to the engine and shows what comes back.

Nothing heavy is imported before a command needs it: `certrenew --help` and `list` must feel instant.
"""
