"""Nobody who is not signed in sees a photo, a face or a place, whatever address they try."""

import hashlib
import itertools
import re
from collections.abc import Sequence
from typing import Any

from sqlmodel import select
from starlette.routing import Mount

from app.core.context import Context
from app.main import create_app
from app.photos.models import Photo, Rendition
from app.tips.models import Tip
from tests.conftest import Client
from tests.make import Make

PLACEHOLDER = re.compile(r"{(\w+)(:\w+)?}")


def addresses(client: Client, context: Context) -> set[str]:
    """The address of every route that can be got, with every id that exists put into every place."""
    with context.db.read() as session:
        ids = {
            str(value)
            for question in (select(Photo.id), select(Tip.id), select(Rendition.id))
            for value in session.exec(question)
        }
        keys = set(session.exec(select(Rendition.store_key)))
    words = {"scene", "redacted", "face", "0", *ids, *keys}
    found: set[str] = set()
    for route in _routes(client._app.routes):
        names = [name for name, _ in PLACEHOLDER.findall(route)]
        for values in itertools.product(sorted(words), repeat=min(len(names), 2)):
            filled = route
            for name, value in itertools.zip_longest(names, values, fillvalue="scene"):
                filled = re.sub(rf"{{{name}(:\w+)?}}", value, filled)
            found.add(filled)
    return found


def _routes(routes: Sequence[Any]) -> list[str]:
    found: list[str] = []
    for route in routes:
        if isinstance(route, Mount):
            found.append(f"{route.path}/{{anything}}")
        elif hasattr(route, "effective_route_contexts"):
            found.extend(inner.path for inner in route.effective_route_contexts() if "GET" in inner.methods)
        else:
            found.append(route.path)
    return found


class TestPublicRoutes:
    def test_no_address_answers_with_a_byte_of_a_photo(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Crawled without a session: every route, every id."""
        tip = make.tip()
        make.candidate(tip=tip)
        with context.db.read() as session:
            stored = session.exec(select(Rendition)).all()
            originals = session.exec(select(Photo)).all()
        pictures = [context.store.get(row.store_key, row.sealed_key) for row in stored]
        pictures += [context.store.get(row.store_key, row.sealed_key) for row in originals]

        crawled = addresses(client, context)
        answers = {address: client.get(address) for address in crawled}

        assert len([address for address in crawled if address.startswith("/console/photos/")]) > 9
        for address, answer in answers.items():
            assert answer.status_code < 500, address
            assert not answer.headers.get("content-type", "").startswith("image/"), address
            assert b"\xff\xd8\xff" not in answer.content, address
            assert tip.place_text not in answer.text, address
            assert all(picture not in answer.content for picture in pictures), address

    def test_the_crawler_knows_a_photo_when_it_sees_one(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """A crawl that could not fail would prove nothing."""
        tip = make.tip()
        with context.db.read() as session:
            photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()

        answer = client.get(f"/console/photos/{photo.id}/scene", as_=make.officer())

        assert b"\xff\xd8\xff" in answer.content
        assert hashlib.sha256(answer.content).hexdigest()

    def test_each_site_serves_its_own_part_only(self, context: Context) -> None:
        """The citizens' port has no console, and the console's port no tip form."""
        from app.main import Site  # noqa: PLC0415

        citizens = Client(create_app(context, Site.CITIZENS), context)
        console = Client(create_app(context, Site.CONSOLE), context)

        assert citizens.get("/console/sign-in").status_code == 404
        assert citizens.get("/").status_code == 200
        assert console.get("/").status_code == 404
        assert console.get("/console/sign-in").status_code == 200
