"""What is sent: a tip and its photos."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

Photo = Path | bytes
"""A file, or a file's bytes."""


@dataclass(frozen=True)
class NewTip:
    """A tip to send.

    Attributes:
        photos: one to six.
        place_text: where it was, in words; needed without a position.
        latitude: degrees, north is positive.
        longitude: degrees, east is positive.
        accuracy_m: radius in metres.
        coordinate_system: wgs84, gcj02 or bd09.
        observed_at: when it was seen, with its zone.
        description: what was seen.
        danger_now: a child is in danger at this moment.
        external_id: your own number of it.
        source_url: where it was found.
        language: zh or en.
        idempotency_key: your name for it; sent again under the same one, it stays one tip.
    """

    photos: Sequence[Photo]
    place_text: str = ""
    latitude: float | None = None
    longitude: float | None = None
    accuracy_m: float | None = None
    coordinate_system: str = "wgs84"
    observed_at: datetime | None = None
    description: str = ""
    danger_now: bool = False
    external_id: str = ""
    source_url: str = ""
    language: str = ""
    idempotency_key: str = field(default_factory=lambda: str(uuid.uuid4()))

    def fields(self) -> dict[str, str]:
        """Its fields as a form carries them, without the empty ones.

        Raises:
            ValueError: a time without a zone.
        """
        if self.observed_at is not None and self.observed_at.tzinfo is None:
            msg = "observed_at needs its zone"
            raise ValueError(msg)
        numbers = {name: getattr(self, name) for name in ("latitude", "longitude", "accuracy_m")}
        said = {name: f"{value:.9f}" for name, value in numbers.items() if value is not None}
        said |= {
            "place_text": self.place_text,
            "coordinate_system": self.coordinate_system if said else "",
            "observed_at": self.observed_at.isoformat() if self.observed_at else "",
            "description": self.description,
            "danger_now": "true" if self.danger_now else "",
            "external_id": self.external_id,
            "source_url": self.source_url,
            "language": self.language,
        }
        return {name: value for name, value in said.items() if value}

    def files(self) -> list[bytes]:
        """The bytes of its photos."""
        return [photo.read_bytes() if isinstance(photo, Path) else photo for photo in self.photos]
