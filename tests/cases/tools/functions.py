"""Functions whose type hints and docstrings make tools."""

from __future__ import annotations

from os.path import join  # not this file's own: no tool
from typing import Literal

print("this file was run")


def plant(flower: str, count: int = 1, where: Literal["bed", "pot"] = "bed") -> str:
    """Plant flowers in the garden.

    Args:
        flower: Which flower to plant.
        count: How many of them.
        where: Where they go.
    """
    return join(flower, str(count), where)


def water(plant_id, litres: float):
    """Water a plant.

    Args:
        plant_id: Which plant.
        litres: How much.
    """


def _secret(key: str) -> None:
    """Not a tool.

    Args:
        key: Anything.
    """
