"""The commands of `python -m lib`, one file each.

A command has two functions: `add(subparsers)` adds its parser and returns it, and `run(arguments)` carries it out.
`lib/__main__.py` finds the files here by itself.
"""
