"""Fill the slots of a catalogue phrasing: a spec in, what is said and what is meant out.

A slot spec is the name of a pool (`city`), or one of
`{integer: [low, high]}`, `{number: [low, high, decimals]}`, `{id: "INV-####"}`,
`{choice: {value: [ways to say it]}}`, `{list: SPEC, count: [low, high]}` and
`{object: {key: SPEC}, say: "{key} ..."}`. docs/catalogue.md shows each one at work.
"""

from __future__ import annotations

import datetime as dt
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
SPELLED = range(2, 13)
MONTHS = (
    "January February March April May June July August September October November December".split()
)
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

Pools = Mapping[str, Sequence[Any]]


class SlotError(ValueError):
    """A slot spec that names no pool or does not have the form of one."""


@dataclass(frozen=True)
class Slot:
    """One filled slot: `said` stands in the user's sentence, `value` in the call's arguments."""

    said: str
    value: Any


def fill(spec: Any, pools: Pools, rng: Random) -> Slot:
    """Draw one value for `spec`. Raises SlotError when the spec is not one that exists."""
    try:
        if isinstance(spec, str):
            return _from_pool(spec, pools, rng)
        if isinstance(spec, Mapping):
            for kind, draw in _KINDS.items():
                if kind in spec:
                    return draw(spec, pools, rng)
    except SlotError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise SlotError(f"slot spec {spec!r} cannot be drawn ({reason})") from None
    raise SlotError(f"slot spec {spec!r} is neither a pool name nor one of {', '.join(_KINDS)}")


def _from_pool(name: str, pools: Pools, rng: Random) -> Slot:
    if name in _DRAWN:
        return _DRAWN[name](pools, rng)
    if name not in pools:
        raise SlotError(f"no pool named {name!r}; add it to the domain's `pools`")
    item = rng.choice(pools[name])
    if isinstance(item, Mapping):
        ((said, value),) = item.items()
        return Slot(str(said), value)
    return Slot(str(item), item)


def _integer(spec: Mapping[str, Any], pools: Pools, rng: Random) -> Slot:
    low, high = spec["integer"]
    value = rng.randint(low, high)
    spelled = value in SPELLED and rng.random() < 0.25
    return Slot(NUMBER_WORDS[value] if spelled else str(value), value)


def may_be_spelled(spec: Any) -> bool:
    """Whether a value of the spec may be said as a number word."""
    if not isinstance(spec, Mapping) or "integer" not in spec:
        return False
    low, high = spec["integer"]
    return any(low <= value <= high for value in SPELLED)


def _number(spec: Mapping[str, Any], pools: Pools, rng: Random) -> Slot:
    low, high, decimals = spec["number"]
    value = round(rng.uniform(low, high), decimals)
    value = int(value) if value == int(value) else value
    return Slot(str(value), value)


def _identifier(spec: Mapping[str, Any], pools: Pools, rng: Random) -> Slot:
    value = _from_pattern(str(spec["id"]), rng)
    return Slot(value, value)


def _from_pattern(pattern: str, rng: Random) -> str:
    drawn = {"#": string.digits, "@": string.ascii_uppercase, "*": "0123456789abcdef"}
    return "".join(rng.choice(drawn[c]) if c in drawn else c for c in pattern)


def _choice(spec: Mapping[str, Any], pools: Pools, rng: Random) -> Slot:
    value, ways = rng.choice(list(spec["choice"].items()))
    return Slot(str(rng.choice(ways if isinstance(ways, list) else [ways])), value)


def _list(spec: Mapping[str, Any], pools: Pools, rng: Random) -> Slot:
    low, high = spec.get("count", [1, 3])
    if low < 1:
        raise SlotError(f"slot spec {spec!r} may draw an empty list; count from 1")
    items: list[Slot] = []
    for _ in range(rng.randint(low, high)):
        item = fill(spec["list"], pools, rng)
        if item.value not in [other.value for other in items]:
            items.append(item)
    said = [item.said for item in items]
    joined = said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1]
    return Slot(joined, [item.value for item in items])


def _object(spec: Mapping[str, Any], pools: Pools, rng: Random) -> Slot:
    parts = {key: fill(part, pools, rng) for key, part in spec["object"].items()}
    said = spec["say"].format(**{key: part.said for key, part in parts.items()})
    return Slot(said, {key: part.value for key, part in parts.items()})


def _date(pools: Pools, rng: Random) -> Slot:
    day = dt.date(2026, 1, 1) + dt.timedelta(days=rng.randrange(720))
    month = MONTHS[day.month - 1]
    said = rng.choice(
        [
            day.isoformat(),
            day.isoformat(),
            f"{month} {day.day}, {day.year}",
            f"{day.day} {month} {day.year}",
            f"{month[:3]} {day.day} {day.year}",
            f"{month} {_ordinal(day.day)}, {day.year}",
        ]
    )
    return Slot(said, day.isoformat())


