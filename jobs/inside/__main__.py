"""What a job runs: check everything, go on from the newest checkpoint, train, push.

    python -m jobs.inside    # what to do is JSON in TOOLCALL_SFT_JOB, from python -m jobs.launch

Exits with 0 when the result is pushed or the run is to be continued by another job, with 1 when it
failed and with 2 for a wrong request; the last line says which, in the words of jobs.log_lines.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from data.cli import DataError, UserError
from jobs.log_lines import Continued, format_continued, format_result, format_stopped

if TYPE_CHECKING:
    from jobs.inside.supervise import Attempt

STARTED = time.monotonic()
CODE = Path(__file__).resolve().parents[2]
LOWEST_PYTHON = (3, 11)


def main() -> int:
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__)
        return 0
    if sys.version_info < LOWEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:2]))
        raise DataError(f"python is {found}, 3.11 or later is needed; choose another image")

    from jobs.inside.clock import Ending
    from jobs.inside.packages import check_packages
    from jobs.inside.request import read_payload, request_of
    from jobs.inside.work_folder import enter

    ending = Ending()
    signal.signal(signal.SIGTERM, ending.on_signal)
    payload = read_payload(os.environ)
    work = enter(payload["run_id"], CODE)
    check_packages(CODE, bool(payload["spec"].get("install")), work)
    request = request_of(payload)

    # These need packages.
    from jobs.inside.checks import check_machine
    from jobs.inside.results import find_result
    from jobs.inside.supervise import open_attempt, train

    n_gpus = check_machine(request, work)
    result = find_result(request)
    if result is not None:
        print(format_result(result), flush=True)
        return 0
    attempt = open_attempt(request, STARTED, ending)
    code = train(attempt, CODE, n_gpus)
    return finish(attempt, code)


def finish(attempt: Attempt, code: int) -> int:
    """Push what there is: a result, or a checkpoint for the next job. Raises UserError."""
    request, reason = attempt.request, attempt.ending.reason
    if code == 0 and request.out.is_dir():
        push(attempt)
        return 0
    attempt.uploads.finish()
    error = attempt.training.error
    if error or not reason:
        kind = UserError if code == UserError.exit_code else DataError
        raise kind(error or f"the trainer ended with exit code {code}, and said nothing")
    if reason not in ("sigterm", "timeout"):
        raise DataError(reason)
    continued = Continued(request.run_id, attempt.uploads.pushed_step, reason)
    print(format_continued(continued), flush=True)
    return 0


def push(attempt: Attempt) -> None:
    """The finished run to the Hub; its checkpoints are removed then."""
    from jobs.inside.results import push_result, remove_branch

    request, hours = attempt.request, attempt.clock.spent_s() / 3600
    facts = {
        "run_id": request.run_id,
        "flavor": request.spec.flavor,
        "image": request.spec.image,
        "hours": round(hours, 4),
        "dollars": round(hours * request.dollars_per_hour, 4),
        "dataset": request.dataset,
        "code_sha256": request.code_sha256,
        "dataset_sha256": request.dataset_sha256,
    }
    result = push_result(request, request.out, facts)
    attempt.uploads.close()
    remove_branch(request)
    print(format_result(result), flush=True)


if __name__ == "__main__":
    try:
        exit_code = main()
    except UserError as error:
        print(format_stopped(str(error)), flush=True)
        exit_code = error.exit_code
    sys.exit(exit_code)
