"""The demo's partners: a channel, a sandbox and a police registry, each with a key of this run."""

from uuid import uuid4

from sqlmodel import Session, select

from app.bulletins import service as bulletins
from app.bulletins.models import Bulletin
from app.bulletins.service import Draft
from app.core.clock import now
from app.core.context import Context
from app.officers.models import Officer
from app.partners import keys
from app.tips.models import ChannelKind

CHANNELS = (
    (
        "Street watch",
        ChannelKind.PARTNER,
        "街头守望志愿者网 desk@street-watch.example",
        None,
    ),
    ("Street watch, trial", ChannelKind.SANDBOX, "街头守望志愿者网", None),
    ("Guangdong registry", ChannelKind.REGISTRY, "广东省公安厅失踪儿童登记系统", "440000"),
)
"""Name, kind, owner and area of the demo's channels."""
BULLETIN = {
    "zh": (
        "网传“福田公园男孩”照片已核查",
        (
            "近日有一张男孩在公园乞讨的照片被大量转发。我局已核查：照片拍摄于去年，孩子已与家人团聚。\n\n"
            "请不要继续转发。如看到孩子需要帮助，请在本网站提交照片和地点。"
        ),
    ),
    "en": (
        "The shared photo of a boy in a Futian park has been checked",
        (
            "A photo of a boy begging in a park was shared many times. We checked it: it was taken last "
            "year, and the boy is back with his family.\n\nPlease stop sharing it. If you see a child who "
            "may need help, send a photo and the place here."
        ),
    ),
}


def keys_of_this_run(context: Context) -> dict[str, str]:
    """New keys for the demo's channels; those of earlier runs work no more.

    Returns:
        The keys by the name of their channel.
    """
    made: dict[str, str] = {}
    with context.db.write() as session:
        for name, kind, owner, area in CHANNELS:
            channel = keys.add_channel(session, name, kind, owner=owner, jurisdiction_code=area)
            for key, _ in keys.keys_of(session, channel.id):
                if key.expires_at > now():
                    keys.revoke_key(session, key.key_id)
            made[name] = keys.make_key(session, context.keys, channel, days=90, label="demo").key
    return made


def publish_bulletin(session: Session, supervisor: str) -> None:
    """Publish the demo's bulletin, unless one stands.

    Args:
        session: a writing session.
        supervisor: user name of who publishes it.
    """
    if session.exec(select(Bulletin.id)).first() is None:
        officer = session.exec(select(Officer).where(Officer.username == supervisor)).one()
        draft = Draft(uuid4(), officer.jurisdiction_code, BULLETIN)
        bulletins.publish(session, officer, draft)
