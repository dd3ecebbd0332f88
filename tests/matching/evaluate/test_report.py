import json
import math
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matching.evaluate import __main__ as command
from matching.evaluate.enrolment import BASELINE
from matching.evaluate.html import page
from matching.evaluate.manifest import Dataset, ManifestError, Picture
from matching.evaluate.report import Plan
from tests.matching.evaluate.enrolments import Data, data

SCHEMA = json.loads(Path(command.__file__).with_name("report.schema.json").read_text(encoding="utf-8"))
PLAN = Plan(resamples=12, seed=1, distractors=50)


def dataset(some: Data, *, synthetic: bool = True, ages: bool = True) -> Dataset:
    pictures = tuple(
        Picture(
            Path(f"{number}.jpg"),
            str(person),
            int(person),
            float(age) if ages else math.nan,
            bool(record) if ages else None,
        )
        for number, (person, age, record) in enumerate(
            zip(some.everyone.person, some.everyone.age, some.everyone.is_record, strict=True)
        )
    )
    return Dataset("drawn", "0" * 64, pictures, synthetic)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    some = data(60, 4, not_found=(1, 2, 3, 50))
    return command.evaluate(dataset(some), [some.baseline, some.homeward], PLAN, "made in a test")


def complaints(value: object, schema: dict[str, Any], place: str = "report") -> Iterator[str]:
    """Where a value departs from the part of JSON Schema that the report's schema uses."""
    if "$ref" in schema:
        yield from complaints(value, SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]], place)
    for each in schema.get("allOf", ()):
        yield from complaints(value, each, place)
    if "const" in schema and value != schema["const"]:
        yield f"{place} is not {schema['const']}"
    kinds = schema.get("type", ())
    names: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
        "null": type(None),
    }
    if kinds and not any(
        isinstance(value, names[kind]) for kind in ([kinds] if isinstance(kinds, str) else kinds)
    ):
        yield f"{place} is no {kinds}"
    if isinstance(value, dict):
        yield from (f"{place} has no {key}" for key in schema.get("required", ()) if key not in value)
        known = schema.get("properties", {})
        for key, inner in value.items():
            rule = known.get(key, schema.get("additionalProperties"))
            if rule is not None:
                yield from complaints(inner, rule, f"{place}.{key}")
    if isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            yield from complaints(inner, schema["items"], f"{place}[{number}]")


