"""Every route of an application, with something in each place of its address."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from starlette.routing import Mount

from tests.conftest import ORIGIN, Client

PLACEHOLDER = re.compile(r"{(\w+)(:\w+)?}")
NOT_ASKED = frozenset({"HEAD"})


def walked(app: FastAPI) -> list[tuple[str, str]]:
    """Method and address of every route; mounted files are asked for one that is there."""
    return sorted(set(_walk(app.routes)))


def console_posts(app: FastAPI) -> list[tuple[str, str]]:
    """The console's routes that change something."""
    return [(method, path) for method, path in walked(app) if path.startswith("/console") and method != "GET"]


def _walk(routes: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            name = {"styles": "base.css", "scripts": "tip.js"}[route.name or ""]
            yield "GET", f"{route.path}/{name}"
        elif hasattr(route, "effective_route_contexts"):
            for inner in route.effective_route_contexts():
                for method in set(inner.methods) - NOT_ASKED:
                    yield method, _filled(inner.path)
        else:
            for method in set(route.methods or ()) - NOT_ASKED:
                yield method, _filled(route.path)


def _filled(path: str) -> str:
    return PLACEHOLDER.sub(lambda found: str(uuid4()) if found[1].endswith("id") else "zz", path)


def answers(
    client: Client, asked: Iterable[tuple[str, str]], headers: Mapping[str, str] | None = None
) -> dict[tuple[str, str], httpx.Response]:
    """The answers to many requests, sent one after the other with the cookies that a client holds."""

    async def send() -> dict[tuple[str, str], httpx.Response]:
        transport = httpx.ASGITransport(client._app, raise_app_exceptions=False)
        found = {}
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as sender:
            for method, path in asked:
                sender.cookies = httpx.Cookies(client.cookies)
                found[method, path] = await sender.request(
                    method, path, headers=headers or {"Origin": ORIGIN}
                )
        return found

    return asyncio.run(send())
