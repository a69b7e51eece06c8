"""The command line: `python -m lib COMMAND`. Each command is one file in `lib/commands`."""

import argparse
import importlib
import pkgutil
import sys
import traceback

from lib import commands
from lib.core import strategy
from lib.core.errors import UserError, of_the_disk


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        What the command returns, 0 if it returns nothing; 2 after an error, which is one line on standard error if the
        user can fix it; 130 if interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m lib", description="Notebook reports for image anomaly detection.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in pkgutil.iter_modules(commands.__path__, "lib.commands."):
        command = importlib.import_module(module.name)
        command.add(subparsers).set_defaults(run=command.run)
    parsed = parser.parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):  # a terminal that lacks a character gets its code instead
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if strategy.asked() == "multi_worker" and parsed.run.__module__ != "lib.commands.together":
            raise UserError("STRATEGY=multi_worker is for `python -m lib together` only; unset it for other commands")
        return parsed.run(parsed) or 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except Exception as error:  # Python would end with 1, by which some commands say what they have found
        line = of_the_disk(error) if isinstance(error, OSError) else None
        print(line or traceback.format_exc().rstrip(), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "stopped; what is finished stays in the cache, and the last finished report is unchanged", file=sys.stderr
        )
        return 130


if __name__ == "__main__":
    sys.exit(main())
