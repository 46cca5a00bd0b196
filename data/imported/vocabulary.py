"""What a value may be, by a parameter's format and name: pools, and which pool fits which word."""

from __future__ import annotations

from typing import Any

POOLS: dict[str, list[Any]] = {
    "thing": [
        "harbor lights", "blue folder", "spring sale", "north wing", "old archive", "team alpha",
        "project kestrel", "warehouse 7", "night shift", "summer tour", "second draft",
        "green line", "main entrance", "winter menu", "pilot group", "beta users", "river report",
        "gold plan", "lab notes", "field trip", "open day", "pine street", "sample set",
        "copper mine", "lunch list", "quiet room", "storm log", "welcome pack", "garden plan",
        "ferry schedule", "choir practice", "paper trail", "solar roof", "window seat",
        "stone bridge", "maple desk", "cedar branch", "amber alert test", "violet queue",
        "delta shipment",
    ],
    "key": [
        "kestrel", "maple", "orion", "saffron", "basalt", "juniper", "falcon", "cobalt", "meadow",
        "lantern", "harbor", "quartz", "willow", "ember", "tundra", "cedar", "puffin", "marble",
        "nimbus", "otter", "papaya", "raven", "sorrel", "topaz", "velvet", "walnut", "yarrow",
        "zephyr", "acorn", "birch", "clover", "dahlia", "fennel", "ginger", "hazel", "indigo",
    ],
    "ipv4": ["192.0.2.17", "198.51.100.4", "203.0.113.99", "192.0.2.200", "198.51.100.73"],
    "ipv6": ["2001:db8::1", "2001:db8::7f", "2001:db8:0:1::20"],
    "clock": ["08:15:00Z", "12:30:00Z", "17:45:00Z", "21:05:00Z"],
    "text": [
        "the delivery arrives on Thursday", "we meet at the side entrance",
        "all rooms are booked until Friday", "the first version is ready for review",
        "thanks for the quick reply", "the old printer goes to the basement",
        "two seats are still free", "the heating is checked next week",
        "please water the plants in room 12", "numbers for March are in",
        "the bus leaves ten minutes earlier", "the workshop moves to the big hall",
        "keys are with the front desk", "nobody needs to bring food",
        "the new labels are green", "check the lock on the back door",
        "the choir sings at half past six", "we ran out of paper cups",
        "the map hangs beside the lift", "lunch is on the roof today",
    ],
}  # fmt: skip
# Texts of several words: they stand in quotes, so that their end is seen.
SENTENCES = ("text", "title", "topic", "thing")
FORMATS: dict[str, Any] = {
    "date": "date", "date-time": "utc_datetime", "time": "clock", "email": "email", "uri": "url",
    "url": "url", "ipv4": "ipv4", "ipv6": "ipv6", 
    "uuid": {"id": "********-****-4***-a***-************"},
    "hostname": "web_domain", "uri-reference": "url", "idn-email": "email", "iri": "url",
}  # fmt: skip
# Words of a parameter's name, the first that fits wins, then of its description.
BY_WORD: tuple[tuple[str, Any], ...] = (
    ("email mail recipient", "email"),
    ("url uri link website endpoint", "url"),
    ("directory folder dir", "directory"),
    ("filename", "filename"),
    ("path file source destination", "path"),
    ("timezone tz", "timezone"),
    ("datetime timestamp", "utc_datetime"),
    ("date day since until birthday", "date"),
    ("time", "time"),
    ("username login owner assignee author user", "username"),
    ("person customer contact", "person"),
    ("phone mobile", "phone"),
    ("address street", "address"),
    ("city location place town", "city"),
    ("country", "country"),
    ("currency", "currency"),
    ("language lang locale", "language"),
    ("color colour", "color"),
    ("company organization organisation", "company"),
    ("query search keyword keywords topic question term", "topic"),
    ("title subject headline summary", "title"),
    ("message text content body comment description note prompt thought observation", "text"),
    ("id code number sku reference uuid", {"id": "@@-####"}),
    ("domain host hostname", "web_domain"),
    ("name key label tag repo repository project branch channel type category namespace", "key"),
)
COUNTS = {
    "limit", "count", "page", "size", "number", "max", "min", "days", "hours", "minutes", "seconds",
    "head", "tail", "lines", "depth", "index", "offset", "duration", "steps", "width", "height",
    "quantity", "retries", "amount", "top", "total", "step", "length", "level",
}  # fmt: skip
RANGES = {"year": (1990, 2026), "port": (1024, 9999), "month": (1, 12), "hour": (0, 23)}
DEGREES = {"latitude": 89, "lat": 89, "longitude": 179, "lon": 179, "lng": 179}
