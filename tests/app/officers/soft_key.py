"""A security key made of software: one that, like many passkeys, always counts zero."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from uuid import UUID

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from app.officers.models import FactorKind, SecondFactor

PRESENT_AND_VERIFIED = b"\x05"
WITH_CREDENTIAL = b"\x45"
NO_COUNT = b"\x00" * 4


def letters(raw: bytes) -> str:
    """Bytes as WebAuthn writes them."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class SoftKey:
    """A key.

    Attributes:
        host: what it is bound to.
        origin: whose pages it answers.
        id: of its credential.
    """

    host: str
    origin: str
    id: bytes = b"a key of these tests"
    secret: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def public(self) -> bytes:
        """Its public key (COSE)."""
        numbers = self.secret.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def factor(self, officer_id: UUID) -> SecondFactor:
        """The row of an officer who has it."""
        return SecondFactor(
            officer_id=officer_id,
            kind=FactorKind.WEBAUTHN,
            name="Key",
            credential_id=self.id,
            public_key=self.public(),
        )

    def proof(self, challenge: str) -> str:
        """Its answer to a question, as the page sends it."""
        client = self._client("webauthn.get", challenge)
        data = self._place() + PRESENT_AND_VERIFIED + NO_COUNT
        signed = self.secret.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signed)

    def registration(self, challenge: str) -> str:
        """Its answer when it is made known."""
        credential = b"\x00" * 16 + len(self.id).to_bytes(2, "big") + self.id + self.public()
        data = self._place() + WITH_CREDENTIAL + NO_COUNT + credential
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            clientDataJSON=self._client("webauthn.create", challenge), attestationObject=attested
        )

    def _place(self) -> bytes:
        return hashlib.sha256(self.host.encode()).digest()

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, **response: bytes) -> str:
        said = {name: letters(raw) for name, raw in response.items()}
        return json.dumps(
            {"id": letters(self.id), "rawId": letters(self.id), "type": "public-key", "response": said}
        )
