"""Fixtures: a gallery in PostgreSQL, copied for each test."""

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.audit.service import SYSTEM
from app.candidates.vector_gallery import VectorGalleryCache
from app.core.context import Context
from app.encoders import service as encoders
from tests.app.candidates.people import DLIB, OTHER, People
from tests.app.candidates.vectors import look, nation, opened
from tests.servers import postgres


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, People]:
    """A deployment on PostgreSQL with a hundred and fifty children, all copied; copied for each test."""
    folder = tmp_path_factory.mktemp("contract")
    context = opened(folder)
    people = People(seed=5)
    with context.db.write() as session:
        session.add(nation())
        encoders.ensure_active(session, DLIB, SYSTEM)
        encoders.enrol(session, OTHER, SYSTEM)
    people.enrol(context, 150)
    look(context, VectorGalleryCache(context))
    context.close()
    return folder, people


@pytest.fixture
def deployment(enrolled: tuple[Path, People], tmp_path: Path) -> Iterator[Context]:
    """A deployment of this test's own."""
    folder = tmp_path / "contract"
    shutil.copytree(enrolled[0], folder)
    postgres.copy(enrolled[0], folder)
    context = opened(folder)
    yield context
    context.close()
    postgres.forget(folder)


@pytest.fixture
def people(enrolled: tuple[Path, People]) -> People:
    """The children in it."""
    return copy.deepcopy(enrolled[1])
