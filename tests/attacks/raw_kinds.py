"""Requests that no honest client makes, byte by byte."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.attacks.hostile_jpeg import good

MARKER = b"RAW-MARKER-91c4"
"""Stands where nothing may come back from: names, heads, paths, unknown fields. No answer may hold it."""
BOUNDARY = b"raw"
PAUSE = b"<<a second later>>"
"""Where a sender waits for the answer."""
FILE_NAMES = (
    *("../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "C:\\con", "nul", ".htaccess", "a.jpg/b"),
    *("a\0.jpg", "a%00.jpg", "x.php", "=cmd|' /C calc'!A0", "\u202egpj.exe", "x" * 3_000, "\ud83d\ude00.jpg"),
    *("<script>alert(1)</script>", "';drop table tips;--", "${jndi:ldap://x}", "{{7*7}}", " ", "a.jpg;b=c"),
)


@dataclass(frozen=True)
class Target:
    """Whom the requests are for.

    Attributes:
        host: for the Host header.
        registry: key of a police system.
        partner: key of a partner.
    """

    host: bytes
    registry: bytes
    partner: bytes


Raw = tuple[str, bytes]


def head(target: Target, line: bytes, *more: bytes) -> bytes:
    """A request's head."""
    return b"\r\n".join((line, b"Host: " + target.host, *more)) + b"\r\n\r\n"


def post(target: Target, path: bytes, body: bytes, kind: bytes, *more: bytes) -> bytes:
    """A request with a body whose length is right."""
    length = b"Content-Length: %d" % len(body)
    return head(target, b"POST %s HTTP/1.1" % path, b"Content-Type: " + kind, length, *more) + body


def part(name: bytes, value: bytes, after: bytes = b"") -> bytes:
    """One part of a form."""
    return b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
        BOUNDARY,
        name,
        after,
        value,
    )


PHOTO = part(b"photos", good((64, 64)), b'; filename="a.jpg"')
PLACE = part(b"place_text", b"Futian")
END = b"--%s--\r\n" % BOUNDARY
FORM = b"multipart/form-data; boundary=" + BOUNDARY


def form(target: Target, *parts: bytes, kind: bytes = FORM, end: bytes = END) -> bytes:
    """The citizens' form with these parts."""
    return post(target, b"/tip", b"".join(parts) + end, kind)


def kinds(target: Target) -> Iterator[Raw]:
    """Each with its name, but for those of `raw_documents`."""
    yield from _lengths(target)
    yield from _heads(target)
    yield from _smuggling(target)
    yield from _addresses(target)
    yield from _forms(target)


def _lengths(target: Target) -> Iterator[Raw]:
    good_form = form(target, PLACE, PHOTO)
    length = b"Content-Length: %d" % (len(good_form.split(b"\r\n\r\n", 1)[1]))
    yield "length: more than comes", good_form.replace(length, b"Content-Length: 90000")
    yield "length: less than comes", good_form.replace(length, b"Content-Length: 60")
    yield "length: below nothing", good_form.replace(length, b"Content-Length: -1")
    yield "length: 2^70", good_form.replace(length, b"Content-Length: %d" % 2**70)
    yield "length: no number", good_form.replace(length, b"Content-Length: " + MARKER)
    yield "length: with a plus", good_form.replace(length, b"Content-Length: +5")
    yield "length: two that differ", good_form.replace(length, length + b"\r\nContent-Length: 7")
    yield "length: a list that differs", good_form.replace(length, length + b", 7")
    yield "length: 5,000 digits", good_form.replace(length, b"Content-Length: " + b"9" * 5_000)
    chunked = head(target, b"POST /tip HTTP/1.1", b"Content-Type: " + FORM, b"Transfer-Encoding: chunked")
    yield "chunks: a size that is none", chunked + b"ZZ\r\n" + MARKER + b"\r\n0\r\n\r\n"
    yield "chunks: a size of -1", chunked + b"-1\r\nx\r\n0\r\n\r\n"
    yield "chunks: a size of 2^64", chunked + b"1" + b"0" * 16 + b"\r\n" + MARKER
    yield "chunks: 20 MB of extensions", chunked + b"1;" + b"a" * 20_000_000
    yield "chunks: without an end", chunked + b"5\r\nabcde\r\n"
    yield "chunks: 100,000 of one byte", chunked + b"1\r\n-\r\n" * 100_000 + b"0\r\n\r\n"
    early = chunked.replace(FORM, b"text/plain")
    yield "chunks: nonsense behind the answer", early + b"1\r\na\r\n" + PAUSE + b"ZZ\r\n" + MARKER
    yield "chunks: 100,000 trailers", chunked + b"0\r\n" + b"X: y\r\n" * 100_000 + b"\r\n"
    yield "body: of a GET", head(target, b"GET /tip HTTP/1.1", b"Content-Length: 5") + b"hello"
    yield (
        "body: expected, and never sent",
        head(
            target,
            b"POST /tip HTTP/1.1",
            b"Expect: 100-continue",
            b"Content-Type: " + FORM,
            b"Content-Length: 9",
        ),
    )
    yield (
        "body: another expectation",
        form(target, PLACE).replace(b"\r\nHost", b"\r\nExpect: " + MARKER + b"\r\nHost"),
    )


