"""Taking a key away once nothing is sealed to it: whoever stole it before then opens nothing of today."""

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.context import Context
from app.core.crypto import remove_key
from app.core.errors import Conflict, NotFound
from app.core.settings import Settings
from app.keys import rewrapping

ROOT = 1


def retire(context: Context, number: int) -> None:
    """Take a key out of the key file.

    Args:
        context: the open deployment.
        number: of the key.

    Raises:
        NotFound: there is no key of this number.
        Conflict: the keys lie in a key service, it is the root or the newest, or something is sealed to it.
    """
    refuse_elsewhere(context.settings)
    newest = context.keys.newest
    if number not in context.keys.numbers:
        raise NotFound("There is no key of this number.")
    if number == ROOT:
        raise Conflict("Key 1 is the root: receipts and signatures rest on it. It stays.")
    if number == newest:
        raise Conflict("This key seals what is new. Add another first: homeward keys rotate")
    with context.db.write() as session:  # Nobody else writes while it is counted and taken away.
        count = rewrapping.needed(context).get(number, 0)
        words = rewrapping.needed_by_log(context).get(number, 0)
        if count or words:
            raise Conflict(
                "%(values)s values and %(words)s words of the audit log are sealed to this key. "
                "Run: homeward keys rewrap. The log is never rewritten, so what its words need stays.",
                values=count,
                words=words,
            )
        audit.record(session, SYSTEM, Action.KEYS_ROTATED, "key", str(number), step="retired")
        session.flush()
        remove_key(context.settings.key_file, number)


def refuse_elsewhere(settings: Settings) -> None:
    """Refuse to change keys that a command gives.

    Raises:
        Conflict: there is such a command.
    """
    if settings.key_command:
        raise Conflict("The keys lie in a key service, not in a file. Change them there, a key on each line.")
