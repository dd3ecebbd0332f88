"""Every operation of the API's document, asked with whatever the document allows."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS

from app.core.context import Context
from app.main import create_app
from app.partners import keys
from app.tips.models import ChannelKind

EXAMPLES = 6
"""Requests for each operation and kind of data."""
NAMED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@schemathesis.serializer("application/offset+octet-stream", "application/x-ndjson")
def pieces(_context: Any, value: Any) -> bytes:
    """Pieces of uploads and lines of records go as they are."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture
def app(context: Context) -> FastAPI:
    """The application, for schemathesis to call without a network."""
    return create_app(context)


@pytest.fixture
def partner(context: Context) -> str:
    """A sandbox's key: nothing that is invented here reaches anybody."""
    with context.db.write() as session:
        channel = keys.add_channel(session, "Fuzz", ChannelKind.SANDBOX)
        channel.minute_quota = channel.day_quota = 1_000_000
        return keys.make_key(session, context.keys, channel).key


@pytest.fixture
def registry(context: Context) -> str:
    """A police system's key."""
    with context.db.write() as session:
        channel = keys.add_channel(session, "Fuzzed", ChannelKind.REGISTRY, jurisdiction_code="440000")
        return keys.make_key(session, context.keys, channel).key


def test_no_fault_and_no_answer_that_is_not_documented(app: FastAPI, partner: str, registry: str) -> None:
    """No 500, no undocumented status, kind of content or shape, whatever is sent."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    checks = CHECKS.get_by_names(list(NAMED))
    complaints: Counter[str] = Counter()
    asked = 0

    operations: Any = schema.get_all_operations()
    for found in operations:
        operation: Any = found.ok()
        headers = {"Authorization": f"Bearer {registry if '/records' in operation.path else partner}"}
        for case in cases(operation):
            asked += 1
            response = case.call(headers=headers)
            try:
                case.validate_response(response, checks=checks)
            except Exception as problem:  # noqa: BLE001 - all of them are shown together
                said = " ".join(str(problem).split())[:200]
                complaints[f"{case.method} {case.path}: {response.status_code} {said}"] += 1

    assert asked > 100
    assert "\n".join(complaints) == ""


def cases(operation: Any) -> list[Any]:
    """Some requests that the document allows."""
    drawn: list[Any] = []

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def draw(case: Any) -> None:
        drawn.append(case)

    draw()
    return drawn
