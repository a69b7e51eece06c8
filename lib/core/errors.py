"""The error that the user can fix."""

from difflib import get_close_matches


class UserError(Exception):
    """Error that the user can fix; the message is one line that says what is wrong, where, and what to do.

    The command line prints the message without a traceback and exits with 2.
    """


def did_you_mean(word: str, known: list[str]) -> str:
    """`" (did you mean 'threshold'?)"` where one of `known` is close to `word`, else an empty string."""
    near = get_close_matches(str(word), known, n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
