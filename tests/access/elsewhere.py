"""One of everything that an area has, written straight into the database."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import select

from app.bulletins.models import Bulletin, BulletinText
from app.cases.models import CaseAttachment, CaseTask
from app.core.clock import now
from app.core.context import Context
from app.photos.models import Face, OriginalRequest, Photo
from app.referrals.models import Agency, Referral, ReferralEvent, ReferralState
from app.reviews.models import Appeal, AppealKind, Review, SavedView
from app.sightings.models import Sighting, SightingFace, SightingSuggestion
from tests.make import Make

WORDS = "Written at the desk of Luohu"


def rest_of_a_world(context: Context, make: Make, places: dict[str, str], area: str) -> dict[str, str]:
    """Reviews, referrals, sightings, bulletins, appeals, files, tasks and wishes beside what there is.

    Args:
        context: the open deployment.
        make: its builders.
        places: ids of a tip, candidate, case, photo and officer of the area.
        area: its code.

    Returns:
        Ids by the names that routes have for them.
    """
    ids = {name: UUID(value) for name, value in places.items()}
    officer, other = ids["officer_id"], make.tip(area=area, place_text=WORDS)
    with context.db.write() as session:
        photos = [ids["photo_id"], session.exec(select(Photo.id).where(Photo.tip_id == other.id)).one()]
        faces = [_face(session, photo) for photo in photos]
        review = _kept(
            session,
            Review(
                candidate_id=ids["candidate_id"],
                officer_id=officer,
                lease_until=now() + timedelta(hours=1),
            ),
        )
        appeal = Appeal(
            candidate_id=ids["candidate_id"], kind=next(iter(AppealKind)), officer_id=officer, motive=WORDS
        )
        referral = Referral(
            tip_id=ids["tip_id"],
            jurisdiction_code=area,
            agency=next(iter(Agency)),
            request=WORDS,
            sent_by=officer,
        )
        sent = _kept(session, referral)
        session.add(ReferralEvent(referral_id=sent, state=ReferralState.SENT, officer_id=officer))
        sighting = _kept(session, Sighting(jurisdiction_code=area, made_by=officer, note=WORDS))
        session.add(
            SightingFace(sighting_id=sighting, face_id=faces[0], tip_id=ids["tip_id"], added_by=officer)
        )
        suggestion = SightingSuggestion(
            face_id=min(faces),
            other_id=max(faces),
            score=0.9,
            encoder="dlib",
            encoder_version="1",
            distance_m=100.0,
            hours_apart=1.0,
        )
        bulletin = _kept(session, Bulletin(jurisdiction_code=area, written_by=officer))
        session.add(BulletinText(bulletin_id=bulletin, language="en", title="For all", body="To be read"))
        attachment = CaseAttachment(
            case_id=ids["case_id"],
            name=f"{WORDS}.pdf",
            media_type="application/pdf",
            byte_count=1,
            sha256="0" * 64,
            store_key="no file",
            sealed_key=b"",
            added_by=officer,
        )
        return {
            "review_id": str(review),
            "appeal_id": str(_kept(session, appeal)),
            "referral_id": str(sent),
            "sighting_id": str(sighting),
            "suggestion_id": str(_kept(session, suggestion)),
            "face_id": str(faces[0]),
            "bulletin_id": str(bulletin),
            "attachment_id": str(_kept(session, attachment)),
            "task_id": str(_kept(session, CaseTask(case_id=ids["case_id"], title=WORDS))),
            "other_id": str(photos[1]),
            "view_id": str(
                _kept(session, SavedView(officer_id=officer, page="reviews", name=WORDS, query="a=b"))
            ),
            "request_id": str(
                _kept(
                    session,
                    OriginalRequest(
                        photo_id=ids["photo_id"],
                        asked_by=officer,
                        reason_sealed=context.keys.seal(WORDS.encode()),
                    ),
                )
            ),
        }


def _face(session: Any, photo_id: UUID) -> UUID:
    return _kept(session, Face(photo_id=photo_id, position=7, left=1, top=1, width=40, height=40))


def _kept(session: Any, row: Any) -> UUID:
    session.add(row)
    session.flush()
    found: UUID = row.id
    return found
