"""Promises about known answers: reviewers cannot tell them apart, and they lead nowhere."""

import csv
import re
import struct
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlmodel import col, select

from app import pipeline
from app.audit.models import Action
from app.candidates import queries
from app.candidates.models import Candidate, CandidateState
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound
from app.core.jobs import Job
from app.officers.models import Officer, Role
from app.photos.models import Face, Photo, Rendition, Template
from app.records import queries as record_queries
from app.records.models import Record, RecordState, Reference
from app.reviews import golden, golden_pool, golden_queries
from app.reviews.models import Conclusion, GoldenItem, GoldenTruth, GoldenUse
from app.tips.models import Tip, TipEvent, TipState
from tests import stored
from tests.app.reviews.conftest import Desk
from tests.conftest import Client
from tests.make import ENCODER, ENCODER_VERSION, Make, jpeg

COLUMNS = ("name", "probe", "reference", "truth", "age_probe", "age_reference")


def always(context: Context) -> Context:
    """The same deployment, where a known answer is mixed in beside every candidate."""
    settings = context.settings.model_copy(update={"golden_rate": 1.0})
    return Context(settings, context.keys, context.db, context.store)


def item(make: Make, name: str = "pair-1", truth: GoldenTruth = GoldenTruth.SAME) -> GoldenItem:
    """A known answer as it stands once its pictures were examined."""
    record, pictured = make.record(), make.record()
    with make.context.db.write() as session:
        for number, kept in enumerate((record, pictured)):
            kept.golden, kept.state, kept.number = True, RecordState.CLOSED, f"KNOWN-ANSWER {name} {number}"
            session.add(kept)
        photo_id = session.exec(select(Reference.photo_id).where(Reference.record_id == pictured.id)).one()
        made = GoldenItem(name=name, truth=truth, photo_id=photo_id, record_id=record.id)
        session.add(made)
    return made


def pair_of_reviewers(make: Make) -> None:
    """Two who can decide."""
    make.officer()
    make.officer()


def uses(context: Context) -> list[Candidate]:
    """The candidates that are known answers."""
    with context.db.read() as session:
        return list(
            session.exec(
                select(Candidate)
                .join(GoldenUse, col(GoldenUse.candidate_id) == col(Candidate.id))
                .order_by(col(GoldenUse.mixed_in_at))
            )
        )


def mixed_in(context: Context, make: Make, *, area: str = "440304") -> Candidate:
    """A known answer before officers of an area."""
    before = {use.id for use in uses(context)}
    beside = make.candidate(tip=make.tip(area=area))
    assert golden.mix_in_beside_tip(always(context), beside.tip_id) == 1
    (made,) = [use for use in uses(context) if use.id not in before]
    golden.hand_over(context, made.tip_id)
    return made


class TestMixingIn:
    def test_a_known_answer_comes_beside_a_candidate(self, context: Context, make: Make) -> None:
        """Reviewers meet it in the queue, in the same area, a little later than its tip."""
        item(make)
        pair_of_reviewers(make)
        beside = make.candidate()

        count = golden.mix_in_beside_tip(always(context), beside.tip_id)

        (made,) = uses(context)
        with context.db.read() as session:
            tip = session.get_one(Tip, made.tip_id)
            (job,) = session.exec(select(Job).where(Job.kind == "hand_over_golden")).all()
        assert count == 1
        assert (tip.state, tip.jurisdiction_code) == (TipState.PROCESSING, "440304")
        assert job.run_at > tip.received_at
        assert made.id.version == beside.id.version == 4

    def test_a_repeated_step_makes_nothing_twice(self, context: Context, make: Make) -> None:
        """A worker may die after any step and another does it again."""
        item(make), item(make, "pair-2")
        pair_of_reviewers(make)
        beside = make.candidate()
        golden.mix_in_beside_tip(always(context), beside.tip_id)

        again = golden.mix_in_beside_tip(always(context), beside.tip_id)
        golden.hand_over(context, uses(context)[0].tip_id)
        golden.hand_over(context, uses(context)[0].tip_id)

        assert again == 0
        assert len(uses(context)) == 1
        with context.db.read() as session:
            assert len(session.exec(select(Job).where(Job.kind == "take_back_golden")).all()) == 1

    def test_the_rate_is_kept_in_the_long_run(self, context: Context, make: Make) -> None:
        """At a rate of nought nothing is mixed in, and what decides is the secret key, not the clock."""
        item(make)
        pair_of_reviewers(make)
        beside = make.candidate()
        never = context.settings.model_copy(update={"golden_rate": 0.0})

        count = golden.mix_in_beside_tip(
            Context(never, context.keys, context.db, context.store), beside.tip_id
        )

        assert count == 0

    def test_without_two_reviewers_who_never_had_it_it_stays_in_the_pool(
        self, context: Context, make: Make
    ) -> None:
        """A known answer that nobody may decide would lie in the queue for ever."""
        item(make)
        make.officer()
        beside = make.candidate()

        assert golden.mix_in_beside_tip(always(context), beside.tip_id) == 0

    def test_one_waits_at_a_time_where_officers_see_both(self, context: Context, make: Make) -> None:
        """One that vanished from the queue as another was opened would give both away."""
        item(make)
        pair_of_reviewers(make)
        mixed_in(context, make)
        beside = make.candidate()

        assert golden.mix_in_beside_tip(always(context), beside.tip_id) == 0

    def test_files_of_a_mixing_that_came_too_late_are_removed(self, context: Context, make: Make) -> None:
        """No sealed picture lies about without a row."""
        item(make)
        pair_of_reviewers(make)
        mixed_in(context, make)
        files = {name.rpartition("/")[2] for name in stored.files(context)}
        with context.db.read() as session:
            named = set(session.exec(select(Photo.store_key)))

        assert files >= {key.split("/")[1] for key in named}
        assert len(files) == len({*named}) + _renditions(context)