def _heads(target: Target) -> Iterator[Raw]:
    yield "head: 100,000 headers", head(target, b"GET / HTTP/1.1", *(b"X-%d: y" % n for n in range(100_000)))
    yield "head: one of a megabyte", head(target, b"GET / HTTP/1.1", b"X: " + MARKER * 70_000)
    yield "head: 60 KB of cookies", head(target, b"GET / HTTP/1.1", b"Cookie: " + b"a=b; " * 12_000)
    yield (
        "head: cookies of nonsense",
        head(target, b"GET /console HTTP/1.1", b'Cookie: homeward_session="\\377; =;;==\x80' + MARKER),
    )
    yield "head: a zero byte", head(target, b"GET / HTTP/1.1", b"X: a\0" + MARKER)
    yield "head: folded lines", head(target, b"GET / HTTP/1.1", b"X: a\r\n " + MARKER)
    yield "head: lines without CR", b"GET / HTTP/1.1\nHost: " + target.host + b"\nX: " + MARKER + b"\n\n"
    yield "head: CR alone", b"GET / HTTP/1.1\rHost: " + target.host + b"\r\r"
    yield "head: a name with a space", head(target, b"GET / HTTP/1.1", b"X y: " + MARKER)
    yield "head: no name", head(target, b"GET / HTTP/1.1", b": " + MARKER)
    yield "head: no host", b"GET / HTTP/1.1\r\n\r\n"
    yield "head: two hosts", head(target, b"GET / HTTP/1.1", b"Host: " + MARKER)
    yield "head: a host of nonsense", b"GET /tip HTTP/1.1\r\nHost: [" + MARKER + b"\r\n\r\n"
    yield "head: another host", b"GET /tip HTTP/1.1\r\nHost: " + MARKER + b".example\r\n\r\n"
    yield (
        "head: forwarded by many",
        head(
            target,
            b"GET / HTTP/1.1",
            b"X-Forwarded-For: " + b"1.1.1.1, " * 5_000,
            b"X-Forwarded-Proto: " + MARKER,
        ),
    )
    yield "head: forwarded by nobody", head(target, b"GET / HTTP/1.1", b"X-Forwarded-For: " + MARKER)
    yield (
        "head: languages of nonsense",
        head(target, b"GET / HTTP/1.1", b"Accept-Language: " + MARKER + b";q=NaN,*;q=-1," + b"a-" * 9_000),
    )
    yield (
        "head: ranges",
        head(target, b"GET /assets/styles/base.css HTTP/1.1", b"Range: bytes=" + b"0-,5-1," * 5_000),
    )
    yield (
        "head: dates of nonsense",
        head(
            target,
            b"GET /assets/styles/base.css HTTP/1.1",
            b"If-Modified-Since: " + MARKER,
            b"If-None-Match: W/",
        ),
    )
    yield "head: nothing but dice", bytes(range(256)) * 8 + b"\r\n\r\n"
    yield "head: empty lines", b"\r\n" * 30_000
    yield "head: a hello of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xa5" * 512
    yield "head: HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 64
    yield (
        "head: an upgrade",
        head(
            target,
            b"GET / HTTP/1.1",
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: A",
        ),
    )
    yield (
        "head: a websocket",
        head(
            target,
            b"GET /tip HTTP/1.1",
            *(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
    )
    yield (
        "head: a key of a megabyte less",
        head(target, b"GET /api/v1/tips HTTP/1.1", b"Authorization: Bearer " + MARKER * 2_000),
    )
    yield (
        "head: a key in bytes",
        head(target, b"GET /api/v1/tips HTTP/1.1", b"Authorization: Bearer \xff\xfe"),
    )
    yield "head: basic rights", head(target, b"GET /api/v1/tips HTTP/1.1", b"Authorization: Basic ////")


def _smuggling(target: Target) -> Iterator[Raw]:
    inner = head(target, b"GET /" + MARKER + b" HTTP/1.1")
    both = (b"Content-Type: " + FORM, b"Content-Length: 4", b"Transfer-Encoding: chunked")
    yield "smuggling: length and chunks", head(target, b"POST /tip HTTP/1.1", *both) + b"0\r\n\r\n" + inner
    yield (
        "smuggling: chunks and length",
        (
            head(target, b"POST /tip HTTP/1.1", b"Transfer-Encoding: chunked", b"Content-Length: 6")
            + b"0\r\n\r\nG"
        ),
    )
    for coding in (
        b"xchunked",
        b"chunked, identity",
        b"gzip, chunked",
        b"\x0bchunked",
        b"chunked\r\nTransfer-Encoding: x",
    ):
        yield (
            f"smuggling: coded {coding!r}",
            (head(target, b"POST /tip HTTP/1.1", b"Transfer-Encoding: " + coding) + b"0\r\n\r\n" + inner),
        )
    yield (
        "smuggling: chunks to HTTP/1.0",
        (b"POST /tip HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner),
    )
    yield (
        "smuggling: space before the colon",
        (b"POST /tip HTTP/1.1\r\nHost: x\r\nContent-Length : 44\r\n\r\n" + inner),
    )
    yield "pipelined: 200 requests", head(target, b"GET /tip?lang=en HTTP/1.1") * 200
    yield "pipelined: nonsense behind a request", head(target, b"GET /tip HTTP/1.1") + MARKER * 5


def _addresses(target: Target) -> Iterator[Raw]:
    yield "line: without a version", b"GET /\r\n\r\n"
    yield "line: HTTP/0.9", b"GET / HTTP/0.9\r\n\r\n"
    yield "line: HTTP/9.9", head(target, b"GET / HTTP/9.9")
    yield "line: CONNECT", head(target, b"CONNECT 127.0.0.1:22 HTTP/1.1")
    yield "line: TRACE", head(target, b"TRACE /tip HTTP/1.1", b"X: " + MARKER)
    yield "line: a method of nobody's", head(target, MARKER + b" /tip HTTP/1.1")
    yield "line: OPTIONS *", head(target, b"OPTIONS * HTTP/1.1")
    yield "line: a whole address", head(target, b"GET http://" + MARKER + b".example/tip HTTP/1.1")
    yield "line: 60 KB", head(target, b"GET /" + b"a" * 60_000 + b" HTTP/1.1")
    for name, path in (
        ("bytes above 127", b"/\xff\xfe\xc3\x28"),
        ("bad UTF-8", b"/%ff%fe%c3%28" + MARKER),
        ("surrogates", b"/%ed%a0%80"),
        ("zero bytes", b"/%00" + MARKER),
        ("a new line", b"/%0d%0aSet-Cookie:%20" + MARKER),
        ("percent signs", b"/" + b"%" * 5_000),
        ("percent signs, coded", b"/" + b"%25" * 5_000),
        ("upwards", b"/assets/styles/..%2f..%2f..%2fapp/main.py"),
        ("upwards twice coded", b"/assets/styles/%252e%252e/%252e%252e/app/main.py"),
        ("backwards", b"/assets/styles/..\\..\\app\\main.py"),
        ("a zero byte in a file's name", b"/assets/styles/base.css%00.png"),
        ("a long file name", b"/assets/styles/" + b"a" * 5_000),
        ("slashes", b"/" * 20_000),
        ("a long receipt", b"/receipt/" + b"9" * 5_000),
    ):
        yield f"path: {name}", head(target, b"GET " + path + b" HTTP/1.1")
    yield "query: bytes", head(target, b"GET /tip?lang=%ff%00&lang=" + MARKER + b" HTTP/1.1")
    yield "query: 10,000 values", head(target, b"GET /tip?" + b"a=b&" * 10_000 + b" HTTP/1.1")
    key = b"Authorization: Bearer " + target.partner
    yield "query: 5,000 digits", head(target, b"GET /api/v1/tips?limit=" + b"9" * 5_000 + b" HTTP/1.1", key)
    for query in (
        b"limit=NaN",
        b"cursor=" + MARKER,
        b"cursor=%00%ff",
        b"received_from=9999-12-31T23:59:59%2B23:59",
    ):
        yield f"query: {query[:13].decode()}", head(target, b"GET /api/v1/tips?" + query + b" HTTP/1.1", key)
    yield "path: an id of nonsense", head(target, b"GET /api/v1/tips/" + MARKER + b" HTTP/1.1", key)


def _forms(target: Target) -> Iterator[Raw]:
    yield "form: without its last boundary", form(target, PLACE, PHOTO, end=b"")
    yield "form: without any", post(target, b"/tip", MARKER * 30, FORM)
    yield "form: 5 MB of dashes", post(target, b"/tip", b"-" * 5_000_000, FORM)
    yield (
        "form: a boundary of 100,000",
        form(target, PLACE, kind=b"multipart/form-data; boundary=" + b"b" * 50_000),
    )
    yield "form: no boundary", form(target, PLACE, kind=b"multipart/form-data")
    yield "form: a boundary in quotes", form(target, PLACE, kind=b'multipart/form-data; boundary="' + MARKER)
    yield "form: in another alphabet", form(target, PLACE, kind=FORM + b"; charset=utf-7")
    yield "form: said to be JSON", form(target, PLACE, PHOTO, kind=b"application/json")
    yield "form: 1,001 fields", form(target, *(part(b"f%d" % n, b"x") for n in range(1_001)))
    yield "form: 200 photos", form(target, *(PHOTO for _ in range(200)))
    yield "form: a field twice", form(target, PLACE, PLACE, PHOTO)
    yield "form: a field nobody knows", form(target, PHOTO, part(MARKER, MARKER))
    yield "form: a field of 2 MB", form(target, PHOTO, part(b"description", b"x" * 2_000_000))
    yield "form: a text as a file", form(target, PHOTO, part(b"place_text", MARKER, b'; filename="x"'))
    yield "form: a file as a text", form(target, part(b"photos", MARKER))
    yield "form: bad UTF-8", form(target, PHOTO, part(b"place_text", b"\xff\xfe" + MARKER))
    yield "form: a zero byte", form(target, PHOTO, part(b"place_text", b"a\0b"))
    yield "form: a part without a name", form(target, b"--raw\r\nContent-Disposition: form-data\r\n\r\nx\r\n")
    yield "form: a part without a head", form(target, b"--raw\r\n\r\n" + MARKER + b"\r\n")
    yield (
        "form: a part's head of a megabyte",
        form(target, b"--raw\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\nx\r\n"),
    )
    yield "form: 10,000 heads of a part", form(target, b"--raw\r\n" + b"X: y\r\n" * 10_000 + b"\r\nx\r\n")
    yield (
        "form: a part in base64",
        form(target, PHOTO.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1)),
    )
    yield (
        "form: a form in the form",
        form(target, PHOTO.replace(b"a.jpg", b'a.jpg"\r\nContent-Type: ' + FORM)),
    )
    starred = PHOTO.replace(b'filename="a.jpg"', b"filename*=UTF-8''%E5%9B%BE" + MARKER)
    yield "form: a name with a star", form(target, PLACE, starred)
    for number, name in enumerate(FILE_NAMES):
        coded = name.encode("utf-8", "surrogatepass").replace(b'"', b"%22")
        named = PHOTO.replace(b"a.jpg", coded + MARKER)
        yield f"form: hostile name {number}", form(target, PLACE, named)
    yield (
        "form: 50,000 fields in a line",
        post(target, b"/receipt", b"code=1&" * 50_000, b"application/x-www-form-urlencoded"),
    )
    yield (
        "form: percent signs in a line",
        post(target, b"/receipt", b"code=%ff%00%zz" + MARKER, b"application/x-www-form-urlencoded"),
    )
    yield (
        "form: a sign-in of bytes",
        post(
            target,
            b"/console/sign-in",
            b"login=%00%ff&password=" + MARKER,
            b"application/x-www-form-urlencoded",
        ),
    )
