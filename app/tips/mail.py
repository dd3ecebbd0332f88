"""Notices by e-mail: one sentence, the same for everybody, and nothing of a tip."""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from app.core.errors import Invalid, message
from app.core.render import translate
from app.core.settings import Settings

PATIENCE_S = 10.0
"""Seconds that the mail server may take for each step."""
LONGEST_ADDRESS = 254

SUBJECT = message("A message for you")
SENTENCE = message(
    "There is something new about something you sent. Open the page and enter your code. "
    "There you can also stop these messages."
)

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


class MailLost(RuntimeError):
    """The mail server cannot be reached, or does not take mail from here; no address is to blame."""


class AddressRefused(RuntimeError):
    """The mail server does not take mail for this address."""


def is_offered(settings: Settings) -> bool:
    """Whether this deployment can send mail that says where to go."""
    return bool(settings.smtp_url and settings.mail_from and settings.public_url)


def checked(typed: str) -> str:
    """An e-mail address as a person types it.

    Raises:
        Invalid: it is none.
    """
    address = typed.strip()
    if len(address) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise Invalid("This is no e-mail address. It looks like name@example.org.", field="email")
    return address


@contextmanager
def connection(settings: Settings) -> Iterator[smtplib.SMTP]:
    """A connection to the mail server, for some mails.

    `smtps://` speaks TLS from the first byte; `smtp://` changes to it where the server offers that. A
    password is never sent without TLS.

    Raises:
        MailLost: there is none.
    """
    where = urlsplit(settings.smtp_url)
    secure = ssl.create_default_context()
    server: smtplib.SMTP | None = None
    try:
        if where.scheme == "smtps":
            server = smtplib.SMTP_SSL(
                where.hostname or "", where.port or 465, timeout=PATIENCE_S, context=secure
            )
        else:
            server = smtplib.SMTP(where.hostname or "", where.port or 25, timeout=PATIENCE_S)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=secure)
        if where.username:
            if not isinstance(server.sock, ssl.SSLSocket):
                msg = "no TLS"
                raise smtplib.SMTPNotSupportedError(msg)
            server.login(unquote(where.username), unquote(where.password or ""))
    except (OSError, smtplib.SMTPException, ValueError) as error:
        if server is not None:
            server.close()
        raise MailLost from error
    try:
        yield server
    finally:
        try:
            server.quit()
        except (OSError, smtplib.SMTPException):
            server.close()


def send(server: smtplib.SMTP, settings: Settings, address: str, language: str) -> None:
    """Send one notice.

    Raises:
        AddressRefused: the server does not take mail for this address.
        MailLost: the connection broke.
    """
    notice = EmailMessage()
    notice["Subject"] = translate(language, SUBJECT)
    notice["From"] = settings.mail_from
    notice["To"] = address
    notice["Date"] = formatdate()
    notice["Message-ID"] = make_msgid(domain=urlsplit(settings.public_url).hostname)
    notice["Auto-Submitted"] = "auto-generated"
    notice.set_content(f"{translate(language, SENTENCE)}\n\n{settings.public_url}/receipt\n")
    try:
        server.send_message(notice)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        raise AddressRefused from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailLost from error
