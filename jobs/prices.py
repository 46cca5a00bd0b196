"""What a flavor is and costs now, asked of the service: prices are in no file of the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from data.cli import DataError, UserError
from jobs.hub_calls import explained, retried

if TYPE_CHECKING:
    from huggingface_hub import HfApi

UNITS_AN_HOUR = {"second": 3600, "minute": 60, "hour": 1}


class Offer(NamedTuple):
    """A flavor as it is offered now; `ram_gb`: of the machine, None if it is not told in GB."""

    dollars_per_hour: float
    ram_gb: float | None


def offer_of(api: HfApi, flavor: str) -> Offer:
    """Price and memory of a flavor. Raises UserError for a flavor that is not on offer."""
    with explained("prices"):
        offered = {row.name: row for row in retried(api.list_jobs_hardware)}
    if flavor not in offered:
        names = ", ".join(offered)
        raise UserError(f"flavor: found {flavor}, which is not on offer now; allowed: {names}")
    row = offered[flavor]
    units = UNITS_AN_HOUR.get(row.unit_label)
    if units is None:
        raise DataError(
            f"prices: {flavor} is billed by {row.unit_label!r}, which this version does not know; "
            "update toolcall-sft"
        )
    ram = row.ram.split()
    ram_gb = float(ram[0]) if len(ram) == 2 and ram[1] == "GB" else None
    return Offer(round(row.unit_cost_micro_usd * units / 1e6, 4), ram_gb)
