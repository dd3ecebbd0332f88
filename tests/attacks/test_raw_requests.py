"""Requests that no honest client makes, at a real web process."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attacks.raw_documents import documents
from tests.attacks.raw_kinds import MARKER, kinds
from tests.attacks.raw_requests import Answered, ask, target_of
from tests.attacks.serving import Serving

LARGEST = 300_000
"""Bytes of a request that is sent here; the campaign sends the others too."""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Answered], bytes, bool]:
    """What was answered, the log, and whether the process lived on."""
    folder = tmp_path_factory.mktemp("raw")
    quick = {"HOMEWARD_HEADER_SECONDS": "0.5", "HOMEWARD_BODY_SECONDS": "1"}
    with Serving(folder, settings=quick) as deployment:
        target = target_of(deployment.context, deployment.address)
        chosen = [raw for raw in (*kinds(target), *documents(target)) if len(raw[1]) < LARGEST]
        with ThreadPoolExecutor(16) as pool:
            tries = [
                pool.submit(ask, deployment.address, raw, f"127.5.{number // 200}.{number % 200 + 1}")
                for number, raw in enumerate(chosen)
            ]
            answers = [each.result() for each in tries]
        alive = deployment.pid is not None
    return answers, (Path(folder) / "serve.log").read_bytes(), alive


def test_no_request_brings_the_web_process_down(tried: tuple[list[Answered], bytes, bool]) -> None:
    """At least 100 kinds; none is answered with 500, and the process lives on without a traceback."""
    answers, log, alive = tried

    assert len(answers) > 100
    assert [each.name for each in answers if 500 in each.statuses] == []
    assert alive
    assert not re.search(rb"Traceback|unhandled", log)


def test_nothing_that_was_sent_comes_back(tried: tuple[list[Answered], bytes, bool]) -> None:
    """Neither in an answer nor in the log."""
    answers, log, _ = tried

    assert [each.name for each in answers if each.echoed] == []
    assert MARKER not in log


def test_every_connection_ends(tried: tuple[list[Answered], bytes, bool]) -> None:
    """Also where the rest of a request never comes."""
    answers, _, _ = tried

    assert [each.name for each in answers if not each.ended] == []


def test_no_request_hides_in_another(tried: tuple[list[Answered], bytes, bool]) -> None:
    """One answer to each attempt to smuggle a second request, and that one is a refusal."""
    answers, _, _ = tried
    smuggled = {each.name: each.statuses for each in answers if each.name.startswith("smuggling")}

    assert len(smuggled) >= 9
    assert set(smuggled.values()) == {(400,)}


def test_no_answer_lies_ready_for_the_next_request(tried: tuple[list[Answered], bytes, bool]) -> None:
    """A request that is answered before all of it has come gets that one answer and no second."""
    answers, _, _ = tried
    once = {
        each.name: each.statuses for each in answers if each.name.startswith(("form", "chunks", "upload"))
    }

    assert len(once) > 40
    assert {name: statuses for name, statuses in once.items() if len(statuses) != 1} == {}
