"""The public page that checks a proof of submission; it tells nothing else about a tip."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse

from app.core.context import Context, ContextDep
from app.core.errors import Refusal
from app.core.render import page
from app.core.web.forms import refused_form
from app.tips import proof
from app.tips.parts import read_file

router = APIRouter()

Typed = Annotated[str, Form()]


async def proof_file(request: Request) -> bytes:
    """Read the form with a proof's file; a dependency, since only reading the body has to wait."""
    return (await read_file(request, "proof"))[1]


@router.get("/proof")
def ask(request: Request, context: ContextDep) -> HTMLResponse:
    """Ask for a proof."""
    return page(request, "citizen/proof.html", errors={}, **_form(context))


@router.post("/proof")
def check_text(
    request: Request,
    context: ContextDep,
    text: Annotated[str, Form(alias="proof")] = "",
    sha256: Typed = "",
) -> HTMLResponse:
    """Check a proof that was pasted, and whether a photo is among those it names."""
    return _checked(request, context, text, sha256)


@router.post("/proof/file")
def check_file(
    request: Request, context: ContextDep, data: Annotated[bytes, Depends(proof_file)]
) -> HTMLResponse:
    """Check a proof that was uploaded."""
    return _checked(request, context, data.decode("utf-8", "replace"), "")


def _checked(request: Request, context: Context, text: str, sha256: str) -> HTMLResponse:
    try:
        found = proof.read(text)
        with context.db.read() as session:
            verdict = proof.check(found, proof.public_key(context), session)
        digest = proof.digest_typed(sha256)
    except Refusal as refusal:
        kept = text if refusal.field == "sha256" else ""
        return refused_form(request, "citizen/proof.html", refusal, **_form(context) | {"text": kept})
    shown = {"text": text, "found": found, "verdict": verdict, "sha256": digest}
    return page(request, "citizen/proof.html", errors={}, **_form(context) | shown)


def _form(context: Context) -> dict[str, Any]:
    key = proof.public_key(context)
    return {"key": key, "text": "", "found": None, "verdict": None, "sha256": ""}