def _ordinal(day: int) -> str:
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def _time(pools: Pools, rng: Random) -> Slot:
    hour, minute = rng.randrange(6, 23), rng.choice([0, 0, 0, 15, 30, 30, 45])
    half = "am" if hour < 12 else "pm"
    clock = f"{(hour - 1) % 12 + 1}{f':{minute:02d}' if minute else ''}"
    said = rng.choice([f"{hour:02d}:{minute:02d}", f"{clock} {half}", f"{clock}{half}"])
    return Slot(said, f"{hour:02d}:{minute:02d}")


def _datetime(pools: Pools, rng: Random) -> Slot:
    date, time = _date(pools, rng), _time(pools, rng)
    link = rng.choice([" at ", ", ", " "])
    return Slot(f"{date.said}{link}{time.said}", f"{date.value}T{time.value}:00")


def _utc_datetime(pools: Pools, rng: Random) -> Slot:
    local = _datetime(pools, rng)
    return Slot(f"{local.said} UTC", f"{local.value}Z")


def _duration_minutes(pools: Pools, rng: Random) -> Slot:
    said, minutes = rng.choice(
        [
            ("an hour", 60),
            ("one hour", 60),
            ("half an hour", 30),
            ("an hour and a half", 90),
            ("two hours", 120),
            ("a quarter of an hour", 15),
            *[(f"{n} minutes", n) for n in (5, 10, 15, 20, 25, 30, 40, 45, 50, 75, 90)],
        ]
    )
    return Slot(said, minutes)


def _person(pools: Pools, rng: Random) -> Slot:
    name = f"{rng.choice(pools['first_name'])} {rng.choice(pools['surname'])}"
    return Slot(name, name)


def _email(pools: Pools, rng: Random) -> Slot:
    first, last = (_ascii(rng.choice(pools[pool])) for pool in ("first_name", "surname"))
    user = rng.choice([f"{first}.{last}", f"{first[0]}{last}", f"{first}{rng.randrange(99)}"])
    address = f"{user}@{rng.choice(pools['mail_domain'])}"
    return Slot(address, address)


def _ascii(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower()) or "info"


def _username(pools: Pools, rng: Random) -> Slot:
    first, last = (_ascii(rng.choice(pools[pool])) for pool in ("first_name", "surname"))
    name = rng.choice([f"{first[0]}{last}", f"{first}_{last[:3]}", f"{last}{rng.randrange(100)}"])
    return Slot(name, name)


def _phone(pools: Pools, rng: Random) -> Slot:
    number = _from_pattern(
        rng.choice(["+1 ### ### ####", "+44 20 #### ####", "+49 30 #######"]), rng
    )
    return Slot(number, number)


def _address(pools: Pools, rng: Random) -> Slot:
    line = f"{rng.randrange(1, 240)} {rng.choice(pools['street'])}"
    return Slot(line, line)


def _path(pools: Pools, rng: Random) -> Slot:
    folders = [rng.choice(pools["folder"]) for _ in range(rng.randint(1, 2))]
    path = rng.choice(["/", "~/", "./", ""]) + "/".join([*folders, rng.choice(pools["filename"])])
    return Slot(path, path)


def _directory(pools: Pools, rng: Random) -> Slot:
    folders = [rng.choice(pools["folder"]) for _ in range(rng.randint(1, 3))]
    path = rng.choice(["/", "~/", "./"]) + "/".join(folders)
    return Slot(path, path)


def _url(pools: Pools, rng: Random) -> Slot:
    url = f"https://{rng.choice(pools['web_domain'])}/{rng.choice(pools['url_path'])}"
    return Slot(url, url)


def _amount(pools: Pools, rng: Random) -> Slot:
    value: float = rng.choice([rng.randrange(5, 100), rng.randrange(100, 5000, 5)])
    if rng.random() < 0.4:
        value = round(value + rng.choice([0.25, 0.5, 0.75, 0.99, 0.2]), 2)
    return Slot(f"{value:.2f}" if value != int(value) else str(value), value)


_KINDS = {
    "integer": _integer,
    "number": _number,
    "id": _identifier,
    "choice": _choice,
    "list": _list,
    "object": _object,
}
_DRAWN = {
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "utc_datetime": _utc_datetime,
    "duration_minutes": _duration_minutes,
    "person": _person,
    "email": _email,
    "username": _username,
    "phone": _phone,
    "address": _address,
    "path": _path,
    "directory": _directory,
    "url": _url,
    "amount": _amount,
}
