"""PyTorch's CUDA caching allocator, as far as it decides how much memory a process reserves.

Requests are rounded up to 512 bytes and served from segments of two pools: small ones (up to 1 MiB)
from segments of 2 MiB, others from segments of 20 MiB, or of their own size from 10 MiB on. The
smallest free block that is large enough is taken and split; a freed block merges with its free
neighbours. (c10/cuda/CUDACachingAllocator.cpp of torch 2.13, with default settings.)

Left out: garbage collection. Short of memory, the real one first returns segments that are wholly
free, so a run may fit with less than is reserved here, never need more because of it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

MIB = 2**20
ROUNDED_TO = 512
MOST_SMALL = MIB
SMALL_SEGMENT, LARGE_SEGMENT = 2 * MIB, 20 * MIB
OWN_SEGMENT_FROM, OWN_SEGMENT_ROUNDED_TO = 10 * MIB, 2 * MIB


@dataclass(eq=False)
class Block:
    """A piece of a segment; `before` and `after` are its neighbours there."""

    start: int
    n_bytes: int
    is_small: bool
    is_free: bool = False
    before: Block | None = None
    after: Block | None = None


class CachingAllocator:
    """Blocks in use and free ones kept for reuse. `reserved`: bytes of all segments."""

    def __init__(self) -> None:
        self.reserved = 0
        self._free: dict[bool, list[tuple[int, int, Block]]] = {True: [], False: []}

    def allocate(self, n_bytes: int) -> Block:
        """A block of at least `n_bytes`, cut from a free one, or from a new segment."""
        wanted = max(ROUNDED_TO, _rounded_up(n_bytes, ROUNDED_TO))
        free = self._free[wanted <= MOST_SMALL]
        place = bisect_left(free, wanted, key=lambda entry: entry[0])
        block = free.pop(place)[2] if place < len(free) else self._new_segment(wanted)
        block.is_free = False
        spare = block.n_bytes - wanted
        if spare >= ROUNDED_TO if block.is_small else spare > MOST_SMALL:
            self._split(block, wanted)
        return block

    def free(self, block: Block) -> None:
        """Keep the block for reuse, joined with its free neighbours."""
        if (before := block.before) is not None and before.is_free:
            self._forget(before)
            block = _joined(before, block)
        if (after := block.after) is not None and after.is_free:
            self._forget(after)
            block = _joined(block, after)
        self._keep(block)

    def _new_segment(self, wanted: int) -> Block:
        if wanted <= MOST_SMALL:
            n_bytes = SMALL_SEGMENT
        elif wanted < OWN_SEGMENT_FROM:
            n_bytes = LARGE_SEGMENT
        else:
            n_bytes = _rounded_up(wanted, OWN_SEGMENT_ROUNDED_TO)
        start = self.reserved
        self.reserved += n_bytes
        return Block(start, n_bytes, wanted <= MOST_SMALL)

    def _split(self, block: Block, wanted: int) -> None:
        rest = Block(block.start + wanted, block.n_bytes - wanted, block.is_small)
        rest.before, rest.after = block, block.after
        if rest.after is not None:
            rest.after.before = rest
        block.after, block.n_bytes = rest, wanted
        self._keep(rest)

    def _keep(self, block: Block) -> None:
        block.is_free = True
        insort(self._free[block.is_small], (block.n_bytes, block.start, block), key=_order)

    def _forget(self, block: Block) -> None:
        free = self._free[block.is_small]
        del free[bisect_left(free, (block.n_bytes, block.start), key=_order)]


def _order(entry: tuple[int, int, Block]) -> tuple[int, int]:
    return entry[:2]


def _joined(first: Block, second: Block) -> Block:
    first.n_bytes += second.n_bytes
    first.after = second.after
    if first.after is not None:
        first.after.before = first
    return first


def _rounded_up(n_bytes: int, step: int) -> int:
    return -(-n_bytes // step) * step


def rounded_peak(events: Iterable[tuple[int, int]]) -> int:
    """Most bytes in use at one time, were each storage rounded up as a segment of its own."""
    return max(accumulate(_signed(n_bytes) for _, n_bytes in events))


def _signed(n_bytes: int) -> int:
    step = ROUNDED_TO if abs(n_bytes) < OWN_SEGMENT_FROM else OWN_SEGMENT_ROUNDED_TO
    rounded = _rounded_up(abs(n_bytes), step)
    return rounded if n_bytes > 0 else -rounded


def reserved_peak(events: Iterable[tuple[int, int]]) -> int:
    """Bytes reserved after all events: (number of a storage, its bytes; negative when freed)."""
    allocator = CachingAllocator()
    blocks: dict[int, Block] = {}
    for storage, n_bytes in events:
        if n_bytes > 0:
            blocks[storage] = allocator.allocate(n_bytes)
        elif n_bytes < 0:
            allocator.free(blocks.pop(storage))
    return allocator.reserved
