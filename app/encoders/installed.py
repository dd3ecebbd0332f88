"""Which encoders this installation can run, and whether those in use are among them."""

from app.audit.service import SYSTEM
from app.core.db import Database
from app.core.errors import Conflict
from app.encoders import queries, service
from app.encoders.models import EncoderState, EnrolledEncoder
from app.encoders.service import EncoderKey
from matching.engine import Engine, UnknownEngine, default_engine, engine_named


class EncoderNotInstalled(Conflict):
    """Searches compare templates that this installation cannot make."""


def key_of(engine: Engine) -> EncoderKey:
    """What an engine's templates are stored under."""
    return EncoderKey(engine.encoder_name, engine.encoder_version)


def is_installed(encoder: EnrolledEncoder) -> bool:
    """Whether this installation makes this encoder's templates, in this version."""
    try:
        return key_of(engine_named(encoder.name)) == EncoderKey(encoder.name, encoder.version)
    except UnknownEngine:
        return False


def make_ready(db: Database) -> EnrolledEncoder:
    """The encoder that is searched with; a new installation begins with the default one.

    Raises:
        EncoderNotInstalled: new photos would get no template that is searched with.
    """
    with db.write() as session:
        encoder = service.ensure_active(session, key_of(default_engine()), SYSTEM)
    if not is_installed(encoder):
        raise EncoderNotInstalled(
            "Searches compare templates of %(name)s %(version)s, which this installation cannot make. "
            "Install it again, or run `homeward reencode` and then `homeward promote` for one that is "
            "installed. Tips are taken in meanwhile and wait.",
            name=encoder.name,
            version=encoder.version,
        )
    return encoder


def names_in_use(db: Database) -> tuple[str, ...]:
    """Encoders whose templates new photos get, as `Examiner` takes them.

    The first one's detector finds the faces of all. The encoder of `face_recognition` stands last, since its
    detector finds fewest and gives the others no points to align a face by.
    """
    with db.read() as session:
        encoders = queries.in_use(session)
    names = {
        encoder.name for encoder in encoders if encoder.state == EncoderState.ACTIVE or is_installed(encoder)
    }
    return tuple(sorted(names, key=lambda name: (name == "face_recognition", name)))
