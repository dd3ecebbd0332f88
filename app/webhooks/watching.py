"""What a worker looks after for webhooks."""

from app.core.context import Context
from app.webhooks import noticing, sending


def look(context: Context) -> int:
    """Write messages for what has changed, then send what is due.

    Returns:
        Messages that their partners took.
    """
    noticing.notice(context)
    sending.erase_old(context)
    return sending.send_due(context)
