"""Write records as Parquet: what `datasets.load_dataset` and the Hub's viewer read.

`tools` and `accepted` are JSON strings there. As nested columns Arrow would give every schema the
keys of all the others, filled with nulls.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.record import Example, row_of

JSON_COLUMNS = ("tools", "accepted")


def write_parquet(path: Path, examples: Sequence[Example]) -> None:
    """Write the records to one Parquet file; the same records give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    schema = pa.schema(
        [(name, pa.string()) for name in ("id", "kind", "source", "tools")]
        + [("messages", pa.list_(message)), ("accepted", pa.string())]
    )
    rows = [_flat(row_of(example)) for example in examples]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    as_text = {
        name: json.dumps(row[name], ensure_ascii=False) for name in JSON_COLUMNS if name in row
    }
    return {**row, **as_text}
