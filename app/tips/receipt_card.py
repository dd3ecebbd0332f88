"""What of a receipt can be held in the hand: the code as a picture to scan."""

import hashlib

from markupsafe import Markup

from app.core.settings import Settings

QUIET_MODULES = 2
"""Blank border; the style gives it a white ground that is wider."""


def qr_of(settings: Settings, code: str) -> Markup:
    """A receipt code as a QR code, in SVG without any style.

    Where the deployment's address is known, scanning opens the page that asks for the code, with the code
    behind `#`: browsers keep that part to themselves, and no server or log ever sees it.

    Args:
        settings: the deployment's address.
        code: 16 digits.
    """
    import segno  # noqa: PLC0415 - only a receipt that was just made needs it

    held = f"{settings.public_url}/receipt#{code}" if settings.public_url else code
    picture = segno.make(held, micro=False, error="l")
    drawn = picture.svg_inline(
        border=QUIET_MODULES, omitsize=True, dark="#000", svgclass=None, lineclass=None
    )
    return Markup(drawn)  # noqa: S704 - drawn here, from digits and the operator's own address


def form_key(token: str) -> str:
    """The key of a form on a receipt page: the same whenever that page is shown, another on the next one."""
    return hashlib.sha256(f"form {token}".encode()).hexdigest()[:32]
