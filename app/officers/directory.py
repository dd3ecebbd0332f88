"""The force's own sign-in (OpenID Connect): the code flow with PKCE, state and nonce.

Homeward asks the issuer's own address and no other: what its metadata name elsewhere is refused, and no
redirect is followed. The directory says who somebody is; what they may do stays Homeward's.
"""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog

from app.core.clock import now
from app.core.context import Context
from app.core.errors import Invalid, NotFound, Unavailable
from app.core.settings import Settings

log = structlog.get_logger()

BACK = "/console/directory/back"
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
PATIENCE_S = 5
LEEWAY_S = 60
"""How far the issuer's clock may be from ours."""
LARGEST_ANSWER = 256 * 1024
LONGEST_NAME = 200
"""Characters of a name that is shown."""
WRONG = "Signing in through the directory did not work. Begin again, or use your password."
AWAY = "The directory does not answer as it should just now. Use your password, or try later."


@dataclass(frozen=True)
class Trip:
    """What one way to the directory and back has to bring home.

    Attributes:
        state: ties the way back to the browser that set out.
        nonce: ties the directory's word to this trip.
        verifier: proves to the directory that the same service comes back.
        link: id of the signed-in officer who wants to be linked; "" to sign in.
    """

    state: str
    nonce: str
    verifier: str
    link: str = ""


@dataclass(frozen=True)
class Identity:
    """Whom the directory named: its address, its id of them, and a name to show."""

    issuer: str
    subject: str
    shown: str = ""


def offered(settings: Settings) -> bool:
    """Whether officers may come through a directory; its answers go to the console's known address only."""
    return bool(settings.oidc_issuer and settings.oidc_client_id and settings.console_url)


def begin(context: Context, link: str = "") -> tuple[str, Trip]:
    """Set out.

    Args:
        context: the open deployment.
        link: id of the officer who wants to be linked.

    Returns:
        Where to send the browser, and what to remember meanwhile.

    Raises:
        NotFound: no directory is set.
        Unavailable: it does not answer, or not as the standard has it.
    """
    trip = Trip(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), link)
    with _client(context.settings) as client:
        metadata = _metadata(client, context.settings.oidc_issuer)
        address, _ = client.create_authorization_url(
            metadata["authorization_endpoint"],
            state=trip.state,
            nonce=trip.nonce,
            code_verifier=trip.verifier,
        )
    return str(address), trip


def finish(context: Context, trip: Trip, *, code: str, state: str, issuer: str = "") -> Identity:
    """Come back.

    Args:
        context: the open deployment.
        trip: what was remembered.
        code: what the browser brought.
        state: the same.
        issuer: who says to have answered, where the directory tells (RFC 9207).

    Returns:
        Whom the directory named.

    Raises:
        NotFound: no directory is set.
        Invalid: it is not the answer to this trip, or its word does not hold.
        Unavailable: the directory does not answer.
    """
    from authlib.common.errors import AuthlibBaseError  # noqa: PLC0415 - only who comes this way needs it
    from authlib.oidc.core import CodeIDToken  # noqa: PLC0415 - as above
    from joserfc import jwt  # noqa: PLC0415 - as above
    from joserfc.errors import JoseError  # noqa: PLC0415 - as above
    from joserfc.jwk import KeySet  # noqa: PLC0415 - as above

    settings = context.settings
    with _client(settings) as client:
        if not code or not secrets.compare_digest(state.encode(), trip.state.encode()):
            raise Invalid(WRONG)
        if issuer and issuer != settings.oidc_issuer:
            raise Invalid(WRONG)
        metadata = _metadata(client, settings.oidc_issuer)
        try:
            tokens = client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=trip.verifier)
            keys = KeySet.import_key_set(_asked(client, metadata["jwks_uri"]))
            token = jwt.decode(str(tokens["id_token"]), keys, algorithms=ALGORITHMS)
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": settings.oidc_issuer},
                    "aud": {"essential": True, "value": settings.oidc_client_id},
                },
                params={
                    "nonce": trip.nonce,
                    "client_id": settings.oidc_client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(now=int(now().timestamp()), leeway=LEEWAY_S)
        except (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError) as error:
            log.warning("directory_refused", error=type(error).__name__)
            raise Invalid(WRONG) from error
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # noqa: PLR2004 - OpenID Connect, 2
        raise Invalid(WRONG)
    return Identity(
        settings.oidc_issuer, subject, str(claims.get("preferred_username") or subject)[:LONGEST_NAME]
    )


def _client(settings: Settings) -> Any:
    """A client that speaks with the issuer alone."""
    import requests  # noqa: PLC0415 - as above
    from authlib.integrations.requests_client import OAuth2Session  # noqa: PLC0415 - as above

    if not offered(settings):
        raise NotFound

    class Straight(OAuth2Session):  # type: ignore[misc]
        """Asks no other address, follows nothing, waits little and reads no book."""

        def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
            if not _same_place(url, settings.oidc_issuer):
                raise Unavailable(AWAY)
            kept = kwargs | {"allow_redirects": False, "timeout": PATIENCE_S, "stream": True}
            try:
                answer: requests.Response = super().request(method, url, **kept)
                body = answer.raw.read(LARGEST_ANSWER + 1, decode_content=True)
            except (requests.RequestException, OSError) as error:
                raise Unavailable(AWAY) from error
            if len(body) > LARGEST_ANSWER or answer.is_redirect:
                raise Unavailable(AWAY)
            answer._content = body  # noqa: SLF001 - the library's only way to a limit
            return answer

    client = Straight(
        settings.oidc_client_id,
        _secret(settings),
        scope="openid profile",
        redirect_uri=settings.console_url + BACK,
        code_challenge_method="S256",
    )
    client.trust_env = False
    return client


def _secret(settings: Settings) -> str | None:
    path = settings.oidc_secret_file
    if path is None:
        return None
    try:
        if path.stat().st_mode & 0o077:
            log.error("directory_secret_readable_by_others")
            raise Unavailable(AWAY)
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Unavailable(AWAY) from error


def _metadata(client: Any, issuer: str) -> dict[str, str]:
    from authlib.oidc.discovery import get_well_known_url  # noqa: PLC0415 - as above

    found = _asked(client, get_well_known_url(issuer, external=True))
    places = [found.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    if found.get("issuer") != issuer or not all(_same_place(str(place), issuer) for place in places):
        raise Unavailable(AWAY)
    return {name: str(value) for name, value in found.items()}


def _asked(client: Any, address: str) -> Any:
    try:
        answer = client.get(address, withhold_token=True)
        answer.raise_for_status()
        found = answer.json()
    except (OSError, ValueError) as error:
        raise Unavailable(AWAY) from error
    if not isinstance(found, dict):
        raise Unavailable(AWAY)
    return found


def _same_place(address: str, issuer: str) -> bool:
    """Whether an address is of the issuer's scheme, host and port."""
    there, home = urlsplit(address), urlsplit(issuer)
    return (there.scheme, there.netloc) == (home.scheme, home.netloc) and home.scheme in {"https", "http"}
