"""Bodies that no browser sends: each is refused in a page, changes nothing and is not repeated."""

import pytest
from sqlmodel import func, select

import app.main
from app.core.context import Context
from app.main import create_app
from app.tips.models import Tip
from tests.conftest import Client
from tests.make import jpeg
from tests.stored import files as stored_files

MARK = "zq-planted-marker-4711"
EDGE = "edge-of-a-part"
MULTIPART = f"multipart/form-data; boundary={EDGE}"


def part(
    name: str | None, data: bytes | str, filename: str | None = None, headers: str = "", ending: str = "\r\n"
) -> bytes:
    """One part as it goes over the wire."""
    disposition = "form-data"
    if name is not None:
        disposition += f'; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    body = data if isinstance(data, bytes) else data.encode()
    head = f"--{EDGE}\r\nContent-Disposition: {disposition}\r\n{headers}\r\n"
    return head.encode() + body + ending.encode()


PHOTO = part("photos", jpeg(), "a.jpg")
PLACE = part("place_text", "Metro exit A")
END = f"--{EDGE}--\r\n".encode()
WHOLE = PHOTO + PLACE + END

HOSTILE: dict[str, tuple[str | None, bytes]] = {
    "no body": (MULTIPART, b""),
    "no content type": (None, WHOLE),
    "no boundary": ("multipart/form-data", WHOLE),
    "empty boundary": ("multipart/form-data; boundary=", WHOLE),
    "another boundary": (f"multipart/form-data; boundary={MARK}", WHOLE),
    "endless boundary": (f"multipart/form-data; boundary={MARK * 40}", WHOLE),
    "boundary with a quote": (f'multipart/form-data; boundary="a\\"{MARK}"', WHOLE),
    "urlencoded": ("application/x-www-form-urlencoded", f"place_text={MARK}".encode()),
    "json": ("application/json", f'{{"place_text": "{MARK}"}}'.encode()),
    "plain text": ("text/plain", MARK.encode()),
    "a photo alone": ("image/jpeg", jpeg() + MARK.encode()),
    "multipart/mixed": (f"multipart/mixed; boundary={EDGE}", WHOLE),
    "utf-16": (f"{MULTIPART}; charset=utf-16", WHOLE),
    "punycode": (f"{MULTIPART}; charset=punycode", WHOLE),
    "unknown charset": (f"{MULTIPART}; charset={MARK}", WHOLE),
    "part without a name": (MULTIPART, part(None, MARK) + WHOLE),
    "part with an empty name": (MULTIPART, part("", MARK) + WHOLE),
    "part with an unknown name": (MULTIPART, part(MARK, MARK) + WHOLE),
    "part named with markup": (MULTIPART, part(f"<script>{MARK}", MARK) + WHOLE),
    "field of an officer": (MULTIPART, part("state", "lead") + WHOLE),
    "repeated text": (MULTIPART, part("description", MARK) * 2 + WHOLE),
    "repeated place": (MULTIPART, part("place_text", MARK) + WHOLE),
    "text sent as a file": (MULTIPART, part("description", MARK, f"{MARK}.txt") + WHOLE),
    "photo without a file name": (MULTIPART, part("photos", jpeg()) + PLACE + END),
    "file under an unknown name": (MULTIPART, part(MARK, jpeg(), f"{MARK}.jpg") + WHOLE),
    "program called a photo": (MULTIPART, part("photos", f"MZ{MARK}", f"{MARK}.jpg") + PLACE + END),
    "web page called a photo": (
        MULTIPART,
        part("photos", f"<html>{MARK}", "a.jpg", "Content-Type: image/jpeg\r\n") + PLACE + END,
    ),
    "empty photo": (MULTIPART, part("photos", b"", f"{MARK}.jpg") + PLACE + END),
    "lone surrogate": (MULTIPART, part("description", b"\xed\xa0\x80" + MARK.encode()) + WHOLE),
    "latin-1 text": (MULTIPART, part("description", b"caf\xe9 " + MARK.encode()) + WHOLE),
    "gbk text": (MULTIPART, part("description", "深圳".encode("gbk") + MARK.encode()) + WHOLE),
    "zero byte": (MULTIPART, part("description", f"a\0{MARK}") + WHOLE),
    "escape byte": (MULTIPART, part("description", f"\x1b[31m{MARK}") + WHOLE),
    "line end in a place": (MULTIPART, PHOTO + part("place_text", f"a\n{MARK}") + END),
    "line end in a contact": (MULTIPART, part("contact", f"a\n{MARK}") + WHOLE),
    "text over every limit": (MULTIPART, part("description", MARK * 5000) + WHOLE),
    "hundreds of parts": (MULTIPART, part("description", MARK) * 300 + WHOLE),
    "hundreds of files": (MULTIPART, PHOTO * 300 + PLACE + END),
    "hundreds of headers": (MULTIPART, part("description", MARK, headers="X: 1\r\n" * 300) + WHOLE),
    "endless header": (MULTIPART, part("description", MARK, headers=f"X: {MARK * 5000}\r\n") + WHOLE),
    "header without a colon": (MULTIPART, part("description", MARK, headers=f"{MARK}\r\n") + WHOLE),
    "cut within a photo": (MULTIPART, PLACE + PHOTO[:-200]),
    "cut between two photos": (MULTIPART, PLACE + PHOTO),
    "cut within the second photo": (MULTIPART, PLACE + PHOTO + PHOTO[:-200]),
    "cut within a header": (MULTIPART, PHOTO + PLACE[:60]),
    "bytes before the first part": (MULTIPART, MARK.encode() + WHOLE),
    "not a number": (MULTIPART, part("latitude", f"NaN{MARK}") + part("longitude", "1") + WHOLE),
    "number of a thousand digits": (MULTIPART, part("latitude", "9" * 1000) + part("longitude", "1") + WHOLE),
    "moment that is none": (MULTIPART, part("observed_at", MARK) + WHOLE),
    "moment out of every range": (MULTIPART, part("observed_at", "0000-00-00T99:99") + WHOLE),
    "switch that is none": (MULTIPART, part("danger_now", MARK) + WHOLE),
    "key with a line end": (MULTIPART, part("submission", f"{MARK}\nX-Header: 1") + WHOLE),
    "key that is endless": (MULTIPART, part("submission", MARK * 20) + WHOLE),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_body_is_refused_and_not_repeated(context: Context, client: Client, kind: str) -> None:
    """Bad input gets a clear page and changes nothing."""
    content_type, body = HOSTILE[kind]

    answer = client.post(
        "/tip", content=body, headers={} if content_type is None else {"Content-Type": content_type}
    )

    assert answer.status_code in {400, 413, 415, 422}
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'role="alert"' in answer.text
    assert MARK not in answer.text
    assert "Traceback" not in answer.text
    assert MARK not in str(answer.headers)
    with context.db.read() as session:
        assert session.exec(select(func.count()).select_from(Tip)).one() == 0
    assert stored_files(context) == []


def test_the_sound_body_among_them_is_taken(client: Client) -> None:
    """Otherwise every refusal above might have another reason."""
    answer = client.post("/tip", content=WHOLE, headers={"Content-Type": MULTIPART})

    assert answer.status_code == 303


@pytest.mark.parametrize(
    "body", [b"", b"code=", b"code=%00%ff%ed%a0%80", b"code=" + b"9" * 5000, b"code=1&code=2", b"%zz&&=;"]
)
@pytest.mark.parametrize("address", ["/receipt", "/receipt/zzz/messages", "/receipt/zzz/withdraw"])
def test_small_forms_take_no_nonsense_either(client: Client, address: str, body: bytes) -> None:
    """The other forms of a citizen answer with a page too."""
    answer = client.post(address, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert answer.status_code in {303, 422}
    assert "999999999" not in answer.text


class TestBodyLimit:
    @pytest.fixture
    def small(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> Client:
        """A deployment that takes bodies of 10 kB."""
        monkeypatch.setattr(app.main, "LARGEST_BODY", 10_000)
        return Client(create_app(context), context)

    def test_a_body_over_the_limit_gets_a_page(self, small: Client) -> None:
        """In the reader's language, with the way on."""
        answer = small.post(
            "/tip",
            content=part("photos", jpeg() + b"\0" * 30_000, "a.jpg") + PLACE + END,
            headers={"Content-Type": MULTIPART, "Accept-Language": "zh"},
        )

        assert answer.status_code == 413
        assert "请减少照片数量" in answer.text
        assert 'href="/"' in answer.text
        assert "script-src 'self'" in answer.headers["content-security-policy"]

    def test_a_program_gets_a_problem_document(self, small: Client) -> None:
        """The same limit holds where no form is shown."""
        answer = small.post(
            "/receipt", content=b"code=" + b"1" * 30_000, headers={"Content-Type": "text/plain"}
        )

        assert answer.status_code in {413, 422}

    def test_a_body_within_the_limit_is_taken(self, small: Client) -> None:
        """The limit counts bytes, nothing else."""
        assert small.post("/tip", content=WHOLE, headers={"Content-Type": MULTIPART}).status_code == 303
