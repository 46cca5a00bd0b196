"""Label a text reply by rule: does it ask for something, decline, or answer?"""

from __future__ import annotations

import re

# Words that decline. Searched in the first sentences only: an answer may say "cannot" further down.
_DECLINES = re.compile(
    r"\b(?:i|we)(?:'m| am|'re| are)? (?:currently )?(?:unable|not able|not going to)\b"
    r"|\b(?:i|we)(?:'m| am|'re| are) (?:sorry|afraid),? (?:but|no|i|we|there|none)\b"
    r"|\b(?:i|we)(?:'m| am|'re| are)? not (?:allowed|permitted)\b"
    r"|\b(?:i|we) (?:can't|cannot|can not|won't|will not|refuse|must decline)\b"
    r"|\b(?:i|we) (?:do not have|don't have|have no)\b"
    r"|\b(?:i|we)(?:'ll| will) not\b|\b(?:i|we)(?:'d| would) rather not\b"
    r"|\bsorry, (?:no|but|there|i|that is)\b"
    r"|\bapologi(?:[sz]e|es)\b[^.?!]{0,60}\bbut (?!could|can|would|may|please|i need)"
    r"|\bnone of (?:my|the|these) (?:\w+ )?(?:tools|functions)\b"
    r"|\bno (?:\w+ )?(?:tool|function)\b|\bthat is (?:outside|not something)\b"
    r"|\boutside of what my tools\b|\bmy tools (?:here )?(?:don't|do not|cannot|can't)\b"
    r"|\bwould need another tool\b"
    r"|\b(?:that|this) (?:is|would be) (?:beyond|fraud|illegal|theft|a crime)\b"
    r"|\bnot something (?:i|we)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?\s*$|\?\s|\b(?:could|can|would|may|might) (?:you|i)\b[^.?!]{0,300}\?"
    r"|\b(?:please|kindly) (?:provide|tell|give|specify|share|let me know)\b"
    r"|\b(?:please|kindly) (?:clarify|confirm|supply|enter|send)\b"
    r"|\b(?:i|we)(?:'ll| will)? (?:still )?(?:need|require)\b"
    r"|\b(?:i am|i'm) missing\b|\blet me know (?:the|which|what|your)\b",
    re.IGNORECASE,
)
_OFFERS_MORE = re.compile(
    r"(?:is there anything else|anything else i|how can i help|how may i|what can i do for you)"
    r"[^?]{0,300}\?",
    re.IGNORECASE,
)
_HEAD_CHARS = 400


def label(text: str) -> str:
    """One of `clarify`, `refuse`, `answer` for a reply that holds no call."""
    said = _OFFERS_MORE.sub("", text.replace("\u2019", "'")).strip()
    declines = _DECLINES.search(said[:_HEAD_CHARS])
    asks = _ASKS.search(said)
    if declines and not (asks and asks.start() < declines.start()):
        return "refuse"
    return "clarify" if asks else "answer"
