"""Proving anew who one is: by digits, by a security key, or by the password where no factor is there."""

import base64
import json
from typing import Any

import segno
from fastapi import Request
from nacl.exceptions import CryptoError

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.core.context import Context
from app.core.errors import Invalid
from app.officers import passkeys, passwords, recovery, resets, second_factors, sessions, throttle, totp
from app.officers.models import FactorKind, Officer

SEALED_FOR = "authenticator app"
GROUP = 4


def by_code(request: Request, context: Context, officer: Officer, code: str) -> None:
    """Prove by what was typed.

    Raises:
        Invalid: wrong.
        TooMany: wrong too often.
    """
    token = sessions.token_of(request) or ""
    with context.db.read() as session:
        present = second_factors.of(session, officer.id)
    if present:
        second_factors.give(context, officer, code, token)
        return
    attempt = throttle.count_attempt(context, f"second {officer.id}", throttle.SECOND)
    if not passwords.fits(officer.password_hash, code):
        raise Invalid("This is not your present password.", field="code")
    with context.db.write() as session:
        throttle.forget(session, attempt)
        sessions.prove(session, token)
        audit.record(session, officer_actor(officer.id), Action.STEPPED_UP, "officer", officer.id)


def by_key(request: Request, context: Context, officer: Officer, answer: str) -> None:
    """Prove by a security key, at sign-in or anew.

    Raises:
        Invalid: the proof is none.
        TooMany: wrong too often.
    """
    attempt = throttle.count_attempt(context, f"second {officer.id}", throttle.SECOND)
    actor = officer_actor(officer.id)
    try:
        with context.db.write() as session:
            known = second_factors.keys_of(session, officer.id)
            passkeys.check(request, context, session, officer, known, answer)
            throttle.forget(session, attempt)
            sessions.prove(session, sessions.token_of(request) or "")
            audit.record(session, actor, Action.STEPPED_UP, "officer", officer.id)
    except Invalid:
        with context.db.write() as session:
            audit.record(session, actor, Action.SECOND_FACTOR_FAILED, "officer", officer.id)
        raise


def shown(context: Context, officer: Officer) -> dict[str, Any]:
    """What pages say of an officer's factors."""
    with context.db.read() as session:
        present = second_factors.of(session, officer.id)
        return {
            "factors": present,
            "has_key": any(factor.kind == FactorKind.WEBAUTHN for factor in present),
            "codes_left": recovery.left(session, officer.id),
            "taken_away": not present and second_factors.taken_away(session, officer.id),
            "needed": context.settings.second_factor,
            "reset": resets.waiting_for(session, officer),
        }


def secret_for(context: Context, officer: Officer, sealed: str) -> dict[str, Any]:
    """A secret for a new authenticator app: the one of a form that comes back, else a new one.

    Returns:
        The secret in groups, its QR code as SVG, and sealed for the form: nobody can put their own in.
    """
    try:
        secret = opened(context, officer, sealed)
    except Invalid:
        secret = totp.invent()
        body = json.dumps({"for": str(officer.id), "secret": secret}).encode()
        sealed = base64.urlsafe_b64encode(context.keys.box(SEALED_FOR).encrypt(body)).decode()
    drawn = segno.make(totp.address(secret, officer.username), micro=False)
    return {
        "sealed": sealed,
        "groups": " ".join(secret[at : at + GROUP] for at in range(0, len(secret), GROUP)),
        "qr": drawn.svg_inline(scale=4, border=4, omitsize=True, dark="#000", light="#fff"),
    }


def opened(context: Context, officer: Officer, sealed: str) -> str:
    """The secret that a form brought back.

    Raises:
        Invalid: it is none of this officer's.
    """
    try:
        body = json.loads(context.keys.box(SEALED_FOR).decrypt(base64.urlsafe_b64decode(sealed)))
    except (CryptoError, ValueError) as error:
        raise Invalid("This page is too old. Begin again.") from error
    if body["for"] != str(officer.id):
        raise Invalid("This page is too old. Begin again.")
    return str(body["secret"])
