"""What the service refuses, as exceptions."""

from typing import Any

import httpx


class Problem(Exception):
    """The service refused a request; nothing of it was kept.

    Attributes:
        status: HTTP status.
        code: short name of the refusal, such as "invalid".
        detail: the refusal in words.
        field: the field it is about, if it is about one.
    """

    def __init__(self, status: int, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail, self.field = status, code, detail, field


class QuotaUsedUp(Problem):
    """The channel has sent as many tips as it may for now.

    Attributes:
        retry_after_s: seconds until it may send again.
    """

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(429, "too-many", detail)
        self.retry_after_s = retry_after_s


def problem_of(answer: httpx.Response) -> Problem:
    """The exception for an answer that is no success; also for one that a proxy made."""
    try:
        said: Any = answer.json()
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    detail = str(said.get("detail") or answer.reason_phrase)
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return QuotaUsedUp(detail, seconds_to_wait(answer, 60))
    field = said.get("field")
    code = str(said.get("code") or "unknown")
    return Problem(answer.status_code, code, detail, str(field) if field is not None else None)


def seconds_to_wait(answer: httpx.Response, otherwise: int) -> int:
    """What Retry-After says."""
    told = answer.headers.get("Retry-After", "")
    return int(told) if told.isascii() and told.isdigit() else otherwise
