"""Convert published datasets to records.

    python -m data.convert --from bfcl BFCL_v4_parallel.json --answers
    possible_answer/BFCL_v4_parallel.json --out FILE

Rows that cannot be carried over go to FILE.rejects.jsonl with a reason, and are counted. One format
is one file of data/formats.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data import cli
from data.formats import bfcl
from data.record import row_of, write_rows

FORMATS = {"bfcl": bfcl.read}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Convert published datasets to records.")
    parser.add_argument("source", type=Path, help="the file in its own format")
    parser.add_argument("--from", dest="format", choices=sorted(FORMATS), required=True)
    parser.add_argument(
        "--answers", type=Path, help="bfcl: the file of possible answers (none for irrelevance)"
    )
    parser.add_argument("--out", type=Path, required=True, help="record file to write")
    args = parser.parse_args(argv)
    converted = list(FORMATS[args.format](args.source, args.answers))
    rejects = [item for item in converted if isinstance(item, dict)]
    count = write_rows(args.out, (row_of(item) for item in converted if not isinstance(item, dict)))
    print(f"{args.out}: {count} records, {len(rejects)} rejected")
    if rejects:
        path = args.out.with_name(args.out.name + ".rejects.jsonl")
        write_rows(path, rejects)
        print(f"{path}: the rejected rows and their reasons", file=sys.stderr)
    return 0 if count else 1


if __name__ == "__main__":
    cli.run(main)