class TestTheFace:
    @pytest.mark.parametrize(("truth", "right"), [(GoldenTruth.SAME, 1), (GoldenTruth.DIFFERENT, 0)])
    def test_a_companion_does_not_turn_the_answer_round(
        self, context: Context, make: Make, truth: GoldenTruth, right: int
    ) -> None:
        """Of several faces the one is compared of which the answer is true, not simply the largest."""
        known = item(make, truth=truth)
        pair_of_reviewers(make)
        with context.db.write() as session:
            (large,) = session.exec(select(Face).where(Face.photo_id == known.photo_id)).all()
            small = Face(photo_id=known.photo_id, position=1, left=40, top=8, width=12, height=12)
            reference = session.exec(
                select(Reference.face_id).where(Reference.record_id == known.record_id)
            ).one()
            session.add(small)
            session.flush()
            assert reference is not None
            for face_id, vector in ((large.id, (0, 1)), (small.id, (3, 0.5)), (reference, (1, 0))):
                session.add(
                    Template(
                        face_id=face_id,
                        encoder=ENCODER,
                        encoder_version=ENCODER_VERSION,
                        vector=struct.pack("<2f", *vector),
                    )
                )

        use = mixed_in(context, make)

        with context.db.read() as session:
            assert session.get_one(Face, use.face_id).position == right
            assert session.exec(select(Template).where(Template.face_id == use.face_id)).all() == []


class TestNobodyCanTell:
    def test_its_pages_are_a_candidates_pages(self, desk: Desk, make: Make, context: Context) -> None:
        """Names, ids and times apart, the bytes are those of any other, before and after deciding."""
        item(make)
        pair_of_reviewers(make)
        real = make.candidate(tip=make.tip(language="zh"))
        known = mixed_in(context, make)
        ada = make.officer()

        pages = []
        for candidate in (real, known):
            review_id = desk.hold(candidate, ada)
            before = desk.client.get(f"/console/reviews/{review_id}", as_=ada)
            desk.send(review_id, ada, Conclusion.EXCLUDE)
            after = desk.client.get(f"/console/reviews/{review_id}", as_=ada)
            told = desk.client.get(f"/console/candidates/{candidate.id}", as_=ada)
            pages.append([_shape(answer.text) for answer in (before, after, told)])

        assert pages[0] == pages[1]

    def test_its_line_in_the_queue_is_a_candidates_line(
        self, desk: Desk, make: Make, context: Context
    ) -> None:
        """Reasons, clocks and marks are those of any candidate that came in just now."""
        item(make)
        pair_of_reviewers(make)
        known = mixed_in(context, make)
        made = make.tip(language="zh", observed_at=now() - timedelta(minutes=30))
        with context.db.write() as session:
            session.add(TipEvent(tip_id=made.id, state=TipState.ROUTED, jurisdiction_code="440304"))
        real = make.candidate(tip=made)

        page = desk.client.get("/console/reviews", as_=make.officer()).text

        lines = {
            candidate_id: _shape(line)
            for candidate_id, line in re.findall(r'<tr data-item="([^"]+)">(.*?)</tr>', page, flags=re.DOTALL)
        }
        known_line, real_line = lines[str(known.id)], lines[str(real.id)]
        assert _without_place(known_line) == _without_place(real_line)

    def test_its_pictures_are_served_like_a_candidates(
        self, desk: Desk, make: Make, context: Context
    ) -> None:
        """A picture that could not be seen would tell; so would a word in its address."""
        item(make)
        pair_of_reviewers(make)
        known = mixed_in(context, make)
        ada = make.officer()
        page = desk.client.get(f"/console/reviews/{desk.hold(known, ada)}", as_=ada).text

        addresses = set(re.findall(r'(?:src|href)="(/console/photos/[^"]+)"', page))

        assert len(addresses) >= 3
        assert {
            desk.client.get(address.replace("&amp;", "&"), as_=ada).status_code for address in addresses
        } == {200}
        assert "golden" not in page.lower()
        assert "known-answer" not in page.lower()

    def test_the_same_one_is_not_given_to_an_officer_twice(
        self, desk: Desk, make: Make, context: Context
    ) -> None:
        """Nobody learns answers by heart: a second use waits for others, also for a direct request."""
        item(make)
        ada, bob = make.officer(), make.officer()
        first = mixed_in(context, make)
        desk.decide(first, Conclusion.SUPPORT_SAME, ada)
        desk.decide(first, Conclusion.SUPPORT_SAME, bob)
        pair_of_reviewers(make)
        second = mixed_in(context, make)

        refused = desk.claim(second, ada)
        queue = desk.client.get("/console/reviews", as_=ada).text

        assert refused.status_code == 409
        assert str(second.id) not in queue
        assert desk.claim(second, make.officer()).status_code == 303

    def test_it_goes_before_it_would_have_to_be_escalated(self, context: Context, make: Make) -> None:
        """A tip whose clock ran out and that does not go up would be seen through."""
        item(make)
        pair_of_reviewers(make)
        known = mixed_in(context, make)
        with context.db.read() as session:
            (job,) = session.exec(select(Job).where(Job.kind == "take_back_golden")).all()

        golden.take_back(context, known.tip_id)

        assert job.run_at <= now() + timedelta(hours=context.settings.acknowledge_hours)
        assert uses(context)[0].state == CandidateState.WITHDRAWN

    def test_one_that_was_opened_stays_as_long_as_others_would(
        self, desk: Desk, make: Make, context: Context
    ) -> None:
        """Nothing is taken from under an officer's hands."""
        item(make)
        pair_of_reviewers(make)
        known = mixed_in(context, make)
        desk.decide(known, Conclusion.EXCLUDE)

        golden.take_back(context, known.tip_id)

        assert desk.state(known) == CandidateState.DECIDED_ONCE


