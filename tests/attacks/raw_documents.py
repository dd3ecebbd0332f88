"""JSON and XML that no honest client sends."""

import json
from collections.abc import Iterator

from tests.attacks.raw_kinds import MARKER, Raw, Target, head, post

DEEP = 100_000
"""Lists in each other."""


def documents(target: Target) -> Iterator[Raw]:
    """Each with its name."""
    good_body = {"name": "Li", "missing_since": "2024-03-01", "jurisdiction_code": "CN"}
    said = json.dumps(good_body).encode()[:-1]
    deep = b"[" * DEEP + b"]" * DEEP
    for name, body in (
        ("NaN", said + b', "revision": NaN}'),
        ("Infinity", said + b', "revision": -Infinity}'),
        ("1e999", said + b', "revision": 1e999}'),
        ("2^70", said + b', "revision": %d}' % 2**70),
        ("5,000 digits", said + b', "revision": ' + b"9" * 5_000 + b"}"),
        ("true for a number", said + b', "revision": true}'),
        ("half a surrogate", said + b', "features": "\\ud800"}'),
        ("a zero byte", said + b', "features": "a\\u0000b"}'),
        ("a zero byte as it is", said + b', "features": "a\0b"}'),
        ("deep lists", said + b', "features": ' + deep + b"}"),
        ("nothing but deep lists", deep),
        ("deep lists without an end", b'{"a":' * DEEP),
        ("names twice", said + b', "name": "Li", "name": 7}'),
        ("a secret in a wrong field", said + b', "' + MARKER + b'": "' + MARKER + b'"}'),
        ("a secret of a wrong kind", said + b', "sex": "' + MARKER + b'"}'),
        ("a day that never was", said + b', "born_on": "0000-00-00"}'),
        ("a day as a number", said + b', "born_on": 1e308}'),
        ("bad UTF-8", said + b', "features": "\xff\xfe"}'),
        ("UTF-16", json.dumps(good_body).encode("utf-16")),
        ("a mark in front", b"\xef\xbb\xbf" + said + b"}"),
        ("a list", b"[1, 2]"),
        ("null", b"null"),
        ("nothing", b""),
        ("a text", b'"' + MARKER + b'"'),
        ("cut", said),
        ("100,000 names", b"{" + b",".join(b'"k%d":1' % n for n in range(100_000)) + b"}"),
    ):
        key = b"Authorization: Bearer " + target.registry
        request = post(target, b"/api/v1/records/R-1", body, b"application/json", key)
        yield f"json: {name}", request.replace(b"POST", b"PUT", 1)
    partner = b"Authorization: Bearer " + target.partner
    for name, path in (
        ("webhook", b"/api/v1/webhooks"),
        ("upload", b"/api/v1/uploads"),
        ("batch", b"/api/v1/tips/batch"),
    ):
        yield f"json: deep lists for a {name}", post(target, path, deep, b"application/json", partner)
    yield (
        "json: a webhook to itself",
        post(
            target,
            b"/api/v1/webhooks",
            b'{"url": "http://127.0.0.1/' + MARKER + b'"}',
            b"application/json",
            partner,
        ),
    )
    yield (
        "upload: a length of 2^70",
        head(
            target,
            b"POST /api/v1/uploads HTTP/1.1",
            *(partner, b"Tus-Resumable: 1.0.0", b"Content-Length: 0", b"Upload-Length: %d" % 2**70),
            b"Upload-Metadata: package " + MARKER,
        ),
    )
    yield (
        "upload: a length of digits that are none",
        head(
            target,
            b"POST /api/v1/uploads HTTP/1.1",
            *(partner, b"Tus-Resumable: 1.0.0", b"Content-Length: 0", b"Upload-Length: \xb2\xb3"),
        ),
    )
    yield (
        "xml: laughs",
        post(
            target,
            b"/open311/v2/requests.xml",
            b'<!DOCTYPE x [<!ENTITY a "' + MARKER + b'">]><x>&a;</x>',
            b"application/xml",
        ),
    )
