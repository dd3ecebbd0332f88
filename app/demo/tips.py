"""The demo's first tips, sent by the way that citizens' tips come in."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from app.audit.service import TIPSTER
from app.core.clock import now
from app.core.context import Context
from app.tips import service
from app.tips.intake import NewTip, Place
from app.tips.models import CoordinateSystem
from app.tips.parts import NewPhoto


@dataclass(frozen=True)
class _Scene:
    """One demo tip: a picture, where it was, and what its sender wrote."""

    picture: str
    latitude: float
    longitude: float
    place_text: str
    description: str
    hours_ago: int
    danger_now: bool = False


SCENES = (
    _Scene(
        "p0003-tip0.jpg",
        22.5431,
        114.0579,
        "福田区华强北地铁站A出口",
        "一个女孩独自向路人要钱，看上去很累。",
        30,
    ),
    _Scene(
        "p0005-tip0.jpg",
        22.5410,
        114.0632,
        "福田区中心公园",
        "一名男子带着一个男孩乞讨，男孩一直没说话。",
        20,
    ),
    _Scene(
        "p0006-tip0.jpg",
        22.5362,
        114.0521,
        "福田区会展中心",
        "A boy begs near the east gate every morning.",
        12,
    ),
    _Scene("p0053-tip0.jpg", 22.5475, 114.0701, "福田区园岭菜市场", "孩子和一位老人在一起，像是一家人。", 9),
    _Scene(
        "p0050-tip0.jpg",
        22.5446,
        114.1190,
        "罗湖区火车站",
        "孩子手上有伤，身边没有大人。",
        3,
        danger_now=True,
    ),
    _Scene("p0009-tip0.jpg", 22.5287, 114.0545, "福田口岸出站口", "男孩抱着一只纸箱，向旅客要钱。", 26),
    _Scene("p0013-tip0.jpg", 22.5402, 114.0855, "福田区岗厦北地铁站", "有人让这个男孩举着牌子乞讨。", 50),
    _Scene(
        "p0013-tip1.jpg", 22.5468, 114.0902, "福田区莲花山公园南门", "A boy with a cardboard sign, alone.", 27
    ),
    _Scene("p0015-tip0.jpg", 22.5371, 114.0272, "福田区车公庙", "男孩在天桥下睡着了，旁边放着碗。", 15),
    _Scene("p0015-tip1.jpg", 22.5349, 114.0331, "福田区竹子林客运站", "像是前几天天桥下的那个男孩。", 6),
    _Scene("p0018-tip0.jpg", 22.5518, 114.1015, "福田区上步路口", "女孩敲车窗要钱，车来车往很危险。", 2),
    _Scene("p0022-tip0.jpg", 22.5239, 114.0610, "福田区石厦村牌坊", "女孩跪在地上，面前有一张纸。", 33),
    _Scene(
        "p0022-tip1.jpg", 22.5262, 114.0668, "福田区新洲路", "A girl kneels by the road with a letter.", 10
    ),
    _Scene(
        "p0005-tip0.jpg", 22.5553, 114.1187, "罗湖区东门老街", "朋友圈转发的照片，说是去年在这里。", 9_000
    ),
)


def send_tips(context: Context, pictures: Path) -> None:
    """Send the demo's tips.

    Args:
        context: the demo's deployment.
        pictures: folder of the demo's pictures.
    """
    channel_id = service.web_channel(context)
    for number, scene in enumerate(SCENES, 1):
        photo = (pictures / scene.picture).read_bytes()
        new = NewTip(
            photos=(NewPhoto(photo, "JPEG"),),
            language="zh",
            place_text=scene.place_text,
            place=Place(scene.latitude, scene.longitude, 20.0, CoordinateSystem.WGS84),
            observed_at=now() - timedelta(hours=scene.hours_ago),
            description=scene.description,
            danger_now=scene.danger_now,
            contact="",
            external_id=None,
            source_url=None,
            key=f"demo-{number}-{scene.picture}",
            digest=hashlib.sha256(photo).hexdigest(),
        )
        service.accept(context, channel_id, new, TIPSTER)
