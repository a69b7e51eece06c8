"""The one kind of error that is a person's to mend."""

from difflib import get_close_matches


class UserError(Exception):
    """Something outside the code is wrong; the message is one clear line: what, where, what to do.

    The command line prints the message alone and exits with 2; no traceback.
    """


def did_you_mean(word: str, known: list[str]) -> str:
    """`" (did you mean 'threshold'?)"` where one of `known` is near `word`, else an empty string."""
    near = get_close_matches(str(word), known, n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
