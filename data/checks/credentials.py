"""Credentials in text, by the patterns their issuers publish; a finding never shows all of one."""

from __future__ import annotations

import re
from collections.abc import Iterator

CREDENTIALS = {
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{22,}",
    "GitLab token": r"\bglpat-[\w-]{20,}",
    "OpenAI or Anthropic key": r"\bsk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{20,}",
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "Slack token": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    "Google API key": r"\bAIza[\w-]{35}",
    "Stripe key": r"\b[sr]k_live_[A-Za-z0-9]{16,}",
    "SendGrid key": r"\bSG\.[\w-]{16,}\.[\w-]{16,}",
    "npm token": r"\bnpm_[A-Za-z0-9]{36}",
    "PyPI token": r"\bpypi-AgEI[\w-]{20,}",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "JSON web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "password in a URL": r"\b[a-z][a-z0-9+]{1,20}://[^\s/:@]{1,64}:[^\s/:@]{3,64}@[\w.-]+",
}
# A text with none of a kind's marks holds none of that kind; looking for them is far cheaper.
_MARKS = {
    "AWS access key": ("AKIA", "ASIA"),
    "GitHub token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "GitLab token": ("glpat-",),
    "OpenAI or Anthropic key": ("sk-",),
    "Hugging Face token": ("hf_",),
    "Slack token": ("xox",),
    "Google API key": ("AIza",),
    "Stripe key": ("k_live_",),
    "SendGrid key": ("SG.",),
    "npm token": ("npm_",),
    "PyPI token": ("pypi-",),
    "private key": ("-----BEGIN",),
    "JSON web token": ("eyJ",),
    "password in a URL": ("@",),
}
_KIND_OF_MARK = {mark: kind for kind, marks in _MARKS.items() for mark in marks}
# Documentation marks its placeholders so.
_PLACEHOLDER = re.compile(r"EXAMPLE|xxxx|XXXX|\.\.\.|your[-_]|<|0000000|1234567890")


def may_hold_credentials(text: str) -> bool:
    """False where no credential can be; cheap."""
    for mark in _KIND_OF_MARK:  # noqa: SIM110 - any() with a generator takes three times as long
        if mark in text:
            return True
    return False


def credentials_in(text: str) -> Iterator[str]:
    """A description of each credential in a text."""
    kinds = dict.fromkeys(kind for mark, kind in _KIND_OF_MARK.items() if mark in text)
    for kind in kinds:
        for match in re.finditer(CREDENTIALS[kind], text):
            if not _PLACEHOLDER.search(match[0]):
                yield f"{kind} ({match[0][:6]}...)"
                break
