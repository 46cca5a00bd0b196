"""Whose token it is, what it may do, and under whose name a result may be put."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data.cli import DataError
from jobs.hub_calls import BRIEF, explained, retried, retried_with

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TOKENS_PAGE = "huggingface.co/settings/tokens"


@dataclass(frozen=True)
class Account:
    """A user. `role`: read, write or fineGrained; `can_pay`: whether a way to pay is known."""

    name: str
    organizations: tuple[str, ...]
    role: str
    can_pay: bool

    def result_repo(self, repo: str) -> str:
        """OWNER/NAME of a repository for results. Raises DataError for one of somebody else."""
        owner, _, name = repo.rpartition("/")
        owner = owner or self.name
        if owner not in (self.name, *self.organizations):
            mine = ", ".join((self.name, *self.organizations))
            raise DataError(f"result.repo: {repo} is not yours to write to; owners allowed: {mine}")
        return f"{owner}/{name}"


def account_of(api: HfApi) -> Account:
    """The account of the token in use. Raises DataError, also if the token may only read."""
    account = read_account(api)
    if account.role == "read":
        raise DataError(
            f"token: {account.name}'s may only read; make one that may write at {TOKENS_PAGE}"
        )
    return account


def read_account(api: HfApi) -> Account:
    """The account of the token in use. Raises DataError for a token that does not hold."""
    with explained("token"):
        found: dict[str, Any] = retried_with(BRIEF, api.whoami)
    organizations = tuple(entry["name"] for entry in found.get("orgs", ()))
    role = found.get("auth", {}).get("accessToken", {}).get("role", "unknown")
    return Account(found["name"], organizations, role, bool(found.get("canPay")))


def check_result_repo(api: HfApi, repo: str) -> None:
    """Raise DataError if the repository is there and the token may not write to it."""
    with explained(f"result.repo {repo}"):
        if retried(api.repo_exists, repo):
            retried(api.auth_check, repo, write=True)
