"""Fixtures: each test has a migrated database, a key file and a photo store of its own."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
from fastapi import FastAPI

from app.core.context import Context, open_context
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction, Level
from app.main import create_app
from app.officers import sessions
from app.officers.models import Officer
from app.photos.sandbox import Examiner
from app.worker import Worker
from tests.make import Make
from tests.servers import postgres, s3

ORIGIN = "http://homeward.test"

# How fast a case is made or judged says nothing on shared cores.
hypothesis.settings.register_profile(
    "shared", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On servers, tests about SQLite's or the photo folder's own files say so and are passed over."""
    for item in items:
        if postgres.wanted() and item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip(reason="It is about SQLite's own files or words."))
        if s3.wanted() and item.get_closest_marker("folder"):
            item.add_marker(pytest.mark.skip(reason="It is about the photo folder's own files."))


@pytest.fixture(autouse=True)
def _no_earlier_journeys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identifiers never step back within a process: another test's journey ahead would last."""
    monkeypatch.setattr("uuid6._last_v7_timestamp", None)


@pytest.fixture(scope="session")
def template_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with the areas that tests use; copied for each test."""
    folder = tmp_path_factory.mktemp("template")
    context = open_context(test_settings(folder))
    with context.db.write() as session:
        for code, name, name_en, level, parent in (
            ("CN", "全国", "China", Level.NATION, None),
            ("440000", "广东省", "Guangdong", Level.PROVINCE, "CN"),
            ("440300", "深圳市", "Shenzhen", Level.CITY, "440000"),
            ("440304", "福田区", "Futian", Level.DISTRICT, "440300"),
            ("440303", "罗湖区", "Luohu", Level.DISTRICT, "440300"),
            ("442000", "中山市", "Zhongshan", Level.CITY, "440000"),
        ):
            above = session.get(Jurisdiction, parent) if parent else None
            session.add(
                Jurisdiction(
                    code=code,
                    name=name,
                    name_en=name_en,
                    level=level,
                    parent_code=parent,
                    path=f"{above.path if above else ''}{code}/",
                    authority=f"{name}公安局",
                    shape=None,
                )
            )
            session.flush()
    context.close()
    return folder


def test_settings(folder: Path) -> Settings:
    """Settings for a test: everything below one folder, cheap receipt hashing, plain HTTP."""
    return Settings(
        database_url=postgres.database_of(folder) if postgres.wanted() else "",
        **(s3.settings_for(folder) if s3.wanted() else {}),
        data_dir=folder / "data",
        key_file=folder / "keys" / "homeward.key",
        secure_cookies=False,
        second_factor=False,
        default_language="en",
        receipt_memory_kib=64,
        receipt_passes=1,
    )


test_settings.__test__ = False  # type: ignore[attr-defined]


def environment_of(settings: Settings) -> dict[str, str]:
    """What another process has to be told to find a test's deployment."""
    told = {
        "HOMEWARD_DATA_DIR": str(settings.data_dir),
        "HOMEWARD_KEY_FILE": str(settings.key_file),
        "HOMEWARD_DATABASE_URL": settings.database_url,
        "HOMEWARD_PHOTO_STORE_URL": settings.photo_store_url,
    }
    if settings.photo_store_secret_file is not None:
        told["HOMEWARD_PHOTO_STORE_SECRET_FILE"] = str(settings.photo_store_secret_file)
    return told


@pytest.fixture
def context(template_dir: Path, tmp_path: Path) -> Iterator[Context]:
    """A deployment of this test's own."""
    folder = tmp_path / "deployment"
    shutil.copytree(template_dir, folder)
    if postgres.wanted():
        postgres.copy(template_dir, folder)
    opened = open_context(test_settings(folder))
    yield opened
    opened.close()
    if postgres.wanted():
        postgres.forget(folder)


@pytest.fixture
def make(context: Context) -> Make:
    """Makes officers, tips, records and candidates with sensible defaults."""
    return Make(context)


class Client:
    """A client without a browser: keeps cookies, follows nothing unless asked."""

    def __init__(self, app: FastAPI, context: Context) -> None:
        self._app = app
        self._context = context
        self.cookies = httpx.Cookies()

    def request(self, method: str, url: str, as_: Officer | None = None, **kwargs: Any) -> httpx.Response:
        """Send one request, signed in as an officer when one is given."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url=ORIGIN, cookies=self.cookies
            ) as client:
                answer = await client.request(method, url, **kwargs)
                self.cookies = client.cookies
                return answer

        if as_ is not None:
            with self._context.db.write() as session:
                token = sessions.start(session, as_)
            self.cookies.set(sessions.cookie_name(self._context.settings), token)
        kwargs["headers"] = {"Origin": ORIGIN, **dict(kwargs.get("headers") or {})}
        return asyncio.run(send())

    def get(self, url: str, **kwargs: Any) -> httpx.Response:
        """GET."""
        return self.request("GET", url, **kwargs)

    def post(self, url: str, **kwargs: Any) -> httpx.Response:
        """POST, with the origin of the site's own pages."""
        return self.request("POST", url, **kwargs)


@pytest.fixture
def client(context: Context) -> Client:
    """A client of the whole application; nobody is signed in."""
    return Client(create_app(context), context)


@pytest.fixture(scope="session")
def examiner() -> Iterator[Examiner]:
    """The real decode server with the real encoder, warm for all tests of a process."""
    with Examiner() as running:
        yield running


@pytest.fixture
def worker(context: Context, examiner: Examiner) -> Worker:
    """A worker of this test's deployment; `run_until_idle` does all that is due."""
    return Worker(context, examiner)
