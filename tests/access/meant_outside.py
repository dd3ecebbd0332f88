"""What each route outside of the console is meant to ask for: written by hand, held against the application.

A new route has to be entered here before anything passes.
"""

from enum import StrEnum

from app.partners.models import Scope


class Open(StrEnum):
    """What is asked of those routes that need no key."""

    ANYBODY = "anybody"  # The same for everyone; a key or an officer's session opens nothing more.
    RECEIPT = "receipt"  # And nothing without a receipt's token in the address.


OUTSIDE: dict[Scope | Open, tuple[str, ...]] = {
    Open.ANYBODY: (
        "GET /",
        "GET /tip",
        "POST /tip",
        "GET /tip/extras",
        "GET /sw.js",
        "GET /areas/{code}.json",
        "GET /bulletins",
        "GET /bulletins/feed.atom",
        "GET /bulletins/{bulletin_id}",
        "GET /checked",
        "POST /checked",
        "GET /checked/{token}",
        "GET /kept",
        "GET /proof",
        "POST /proof",
        "POST /proof/file",
        "GET /receipt",
        "POST /receipt",
        "GET /api/v1/openapi.json",
        "GET /api/v1/areas",
        "GET /api/v1/areas/{code}.geojson",
        "GET /api/v1/areas/{code}/children.geojson",
        "GET /open311/v2/discovery.{fmt}",
        "GET /open311/v2/services.{fmt}",
        "GET /open311/v2/services/{code}.{fmt}",
    ),
    Open.RECEIPT: (
        "GET /receipt/{token}",
        "POST /receipt/{token}/messages",
        "POST /receipt/{token}/photos",
        "POST /receipt/{token}/notices",
        "POST /receipt/{token}/notices/{notification_id}/end",
        "GET /receipt/{token}/paper",
        "GET /receipt/{token}/proof",
        "GET /receipt/{token}/withdraw",
        "POST /receipt/{token}/withdraw",
    ),
    Scope.TIPS_SEND: (
        "POST /api/v1/tips",
        "POST /api/v1/tips/batch",
        "POST /api/v1/tips/{tip_id}/withdraw",
        "POST /api/v1/packages",
        "GET /api/v1/packages/{package_id}",
        "DELETE /api/v1/packages/{package_id}",
        "POST /api/v1/packages/{package_id}/files",
        "PUT /api/v1/packages/{package_id}/files/{file_id}",
        "POST /api/v1/packages/{package_id}/finish",
        "OPTIONS /api/v1/uploads",
        "POST /api/v1/uploads",
        "PATCH /api/v1/uploads/{upload_id}",
        "DELETE /api/v1/uploads/{upload_id}",
        "POST /api/v1/uploads/{upload_id}",
        "POST /open311/v2/requests.{fmt}",
    ),
    Scope.TIPS_READ: (
        "GET /api/v1/tips",
        "GET /api/v1/tips/{tip_id}",
        "GET /open311/v2/requests.{fmt}",
        "GET /open311/v2/requests/{request_id}.{fmt}",
        "GET /open311/v2/tokens/{token}.{fmt}",
    ),
    Scope.WEBHOOKS: (
        "GET /api/v1/webhooks",
        "POST /api/v1/webhooks",
        "PATCH /api/v1/webhooks/{webhook_id}",
        "DELETE /api/v1/webhooks/{webhook_id}",
        "POST /api/v1/webhooks/{webhook_id}/secret",
        "POST /api/v1/webhooks/{webhook_id}/test",
        "GET /api/v1/webhooks/{webhook_id}/deliveries",
        "POST /api/v1/webhooks/{webhook_id}/replay-dead",
        "POST /api/v1/webhooks/deliveries/{delivery_id}/replay",
    ),
    Scope.RECORDS: (
        "GET /api/v1/records",
        "POST /api/v1/records/import",
        "GET /api/v1/records/{number}",
        "PUT /api/v1/records/{number}",
        "DELETE /api/v1/records/{number}",
        "POST /api/v1/records/{number}/close",
        "POST /api/v1/records/{number}/reopen",
        "POST /api/v1/records/{number}/photos",
        "DELETE /api/v1/records/{number}/photos/{sha256}",
        "GET /api/v1/pfif/records",
        "POST /api/v1/pfif/records",
    ),
}
SENDING = frozenset({Scope.TIPS_SEND, Scope.RECORDS})
"""What a paused channel may not do; it reads on."""