def figures(value: object, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every figure with an interval, wherever it stands."""
    if isinstance(value, dict):
        if "low" in value:
            yield place, value
        for key, inner in value.items():
            yield from figures(inner, f"{place}.{key}")


class TestJson:
    def test_as_documented(self, report: dict[str, Any]) -> None:
        """Whatever reads the file finds everything that the schema promises, and nothing is NaN."""
        written = json.loads(json.dumps(report, allow_nan=False))

        assert list(complaints(written, SCHEMA)) == []

    def test_the_schema_notices_what_is_missing(self, report: dict[str, Any]) -> None:
        """A promise that nobody can break is none."""
        broken = json.loads(json.dumps(report))
        del broken["engines"][BASELINE]["by_gap"]["3-5"]["eer"]
        broken["engines"]["dlib"]["tar_at_fmr"]["1e-3"]["value"] = "high"

        assert len(list(complaints(broken, SCHEMA))) == 2

    def test_every_interval_holds_its_figure(self, report: dict[str, Any]) -> None:
        """A figure has both ends, or neither it nor a reason is missing."""
        found = list(figures(report))

        assert len(found) > 100
        for place, figure in found:
            if figure["value"] is None:
                assert figure["reason"], place
            elif figure["low"] is not None:
                assert figure["low"] <= figure["value"] <= figure["high"], place

    def test_cllr_is_never_below_its_least(self, report: dict[str, Any]) -> None:
        """No calibration is better than the best that the order of scores allows."""
        for figure in (engine[name] for engine in report["engines"].values() for name in ("cllr",)):
            assert figure["value"] is not None
        for engine in report["engines"].values():
            for part in (engine, *engine["by_age_band"].values(), *engine["by_gap"].values()):
                if part["cllr"]["value"] is not None:
                    assert part["cllr"]["value"] >= part["min_cllr"]["value"] - 1e-9

    def test_the_better_engine_is_seen_to_be_better(self, report: dict[str, Any]) -> None:
        """The ratio of misses is under one, its interval too, and the first engine's is one."""
        assert report["engines"][BASELINE]["fnmr_ratio"]["value"] == 1
        assert report["engines"]["dlib"]["fnmr_ratio"]["high"] < 1

    def test_a_face_that_was_not_found_counts(self, report: dict[str, Any]) -> None:
        """Engines are compared on common pictures, and each one's failures stand beside."""
        first, second = report["engines"][BASELINE], report["engines"]["dlib"]

        assert report["data"]["compared"] == 236
        assert first["failure_to_enrol"]["value"] == pytest.approx(4 / 240)
        assert second["failure_to_enrol"]["value"] == 0
        assert first["mated"] == second["mated"] < first["all_pictures"]["mated"] == 360
        lost = first["all_pictures"]["tar_at_fmr"]["1e-2"]["value"]
        assert lost < first["tar_at_fmr"]["1e-2"]["value"]

    def test_parts_have_pairs_of_their_own(self, report: dict[str, Any]) -> None:
        """Age bands hold pairs within a band, gaps hold all pairs of children."""
        found = report["engines"]["dlib"]

        assert sum(part["mated"] for part in found["by_age_band"].values()) < found["mated"]
        assert sum(part["mated"] for part in found["by_gap"].values()) == found["mated"]
        assert found["by_age_band"]["18+"]["eer"] == {
            "value": None,
            "low": None,
            "high": None,
            "reason": "no such pairs",
        }


class TestDeterminism:
    def test_the_same_seed_gives_the_same_report(self, report: dict[str, Any]) -> None:
        """Figures can be made again by whoever doubts them."""
        some = data(60, 4, not_found=(1, 2, 3, 50))

        assert (
            command.evaluate(dataset(some), [some.baseline, some.homeward], PLAN, "made in a test") == report
        )

    def test_without_ages_or_kinds(self) -> None:
        """A folder for each person is enough: what needs ages is left out with a reason."""
        some = data(60, 3)
        found = command.evaluate(dataset(some, ages=False, synthetic=False), [some.homeward], Plan(5), "")
        engine = found["engines"]["dlib"]

        assert list(complaints(found, SCHEMA)) == []
        assert engine["eer"]["value"] is not None
        assert engine["rank"]["1"]["of"] == 120
        assert {part["eer"]["value"] for part in engine["by_gap"].values()} == {None}

    def test_two_people_are_enough_to_say_something(self) -> None:
        """Little data gives few figures and no failure."""
        some = data(2, 2)
        found = command.evaluate(dataset(some), [some.baseline, some.homeward], Plan(5), "")

        assert list(complaints(found, SCHEMA)) == []
        assert found["engines"]["dlib"]["cllr"]["reason"] == "too few people to calibrate on"

    def test_no_faces_are_an_error_in_words(self) -> None:
        """An engine that finds nobody cannot be measured."""
        some = data(2, 2, not_found=(0, 1, 2, 3))

        with pytest.raises(ManifestError, match="fewer than two people"):
            command.evaluate(dataset(some), [some.baseline, some.homeward], Plan(5), "")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


class TestPage:
    def test_it_loads_nothing(self, report: dict[str, Any]) -> None:
        """One file can be kept, sent and printed: no script, no link, no picture elsewhere."""
        parsed = _Page()
        parsed.feed(page(report))
        tags = {tag for tag, _ in parsed.tags}

        assert not tags & {"script", "link", "img", "iframe"}
        assert not [
            attributes for _, attributes in parsed.tags if "src" in attributes or "href" in attributes
        ]
        assert "url(" not in page(report)

    def test_every_plot_is_also_said(self, report: dict[str, Any]) -> None:
        """Who does not see a plot reads or hears what it shows."""
        text = page(report)

        assert text.count('role="img"') == text.count("<desc>") == text.count("<figure>") == 8
        assert "Detection error trade-off" in text

    def test_synthetic_people_are_called_so(self, report: dict[str, Any]) -> None:
        """No figure of renderings is taken for one of children."""
        real = {**report, "data": {**report["data"], "synthetic": False}}

        assert "do not exist. Nothing here says how well real children are found" in page(report)
        assert "Nothing here says how well real children are found" not in page(real)

    def test_what_rests_on_chance_is_marked(self, report: dict[str, Any]) -> None:
        """A rate that fewer than ten false matches support carries a mark."""
        assert not report["engines"]["dlib"]["tar_at_fmr"]["1e-4"]["supported"]
        assert "†" in page(report)

    def test_names_cannot_write_into_the_page(self, report: dict[str, Any]) -> None:
        """A data set's name is text."""
        named = {**report, "data": {**report["data"], "name": "<script>alert(1)</script>"}}

        assert "<script" not in page(named)


def test_the_templates_are_finite(report: dict[str, Any]) -> None:
    """Distractors are reported as such, beside how like strangers they are."""
    assert report["data"]["distractors"] == 50
    for found in report["engines"]["dlib"]["distractors"].values():
        assert np.isfinite(list(found.values())).all()
