"""Every operation of the API's document, asked with what the document allows and with what it does not."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup

from app.core.context import Context
from app.main import create_app
from app.partners import keys
from app.tips.models import ChannelKind

EXAMPLES = 12
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


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_fault_and_no_answer_that_is_not_documented(
    app: FastAPI, partner: str, registry: str, mode: GenerationMode
) -> None:
    """No 500, no undocumented status, kind of content or shape, whatever is sent."""
    schema: Any = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    checks = CHECKS.get_by_names(list(NAMED))
    complaints: Counter[str] = Counter()
    asked = 0

    operations = schema.get_all_operations()
    for found in operations:
        operation = found.ok()
        headers = {"Authorization": f"Bearer {registry if '/records' in operation.path else partner}"}
        for case in cases(operation, mode):
            asked += 1
            response = case.call(headers=headers)
            try:
                case.validate_response(response, checks=checks)
            except FailureGroup as group:
                # All of them are shown together.
                for problem in group.exceptions:
                    said = " ".join(str(problem).split())[:200]
                    complaints[f"{case.method} {case.path}: {response.status_code} {said}"] += 1

    assert asked > 500
    assert "\n".join(complaints) == ""


def test_the_examples_are_what_the_document_says(app: FastAPI) -> None:
    """Who copies an example sends, or awaits, what is allowed."""
    document = app.openapi()
    wrong, tried = [], 0

    for path, schema, example in examples(document, ""):
        tried += 1
        complete = schema | {"components": document["components"]}
        if not jsonschema_rs.Draft202012Validator(complete, validate_formats=True).is_valid(example):
            wrong.append((path, example))

    assert tried > 50
    assert wrong == []


def examples(part: Any, path: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Each example of a document, where it stands and what it has to be."""
    if isinstance(part, list):
        for number, entry in enumerate(part):
            yield from examples(entry, f"{path}/{number}")
    if not isinstance(part, dict):
        return
    schema = part["schema"] if isinstance(part.get("schema"), dict) else part
    if isinstance(part.get("examples"), list):
        yield from ((path, schema, example) for example in part["examples"])
    if isinstance(part.get("examples"), dict) and schema is not part:
        yield from ((path, schema, named["value"]) for named in part["examples"].values())
    if "example" in part and (schema is not part or "type" in part):
        yield path, schema, part["example"]
    for name, entry in part.items():
        if name not in {"example", "examples"}:
            yield from examples(entry, f"{path}/{name}")


def cases(operation: Any, mode: GenerationMode) -> list[Any]:
    """Some requests that the document allows, or some that it does not."""
    drawn: list[Any] = []

    @given(case=operation.as_strategy(mode))
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

    # An operation that takes nothing cannot be asked wrongly.
    with contextlib.suppress(Unsatisfiable):
        draw()
    return drawn
