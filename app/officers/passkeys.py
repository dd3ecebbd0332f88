"""Security keys and passkeys (WebAuthn): bound to this address, so that no other site can ask for them.

A question serves once. It travels in a sealed cookie with its time, and each proof notes when it was given:
what was asked before an officer's latest proof by a key is answered no more. Many passkeys always count zero,
so that their count alone would let the same answer in twice.
"""

import base64
import json
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response
from nacl.exceptions import CryptoError
from sqlmodel import Session, func, select

from app.core.clock import now
from app.core.context import Context
from app.core.errors import Invalid
from app.officers.models import FactorKind, Officer, SecondFactor

COOKIE = "challenge"
GOOD_FOR = timedelta(minutes=5)
CHALLENGE_BYTES = 32
WRONG = "The security key did not prove that it is you. Try again."


def site_of(request: Request, context: Context) -> tuple[str, str]:
    """The host that keys are bound to, and the origin their answers name.

    Returns:
        Host name without port, and origin.
    """
    address = context.settings.console_url or str(request.base_url).rstrip("/")
    return urlsplit(address).hostname or "", address


def ask_to_register(
    request: Request, response: Response, context: Context, officer: Officer, known: list[SecondFactor]
) -> str:
    """What a browser needs to make a new key known.

    Args:
        request: whose session it is.
        response: gets the challenge, sealed, as a cookie.
        context: the open deployment.
        officer: whose key it will be.
        known: the officer's keys, which are not registered twice.

    Returns:
        PublicKeyCredentialCreationOptions as JSON.
    """
    import webauthn  # noqa: PLC0415 - it loads what signatures need; few requests do.
    from webauthn.helpers import structs  # noqa: PLC0415

    made = webauthn.generate_registration_options(
        rp_id=site_of(request, context)[0],
        rp_name="Homeward",
        user_id=officer.id.bytes,
        user_name=officer.username,
        user_display_name=officer.name,
        exclude_credentials=_descriptors(known),
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            user_verification=structs.UserVerificationRequirement.PREFERRED
        ),
    )
    _remember(response, context, officer, made.challenge)
    return webauthn.options_to_json(made)


def registered(
    request: Request, context: Context, session: Session, officer: Officer, name: str, answer: str
) -> SecondFactor:
    """The factor of a key that a browser registered.

    Raises:
        Invalid: the answer is none to what was asked.
    """
    import webauthn  # noqa: PLC0415 - as above.
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    host, origin = site_of(request, context)
    try:
        found = webauthn.verify_registration_response(
            credential=_credential(answer),
            expected_challenge=_remembered(request, context, session, officer),
            expected_rp_id=host,
            expected_origin=origin,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise Invalid(WRONG) from error
    return SecondFactor(
        officer_id=officer.id,
        kind=FactorKind.WEBAUTHN,
        name=name,
        credential_id=found.credential_id,
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        last_used_at=now(),
    )


def ask(
    request: Request, response: Response, context: Context, officer: Officer, known: list[SecondFactor]
) -> str:
    """What a browser needs to have a known key prove itself.

    Returns:
        PublicKeyCredentialRequestOptions as JSON.
    """
    import webauthn  # noqa: PLC0415 - as above.

    made = webauthn.generate_authentication_options(
        rp_id=site_of(request, context)[0], allow_credentials=_descriptors(known)
    )
    _remember(response, context, officer, made.challenge)
    return webauthn.options_to_json(made)


def check(
    request: Request,
    context: Context,
    session: Session,
    officer: Officer,
    known: list[SecondFactor],
    answer: str,
) -> None:
    """Check a key's proof, and note its count: a copied key is found by a count that goes back.

    Raises:
        Invalid: the proof is of no key of the officer's, or of another question.
    """
    import webauthn  # noqa: PLC0415 - as above.
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    host, origin = site_of(request, context)
    try:
        credential = _credential(answer)
        raw = base64.urlsafe_b64decode(str(credential["rawId"]) + "==")
        factor = next(one for one in known if one.credential_id == raw)
        found = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=_remembered(request, context, session, officer),
            expected_rp_id=host,
            expected_origin=origin,
            credential_public_key=factor.public_key or b"",
            credential_current_sign_count=factor.sign_count,
        )
    except (WebAuthnException, StopIteration, ValueError, KeyError, TypeError) as error:
        raise Invalid(WRONG) from error
    factor.sign_count, factor.last_used_at = found.new_sign_count, now()
    session.add(factor)


def forget(response: Response, context: Context) -> None:
    """Drop the challenge: it was answered."""
    response.delete_cookie(COOKIE, path="/console", secure=context.settings.secure_cookies, httponly=True)


def _descriptors(known: list[SecondFactor]) -> list["structs.PublicKeyCredentialDescriptor"]:  # type: ignore[name-defined]  # noqa: F821
    from webauthn.helpers import structs  # noqa: PLC0415 - as above.

    return [structs.PublicKeyCredentialDescriptor(id=one.credential_id) for one in known if one.credential_id]


def _remember(response: Response, context: Context, officer: Officer, challenge: bytes) -> None:
    body = {"for": str(officer.id), "at": now().timestamp(), "challenge": challenge.hex()}
    sealed = context.keys.box(COOKIE).encrypt(json.dumps(body).encode())
    response.set_cookie(
        COOKIE,
        base64.urlsafe_b64encode(sealed).decode(),
        max_age=int(GOOD_FOR.total_seconds()),
        path="/console",
        httponly=True,
        secure=context.settings.secure_cookies,
        samesite="strict",
    )


def _remembered(request: Request, context: Context, session: Session, officer: Officer) -> bytes:
    try:
        body = json.loads(
            context.keys.box(COOKIE).decrypt(base64.urlsafe_b64decode(request.cookies.get(COOKIE, "")))
        )
    except CryptoError as error:
        raise ValueError from error
    age = now().timestamp() - body["at"]
    if body["for"] != str(officer.id) or not 0 <= age <= GOOD_FOR.total_seconds():
        raise ValueError
    proven = session.exec(
        select(func.max(SecondFactor.last_used_at)).where(
            SecondFactor.officer_id == officer.id, SecondFactor.kind == FactorKind.WEBAUTHN
        )
    ).one()
    # A proof of later than now was given before the clock was set back, and says nothing.
    if proven is not None and body["at"] <= proven.timestamp() <= now().timestamp():
        raise ValueError
    return bytes.fromhex(body["challenge"])


def _credential(answer: str) -> dict[str, object]:
    found = json.loads(answer)
    if not isinstance(found, dict):
        raise TypeError
    return found
