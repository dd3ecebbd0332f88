"""JSON bodies of packages; the framework would read all of one before it asks who sends it."""

from collections.abc import AsyncIterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from app.core.errors import Invalid, Refusal, TooLarge
from app.tips.parts import LARGEST_TEXT

Read = TypeVar("Read", bound=BaseModel)


async def read_json(body: AsyncIterator[bytes], model: type[Read]) -> Read:
    """Read a JSON object.

    Args:
        body: the bytes.
        model: what it has to be.

    Raises:
        TooLarge: more bytes than fields of a tip have.
        Invalid: another object, or none; only names that are known here are repeated.
        Refusal: the body breaks off.
    """
    read = bytearray()
    try:
        async for chunk in body:
            read += chunk
            if len(read) > LARGEST_TEXT:
                raise TooLarge("A text of the form is too long. Nothing was saved.")
        return model.model_validate_json(bytes(read))
    except ClientDisconnect as error:
        raise Refusal("The request could not be read. Nothing was saved.") from error
    except ValidationError as error:
        names = [str(each["loc"][0]) for each in error.errors(include_input=False) if each["loc"]]
        known = next((name for name in names if name in model.model_fields), None)
        raise Invalid(
            "A field is missing, repeated or of the wrong kind. Nothing was saved.", field=known
        ) from None