class TestItLeadsNowhere:
    def test_two_who_agree_make_no_lead(self, desk: Desk, make: Make, context: Context) -> None:
        """A person who does not exist never sends officers out."""
        item(make)
        pair_of_reviewers(make)
        known = mixed_in(context, make)

        desk.decide(known, Conclusion.SUPPORT_SAME_STRONG)
        desk.decide(known, Conclusion.SUPPORT_SAME)

        assert desk.state(known) == CandidateState.AGREED_SAME
        assert desk.leads() == []

    def test_an_examiner_makes_no_lead_either(self, desk: Desk, make: Make, context: Context) -> None:
        """The third pair of eyes is tried like the first two."""
        item(make)
        pair_of_reviewers(make)
        known = mixed_in(context, make)
        desk.dispute(known)

        desk.decide(known, Conclusion.SUPPORT_SAME, make.officer(Role.SUPERVISOR))

        assert desk.state(known) == CandidateState.EXAMINED
        assert desk.leads() == []

    def test_every_list_and_count_is_the_same_with_and_without_it(
        self, desk: Desk, make: Make, context: Context
    ) -> None:
        """Known answers move no figure, list, map or clock of any role; only the review queue shows them."""
        roles = (
            make.officer(Role.INVESTIGATOR, Role.SUPERVISOR, area="440300"),
            make.officer(Role.CLERK),
            make.officer(Role.REVIEWER),
            make.officer(Role.REVIEWER),
        )
        item(make)
        beside = make.candidate()
        paths = (
            "triage",
            "cases",
            "referrals",
            "sightings",
            "map",
            "oversight",
            "oversight/tips",
            "oversight/leads",
            "oversight/disputed",
            "appeals",
            "failed",
            "records",
        )
        before = _answers(desk.client, roles, paths)

        golden.mix_in_beside_tip(always(context), beside.tip_id)
        golden.hand_over(context, uses(context)[0].tip_id)

        assert _answers(desk.client, roles, paths) == before
        queue = desk.client.get("/console/reviews", as_=roles[2]).text
        assert str(uses(context)[0].id) in queue

    @pytest.mark.parametrize("role", [Role.REVIEWER, Role.INVESTIGATOR, Role.SUPERVISOR])
    def test_its_tip_has_no_page(self, desk: Desk, make: Make, context: Context, role: Role) -> None:
        """Nobody triages, transfers or closes what nobody sent."""
        item(make)
        pair_of_reviewers(make)
        known = mixed_in(context, make)

        answer = desk.client.get(f"/console/tips/{known.tip_id}", as_=make.officer(role))

        assert answer.status_code == 404

    def test_nothing_is_searched_with_it(self, make: Make, context: Context) -> None:
        """A synthetic face brings up no child of the registry, however often encoders change."""
        item(make)
        pair_of_reviewers(make)
        known = mixed_in(context, make)

        with context.db.read() as session:
            between = queries.tips_between(session, UUID(int=0), UUID(int=2**128 - 1))
        assert known.tip_id not in between


