"""Builds the web application: the citizens' site, the officers' console and the partner API."""

from enum import StrEnum
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from app.audit import officer as audit_pages
from app.audit import refusals
from app.bulletins import citizen as bulletin_pages
from app.bulletins import officer as bulletin_desk_pages
from app.cases import officer as case_pages
from app.cases import papers_officer as paper_pages
from app.channels import officer as channel_pages
from app.core.context import Context
from app.core.render import FRONTEND, use_words
from app.core.web import problems
from app.core.web.headers import SecurityHeaders
from app.core.web.hosts import Hosts, known_hosts
from app.core.web.limits import BodyLimit
from app.core.web.origin import require_own_origin
from app.enquiries import citizen as enquiry_pages
from app.floods import officer as flood_pages
from app.jurisdictions import api as area_api
from app.jurisdictions import citizen as area_pages
from app.maps import officer as map_pages
from app.officers import directory_officer as directory_pages
from app.officers import officer as officer_pages
from app.officers import second_factor_officer as second_factor_pages
from app.open311 import api as open311_api
from app.oversight import officer as oversight_pages
from app.partners import api as partner_api
from app.partners import batch_api, package_api, upload_api
from app.partners.counting import CountsRequests
from app.partners.documents import completed
from app.photos import officer as photo_pages
from app.photos import originals_officer as original_pages
from app.records import api as record_api
from app.records import officer as record_pages
from app.records import pfif_api
from app.records import registry_officer as registry_pages
from app.referrals import officer as referral_pages
from app.retention import citizen as retention_pages
from app.retention import officer as expiry_pages
from app.reviews import cluster_officer as cluster_pages
from app.reviews import officer as review_pages
from app.reviews import quality_officer as quality_pages
from app.reviews import queue_officer as queue_pages
from app.reviews import triage_officer as triage_pages
from app.sightings import officer as sighting_pages
from app.tips import citizen as tip_pages
from app.tips import custodian as contact_pages
from app.tips import offline_citizen as offline_pages
from app.tips import proof_citizen as proof_pages
from app.tips import receipt_citizen as receipt_pages
from app.webhooks import api as webhook_api
from app.webhooks import documents as webhook_documents
from app.words import WORDS
from app.workload import officer as workload_pages

LARGEST_BODY = 6 * 20 * 2**20 + 2**20
"""Bytes of the largest request: six photos of 20 MiB and a MiB of text and part headers."""


class Site(StrEnum):
    """Which part a web process serves; the parts may run on ports of their own."""

    ALL = "all"  # Everything on one port.
    CITIZENS = "citizens"  # The tip form and receipts.
    CONSOLE = "console"  # The officers' pages.
    API = "api"  # The partner API.


CONSOLE_ROUTERS = (
    officer_pages.router,
    second_factor_pages.router,
    directory_pages.router,
    original_pages.router,
    expiry_pages.router,
    flood_pages.router,
    queue_pages.router,
    quality_pages.router,
    review_pages.router,
    cluster_pages.router,
    triage_pages.router,
    paper_pages.router,
    case_pages.router,
    referral_pages.router,
    sighting_pages.router,
    map_pages.router,
    oversight_pages.router,
    workload_pages.router,
    record_pages.router,
    photo_pages.router,
    audit_pages.router,
    contact_pages.router,
    channel_pages.router,
    registry_pages.router,
    bulletin_desk_pages.router,
)
CITIZEN_ROUTERS = (
    tip_pages.router,
    receipt_pages.router,
    proof_pages.router,
    offline_pages.router,
    area_pages.router,
    enquiry_pages.router,
    bulletin_pages.router,
    retention_pages.router,
)
API_ROUTERS = (
    batch_api.router,  # Before the API: its address would be taken for an id.
    partner_api.router,
    package_api.router,
    upload_api.router,
    webhook_api.router,
    pfif_api.router,
    record_api.router,
    area_api.router,
)


def create_app(context: Context, site: Site = Site.ALL) -> FastAPI:
    """Build the application that a web process serves.

    Args:
        context: the open deployment.
        site: which part to serve.

    Returns:
        The application; its state carries the context.
    """
    app = FastAPI(
        title="Homeward partner API",
        version="1",
        description="Send tips for citizens and read what became of them. No answer tells whether a photo "
        "resembles anyone.",
        docs_url=None,
        redirect_slashes=False,  # A redirect of the framework's would repeat the Host header.
        redoc_url=None,
        webhooks=webhook_documents.router,
        openapi_url="/api/v1/openapi.json" if site in {Site.ALL, Site.API} else None,
    )
    app.state.context = context
    app.state.note_refusal = partial(refusals.note, context)
    use_words(WORDS)
    problems.install(app)
    if site in {Site.ALL, Site.CITIZENS}:
        for router in CITIZEN_ROUTERS:
            app.include_router(router, include_in_schema=False)
    if site in {Site.ALL, Site.CONSOLE}:
        for router in CONSOLE_ROUTERS:
            app.include_router(
                router,
                prefix="/console",
                include_in_schema=False,
                dependencies=[Depends(require_own_origin)],
            )
    if site in {Site.ALL, Site.API}:
        for router in API_ROUTERS:
            app.include_router(router, prefix="/api/v1")
        app.include_router(open311_api.router, prefix="/open311/v2")
        _complete_document(app)
    for folder in ("styles", "scripts"):
        files = GZipMiddleware(StaticFiles(directory=FRONTEND / folder))
        app.mount(f"/assets/{folder}", files, name=folder)
    if site in {Site.ALL, Site.API}:
        app.add_middleware(CountsRequests, context=context)
    app.add_middleware(BodyLimit, max_body_size=LARGEST_BODY)
    if (hosts := known_hosts(context.settings)) is not None:
        app.add_middleware(Hosts, citizens=hosts[0], console=hosts[1])
    app.add_middleware(problems.Faults)
    app.add_middleware(SecurityHeaders, https=context.settings.secure_cookies)
    return app


def _complete_document(app: FastAPI) -> None:
    generate = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = completed(generate())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
