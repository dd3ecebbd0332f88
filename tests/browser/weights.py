"""What the tip form weighs on the line: `python -m tests.browser.weights`.

Starts the application on an empty deployment, loads the form in Chromium with script off and on, and prints
the bytes of every answer as they were transferred, headers included.
"""

import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from playwright.sync_api import Browser, sync_playwright

from app.core.context import Context, open_context
from app.core.settings import Settings
from app.main import create_app
from tests.browser.conftest import ARGUMENTS, CHROMIUM

PLAIN_LIMIT = 15_000
"""Bytes of the first page without script: page, styles and icon."""
SCRIPT_LIMIT = 60_000
"""Bytes with every script that the form may load."""


@dataclass(frozen=True)
class Loaded:
    """What came over the line for one page.

    Attributes:
        parts: bytes by path, as transferred, headers included.
        strangers: addresses of other origins that were asked for anything.
        cookies: names of cookies that were set.
    """

    parts: dict[str, int]
    strangers: list[str]
    cookies: list[str]

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(self.parts.values())


def load(browser: Browser, address: str, *, script: bool, language: str = "en-GB") -> Loaded:
    """Load the form once with an empty cache.

    Args:
        browser: Chromium.
        address: the application's, without a path.
        script: whether pages may run scripts; if so all that the form may ever load is loaded.
        language: the browser's.

    Returns:
        What was transferred until the page rested.
    """
    context = browser.new_context(base_url=address, java_script_enabled=script, locale=language)
    page = context.new_page()
    session = context.new_cdp_session(page)
    paths: dict[str, str] = {}
    parts: dict[str, int] = {}
    strangers: list[str] = []

    def asked(event: dict[str, Any]) -> None:
        url = urlsplit(event["request"]["url"])
        if url.scheme != "data":  # The browser's own pictures for fields of time.
            paths[event["requestId"]] = url.path

    def answered(event: dict[str, Any]) -> None:
        if event["requestId"] in paths:
            path = paths[event["requestId"]]
            parts[path] = parts.get(path, 0) + int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", answered)
    context.on(
        "request",
        lambda sent: strangers.append(sent.url) if not sent.url.startswith((address, "blob:")) else None,
    )
    session.send("Network.enable")
    if script:
        with page.expect_response(re.compile("/tip/extras")) as extras:
            page.goto("/")
        page.wait_for_selector("form[data-ready]")
        modules = re.findall(r'data-module="\w+"\s+href="([^"]+)"', extras.value.text())
        page.evaluate("all => Promise.allSettled(all.map((each) => import(each)))", modules)
    else:
        page.goto("/")
    page.wait_for_load_state("networkidle")
    cookies = [str(cookie.get("name")) for cookie in context.cookies()]
    context.close()
    return Loaded(parts, strangers, cookies)


def table(loaded: Loaded) -> str:
    """One line a request, the heaviest first, and the sum."""
    lines = [f"{size:>8}  {path}" for path, size in sorted(loaded.parts.items(), key=lambda part: -part[1])]
    return "\n".join([*lines, f"{loaded.total:>8}  in all"])


def main() -> None:
    """Print what the form weighs."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        settings = Settings(data_dir=Path(folder) / "data", key_file=Path(folder) / "keys" / "homeward.key")
        context = open_context(settings)
        with served(context) as address:
            for script, limit in ((False, PLAIN_LIMIT), (True, SCRIPT_LIMIT)):
                for language in ("zh-CN", "en-GB"):
                    loaded = load(browser, address, script=script, language=language)
                    name = "with every script" if script else "without script"
                    sys.stdout.write(f"\n{language}, {name} (at most {limit} bytes)\n{table(loaded)}\n")
        context.close()
        browser.close()


@contextmanager
def served(context: Context) -> Iterator[str]:
    """The application on loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(context), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


if __name__ == "__main__":
    main()
