"""The client itself: signs, repeats what was lost under the same key, and turns refusals into exceptions."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from app.partners.client.answers import BatchResult, Receipt, Tip, batch_result, receipt_of, tip_of
from app.partners.client.errors import problem_of, seconds_to_wait
from app.partners.client.tips import NewTip, Photo

TRIES = 5
LONGEST_PAUSE_S = 60.0
BASE = "/api/v1/tips"


def signature(secret: str, timestamp: int, method: str, target: str, body: bytes) -> str:
    """The signature of a request, the value of its header Homeward-Signature."""
    said = f"{timestamp}.{method.upper()}.{target}.{hashlib.sha256(body).hexdigest()}"
    return "v1=" + hmac.digest(secret.encode(), said.encode(), "sha256").hex()


class Homeward:
    """A connection to the partner API.

    Args:
        base_url: address of the service, such as https://tips.example.org.
        key: the channel's key.
        signing_secret: secret of its signatures, for a key that signs.
        timeout: seconds to wait for each answer.
        pause_s: pause before the first repetition; each further one doubles it.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        signing_secret: str | None = None,
        timeout: float = 60.0,
        *,
        pause_s: float = 1.0,
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout)
        self._secret, self._pause_s = signing_secret, pause_s

    def __enter__(self) -> Self:
        """Use it as a context manager; its connections are closed in the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def send_tip(self, photos: Sequence[Photo], **fields: Any) -> Receipt:
        """Send a tip.

        Args:
            photos: one to six files or files' bytes.
            **fields: the other fields of NewTip.

        Returns:
            The receipt; the tip is durable.

        Raises:
            Problem: it was refused; QuotaUsedUp when the quota is used up.
            httpx.TransportError: the service was not reached, however often it was tried.
        """
        return self.send(NewTip(photos, **fields))

    def send(self, tip: NewTip) -> Receipt:
        """Send a tip that is kept for later: sent again, it stays one. See `send_tip`."""
        files = [("photos", ("photo", data)) for data in tip.files()]
        headers = {"Idempotency-Key": tip.idempotency_key}
        return receipt_of(self._ask("POST", BASE, data=tip.fields(), files=files, headers=headers))

    def send_batch(self, tips: Sequence[NewTip]) -> list[BatchResult]:
        """Send up to 50 tips with up to 100 photos; each is kept or refused for itself.

        Returns:
            A Receipt or a Problem for each, in order.

        Raises:
            Problem: the batch was refused as a whole.
            httpx.TransportError: the service was not reached, however often it was tried.
        """
        items, files = [], []
        for number, tip in enumerate(tips):
            names = []
            for place, data in enumerate(tip.files()):
                names.append(f"photo-{number}-{place}")
                files.append((names[-1], ("photo", data)))
            items.append(tip.fields() | {"idempotency_key": tip.idempotency_key, "photos": names})
        body = self._ask("POST", f"{BASE}/batch", data={"tips": json.dumps(items)}, files=files)
        return [batch_result(each) for each in body]

    def tips(self, **filters: str | int) -> Iterator[Tip]:
        """The channel's tips, newest first, page after page.

        Args:
            **filters: status, external_id, received_from, received_until; limit is the size of a page.

        Raises:
            Problem: a filter breaks its rule.
        """
        cursor: str | None = None
        while True:
            body = self._ask("GET", BASE, params=filters | ({"cursor": cursor} if cursor else {}))
            yield from (tip_of(each) for each in body["tips"])
            cursor = body["next_cursor"]
            if cursor is None:
                return

    def tip(self, tip_id: str) -> Tip:
        """Where one tip stands; Problem 404 for one that this channel did not send."""
        return tip_of(self._ask("GET", f"{BASE}/{tip_id}"))

    def withdraw(self, tip_id: str) -> Tip:
        """Take a tip back; Problem 409 once the police have closed it."""
        return tip_of(self._ask("POST", f"{BASE}/{tip_id}/withdraw"))

    def _ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, **said: Any) -> Any:
        request = self._http.build_request(method, url, headers=headers, **said)
        body = request.read()
        pause_s = self._pause_s
        for left in reversed(range(TRIES)):
            self._sign(request, body)
            try:
                answer = self._http.send(request)
            except httpx.TransportError:
                if not left:
                    raise
                time.sleep(min(pause_s, LONGEST_PAUSE_S))
            else:
                if answer.is_success:
                    return answer.json()
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or not left:
                    raise problem_of(answer)
                time.sleep(min(max(pause_s, seconds_to_wait(answer, 0)), LONGEST_PAUSE_S))
            pause_s *= 2
        raise AssertionError

    def _sign(self, request: httpx.Request, body: bytes) -> None:
        """Sign anew for each try: a signature is good for five minutes."""
        if self._secret is not None:
            stamp, target = int(time.time()), request.url.raw_path.decode("ascii")
            request.headers["Homeward-Timestamp"] = str(stamp)
            request.headers["Homeward-Signature"] = signature(
                self._secret, stamp, request.method, target, body
            )
