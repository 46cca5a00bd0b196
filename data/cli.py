"""How a command ends: one line on stderr for a user's error, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can mend. The message says where, what, what is allowed, what to do."""

    exit_code = 2


class DataError(UserError):
    """Bad data, a failed job, a score below its threshold."""

    exit_code = 1


def run(main: Callable[[], int]) -> None:
    """Run a command's main and exit with its code; a UserError becomes one line."""
    try:
        code = main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    sys.exit(code)