class TestThePool:
    def test_a_folder_is_added_examined_and_used(self, context: Context, make: Make, tmp_path: Path) -> None:
        """A pair is stored as a closed synthetic record and a photo without a tip; known names stay."""
        _folder(tmp_path, ("one", "a.jpg", "b.jpg", "same", "9.0", "7.5"))

        first = golden_pool.add_folder(context, tmp_path)
        second = golden_pool.add_folder(context, tmp_path)

        with context.db.read() as session:
            (made,) = session.exec(select(GoldenItem)).all()
            record = session.get_one(Record, made.record_id)
            kinds = sorted(session.exec(select(Job.kind)))
            assert not record_queries.search(session, make.officer(Role.CLERK), "", None, 1).items
        assert (first, second) == ((1, 0), (0, 1))
        assert (record.golden, record.state) == (True, RecordState.CLOSED)
        assert record.born_on is not None
        assert (now().date() - record.born_on).days == pytest.approx(9 * 365.2425, abs=2)
        assert kinds == ["examine_golden", "examine_reference"]
        assert set(kinds) <= set(pipeline.HANDLERS)

    @pytest.mark.parametrize(
        "row",
        [
            ("one", "a.jpg", "b.jpg", "perhaps", "9", "7"),
            ("one", "../a.jpg", "b.jpg", "same", "9", "7"),
            ("one", "a.jpg", "none.jpg", "same", "9", "7"),
            ("one", "a.jpg", "b.jpg", "same", "7", "9"),
            ("one", "a.jpg", "b.jpg", "same", "", "9"),
            ("", "a.jpg", "b.jpg", "same", "9", "7"),
        ],
    )
    def test_a_bad_line_adds_nothing(self, context: Context, tmp_path: Path, row: tuple[str, ...]) -> None:
        """Half a pool would measure something else than was meant."""
        _folder(tmp_path, ("good", "a.jpg", "b.jpg", "same", "9", "7"), row)

        with pytest.raises(Invalid):
            golden_pool.add_folder(context, tmp_path)

        with context.db.read() as session:
            assert session.exec(select(GoldenItem)).all() == []

    def test_retiring_withdraws_what_waits_and_only_once(
        self, desk: Desk, make: Make, context: Context
    ) -> None:
        """A pair that turned out unfit is decided by nobody else; what was decided stays."""
        item(make)
        pair_of_reviewers(make)
        known = mixed_in(context, make)

        with context.db.write() as session:
            golden_pool.retire(session, "pair-1")

        assert desk.state(known) == CandidateState.WITHDRAWN
        with context.db.write() as session, pytest.raises(Conflict):
            golden_pool.retire(session, "pair-1")
        with context.db.write() as session, pytest.raises(NotFound):
            golden_pool.retire(session, "pair-9")
        with context.db.read() as session:
            (line,) = golden_queries.pool(session)
        assert (line.ready, line.uses) == (False, 1)
        assert Action.CANDIDATE_WITHDRAWN in {event.action for event in desk.audited(known.id)}


def _folder(folder: Path, *rows: tuple[str, ...]) -> None:
    (folder / "a.jpg").write_bytes(jpeg((10, 20, 30)))
    (folder / "b.jpg").write_bytes(jpeg((40, 50, 60)))
    with (folder / "golden.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def _renditions(context: Context) -> int:
    with context.db.read() as session:
        return len(session.exec(select(Rendition.id)).all())


def _answers(
    client: Client, roles: tuple[Officer, ...], paths: tuple[str, ...]
) -> dict[tuple[int, str], tuple[int, str]]:
    found = {}
    for place, officer in enumerate(roles):
        for path in paths:
            answer = client.get(f"/console/{path}", as_=officer)
            found[place, path] = (answer.status_code, answer.text)
    return found


def _shape(text: str) -> str:
    """A page without ids, numbers and what the sender or the record says."""
    body = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text)
    body = re.sub(r"<dd[^>]*>.*?</dd>", "<dd>", body, flags=re.DOTALL)
    return re.sub(r"\u202f[AP]M", " M", re.sub(r"\d+", "N", body))


def _without_place(line: str) -> str:
    """A line of the queue without where its sender was."""
    line = re.sub(r'(hidden">)\(.*?\)', r"\1", line)
    return re.sub(r'(data-label="Place">).*?</td>', r"\1</td>", line, flags=re.DOTALL)
