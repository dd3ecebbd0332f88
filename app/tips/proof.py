"""The proof of submission: what a sender holds, and what anybody can check without asking who sent what.

It is a signed statement about bytes: when photos came, what their SHA-256 is, and where the row that says so
stands in the audit chain. It opens nothing, and names neither the tip nor its place.
"""

import base64
import binascii
import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import rfc8785
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from sqlmodel import Session

from app.audit import queries as audit
from app.audit.models import Action
from app.core.context import Context
from app.core.errors import Conflict, Invalid, message
from app.tips import queries, withdrawing
from app.tips.models import Tip

KIND = "homeward proof of submission"
VERSION = 1
FILE_NAME = "homeward-proof.json"
LONGEST = 16_384
"""Characters of a proof; twelve photos take 2,500."""
MOST_PHOTOS_NAMED = 50

_DIGEST = re.compile(r"[0-9a-f]{64}")
_STATEMENT_FIELDS = {"kind", "version", "operator", "received_at", "photos", "chain", "public_key"}

NO_PROOF = message("This is no proof of submission. Choose the file that you saved from your tip's page.")


@dataclass(frozen=True)
class Proof:
    """A proof that was read; whether it is genuine is another question.

    Attributes:
        statement: what is signed.
        signature: 64 bytes.
        operator: who says that it received the photos.
        received_at: when the tip came.
        photos: SHA-256 of each photo as sent, hex.
        seq: number of the row in the audit chain.
        row_hash: that row's hash, hex.
        public_key: the key that it claims to be signed with, hex.
    """

    statement: dict[str, Any]
    signature: bytes
    operator: str
    received_at: datetime
    photos: tuple[str, ...]
    seq: int
    row_hash: str
    public_key: str


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        genuine: whether the statement is as this service signed it.
        in_chain: whether the audit chain still holds its row, unchanged; None where nobody looked.
    """

    genuine: bool
    in_chain: bool | None

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return self.genuine and self.in_chain is not False


def of_tip(session: Session, context: Context, tip_id: UUID) -> bytes:
    """Make a tip's proof; asked for twice, it is the same as long as no photo is added.

    Args:
        session: any session.
        context: the open deployment; its key signs.
        tip_id: the tip.

    Returns:
        The proof as a JSON file.

    Raises:
        Conflict: the tip was taken back, or it did not come in through a form.
    """
    tip = session.get_one(Tip, tip_id)
    row = audit.first_about(session, Action.TIP_ACCEPTED, str(tip_id))
    if withdrawing.is_withdrawn(session, tip_id) or row is None:
        # Whether anything of it is still kept is nothing that its sender is told.
        raise Conflict("There is no proof of submission for this tip.")
    statement: dict[str, Any] = {
        "kind": KIND,
        "version": VERSION,
        "operator": context.settings.operator_name,
        "received_at": _stamp(tip.received_at),
        "photos": [
            {"sha256": photo.sha256, "received_at": _stamp(photo.received_at)}
            for photo in queries.photos_of(session, tip_id)
        ],
        "chain": {"seq": row.seq, "hash": row.hash},
        "public_key": public_key(context),
    }
    signature = context.keys.signing.sign(rfc8785.dumps(statement)).signature
    proof = {"statement": statement, "signature": base64.b64encode(signature).decode()}
    return json.dumps(proof, indent=2, ensure_ascii=False).encode()


def public_key(context: Context) -> str:
    """The key that this deployment's proofs are checked with, hex."""
    return bytes(context.keys.signing.verify_key).hex()


def read(text: str) -> Proof:
    """Read a proof that somebody brings.

    Raises:
        Invalid: too long, no JSON, or JSON of another shape.
    """
    if len(text) > LONGEST:
        raise Invalid(NO_PROOF, field="proof")
    try:
        return _read(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
        raise Invalid(NO_PROOF, field="proof") from None


def check(proof: Proof, key: str, session: Session | None) -> Verdict:
    """Check a proof.

    Args:
        proof: what somebody brought.
        key: the public key that must have signed it, hex.
        session: any session on the database with the audit chain; None checks the signature alone.
    """
    genuine = hmac.compare_digest(proof.public_key, key) and _signed(proof, key)
    if not genuine or session is None:
        return Verdict(genuine, None)
    return Verdict(genuine, audit.holds(session, Action.TIP_ACCEPTED, proof.seq, proof.row_hash))


def digest_typed(text: str) -> str:
    """A SHA-256 as a person types or pastes it; empty when nothing was typed.

    Raises:
        Invalid: something else.
    """
    plain = re.sub(r"[\s:-]", "", text).lower()
    if plain and not _DIGEST.fullmatch(plain):
        raise Invalid("A SHA-256 has 64 digits and letters from a to f.", field="sha256")
    return plain


def _signed(proof: Proof, key: str) -> bool:
    try:
        VerifyKey(bytes.fromhex(key)).verify(rfc8785.dumps(proof.statement), proof.signature)
    except (BadSignatureError, ValueError, TypeError):  # The last two: what cannot be canonicalised.
        return False
    return True


def _read(body: dict[str, Any]) -> Proof:
    statement, chain = body["statement"], body["statement"]["chain"]
    photos = tuple(photo["sha256"] for photo in statement["photos"])
    digests = (*photos, chain["hash"], statement["public_key"])
    sound = (
        set(body) == {"statement", "signature"}
        and set(statement) == _STATEMENT_FIELDS
        and (statement["kind"], statement["version"]) == (KIND, VERSION)
        and len(photos) <= MOST_PHOTOS_NAMED
        and isinstance(statement["operator"], str)
        and type(chain["seq"]) is int
        and 0 < chain["seq"] < 2**53
        and all(isinstance(digest, str) and _DIGEST.fullmatch(digest) for digest in digests)
    )
    received_at = datetime.fromisoformat(statement["received_at"])
    if not sound or received_at.tzinfo is None:
        raise ValueError
    return Proof(
        statement=statement,
        signature=base64.b64decode(body["signature"], validate=True),
        operator=statement["operator"],
        received_at=received_at,
        photos=photos,
        seq=chain["seq"],
        row_hash=chain["hash"],
        public_key=statement["public_key"],
    )


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
