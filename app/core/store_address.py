"""Where photos lie when it is not a folder: the address of a bucket of an S3-compatible store."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

FORM = "s3://bucket/prefix?endpoint=https://store.example.org&region=us-east-1"


@dataclass(frozen=True)
class StoreAddress:
    """A bucket and what is needed to reach it; no secret.

    Attributes:
        bucket: its name.
        prefix: begin of the names of all objects, without slashes around it; "" for none.
        endpoint: address of the server; "" for the cloud's own of the region.
        region: its region; servers of one's own take any.
    """

    bucket: str
    prefix: str
    endpoint: str
    region: str

    @property
    def where(self) -> str:
        """The address for people and logs."""
        return f"s3://{self.bucket}/{self.prefix}"


def parse(typed: str) -> StoreAddress:
    """Read the address of a store.

    Args:
        typed: as `FORM`; endpoint and region may be left out.

    Raises:
        ValueError: it is none, or it holds a secret.
    """
    parts = urlsplit(typed)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.username is not None or parts.password is not None:
        msg = "keys do not belong into the address of the photo store; use photo_store_secret_file"
        raise ValueError(msg)
    prefix = parts.path.strip("/")
    endpoint = asked.pop("endpoint", "").rstrip("/")
    region = asked.pop("region", "us-east-1")
    server = urlsplit(endpoint)
    is_server = not endpoint or (
        server.scheme in {"http", "https"} and server.netloc and not server.username and not server.query
    )
    if parts.scheme != "s3" or not parts.netloc or asked or parts.fragment or ".." in prefix or not is_server:
        msg = f"the address of the photo store has the form {FORM}"
        raise ValueError(msg)
    return StoreAddress(parts.netloc, prefix, endpoint, region)
