"""Putting a tip's photo into the cluster of the same picture. Runs in the worker.

- The very same file, or else the strongest finding among the photos that share words with it, decides.
- A photo may be the same picture as photos of two clusters, as a collage is. It joins one; the other is told
  to officers as a link without effect. Two clusters are never joined by the machine: officers may have
  decided on either, and one wrong link would mix all of their photos.
- What an officer took out of a cluster is not joined again, nor is anything joined to it by itself.
- Nothing is computed inside a writing transaction: the photos to compare with are fetched and compared first,
  and compared anew only with what came in meanwhile.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import numpy as np
from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.db import Database
from app.photos import queries
from app.photos.models import (
    LinkDerived,
    LinkKind,
    Photo,
    PhotoCluster,
    PhotoFingerprint,
    PhotoHash,
    PhotoLink,
    PhotoOnList,
    PhotoState,
    PhotoWord,
)
from matching import hashing
from matching.hashing import PictureHash, band_keys, from_signed
from matching.pictures.fingerprint import Fingerprint
from matching.pictures.pdq import SAME_PDQ, Pdq, near_band_words, pdq_distances
from matching.pictures.same_picture import SameAs, same_picture
from matching.pictures.shelf import MOST_LOOKED_AT
from matching.pictures.words import hash_words, keypoint_words, sought_hashes, sought_keypoint_words

COMMON_WORD: Final = 500
"""Photos that have a word from which it says nothing any more and is not filed again. It bounds what a lookup
reads: of 160 words of a picture hardly one is that common in a city's 100,000 photos."""

MOST_OF_A_CLUSTER: Final = 4
"""Photos of one cluster that a new one is compared with by its hashes: the nearest, then the oldest."""

_ROUNDS: Final = 5
"""Times that a photo is compared anew with what came in meanwhile, before it joins without that."""


@dataclass
class _Findings:
    """What a photo is of others, and how far the index was read."""

    newest: int = 0
    """Number of the newest fingerprint that was there."""
    same: dict[UUID, SameAs] = field(default_factory=dict)
    """By photo, whether it has a cluster already or not."""
    listed: dict[int, int] = field(default_factory=dict)
    """Distance by number of the known picture."""


def keep_fingerprint(session: Session, photo_id: UUID, found: Fingerprint) -> None:
    """File a photo's fingerprint; a flat picture has none, and a repeated step changes nothing."""
    if not found.usable or queries.fingerprint_of(session, photo_id) is not None:
        return
    row = PhotoFingerprint(
        photo_id=photo_id,
        pdq=found.whole.hexadecimal if found.whole.usable else "",
        pdq_quality=found.whole.quality,
        content_pdq=found.views.plain.hexadecimal if found.views.plain.usable else "",
        fingerprint=found.to_bytes(),
    )
    session.add(row)
    session.flush()
    assert row.number is not None
    common = queries.common_words(session, keypoint_words(found).tolist(), COMMON_WORD)
    words = {*hash_words(found).tolist(), *keypoint_words(found).tolist()} - common
    session.add_all(PhotoWord(word=word, number=row.number) for word in sorted(words))


def near_hashes(
    session: Session, sought: Sequence[Pdq], words: Sequence[int], after: int = 0
) -> list[tuple[queries.FiledHashes, int]]:
    """Photos of which a hash, with or without its frame, lies near one of those sought, and how far off."""
    rows = queries.with_hash_words(session, words, after)
    whole = pdq_distances(sought, [row.pdq for row in rows])
    content = pdq_distances(sought, [row.content_pdq for row in rows])
    nearest = np.minimum(whole, content).tolist()
    return [(row, distance) for row, distance in zip(rows, nearest, strict=True) if distance <= SAME_PDQ]


def pictures_like(
    session: Session, probe: Fingerprint, after: int = 0, but: int | None = None
) -> dict[UUID, SameAs]:
    """Tips' photos that are the same picture as one, and what it is of each; nothing is written.

    Args:
        session: any session.
        probe: the picture's fingerprint.
        after: only photos filed under a higher number.
        but: number of the picture's own fingerprint, if it is filed.
    """
    sought = sought_hashes(probe)
    near = near_hashes(session, sought, near_band_words(sought).tolist(), after)
    numbers = {row.number for row in _nearest_of_each_cluster(near)}
    numbers |= queries.sharing_words(session, sought_keypoint_words(probe).tolist(), after, MOST_LOOKED_AT)
    found: dict[UUID, SameAs] = {}
    for row in queries.open_fingerprints(session, [n for n in numbers if n is not None and n != but]):
        same = same_picture(probe, Fingerprint.from_bytes(row.fingerprint))
        if same is not None:
            found[row.photo_id] = same
    return found


def _nearest_of_each_cluster(
    near: Sequence[tuple[queries.FiledHashes, int]],
) -> list[queries.FiledHashes]:
    """Those worth a close look: of a picture that went round a thousand times a few tell as much as all."""
    of_cluster: Counter[UUID | None] = Counter()
    chosen = []
    for row, _ in sorted(near, key=lambda found: (found[1], found[0].number or 0)):
        of_cluster[row.cluster_id] += 1
        if row.cluster_id is None or of_cluster[row.cluster_id] <= MOST_OF_A_CLUSTER:
            chosen.append(row)
    return chosen[:MOST_LOOKED_AT]


def join_cluster(database: Database, photo_id: UUID) -> None:
    """Put a tip's photo into the cluster of the same picture, or start one; repeated, it changes nothing.

    Args:
        database: where the photo is.
        photo_id: an examined or parked photo of a tip; one that could not be read and whose bytes are new
            gets no cluster.
    """
    findings = _Findings()
    for left in reversed(range(_ROUNDS)):
        with database.read() as session:
            _compare(session, photo_id, findings)
        with database.write() as session:
            photo = session.get_one(Photo, photo_id)
            if photo.cluster_id is not None:
                return
            if left and queries.newest_fingerprint(session) > findings.newest:
                continue
            _join(session, photo, findings)
            return


def _compare(session: Session, photo_id: UUID, findings: _Findings) -> None:
    """Compare a photo with those that share words with it and were not yet there the last time."""
    seen, findings.newest = findings.newest, queries.newest_fingerprint(session)
    own = queries.fingerprint_of(session, photo_id)
    if own is None:
        return
    probe = Fingerprint.from_bytes(own.fingerprint)
    findings.same |= pictures_like(session, probe, seen, own.number)
    sought = sought_hashes(probe)
    words = near_band_words(sought).tolist()
    listed = queries.known_with_words(session, words)
    for known, distance in zip(listed, pdq_distances(sought, [each.pdq for each in listed]), strict=True):
        if distance <= SAME_PDQ and known.number is not None:
            findings.listed[known.number] = int(distance)


def _join(session: Session, photo: Photo, findings: _Findings) -> None:
    for number, distance in findings.listed.items():
        session.add(PhotoOnList(photo_id=photo.id, known_number=number, distance=distance))
    links = [] if photo.kept_apart else _links(session, photo, findings)
    if not links and photo.state != PhotoState.EXAMINED:
        return
    if not links:
        cluster = PhotoCluster()
        session.add(cluster)
        session.flush()
        photo.cluster_id = cluster.id
    else:
        link, other = links[0]
        photo.cluster_id = other.cluster_id
        link.joined = True
        audit.record(
            session,
            SYSTEM,
            Action.PHOTO_CLUSTERED,
            "photo",
            photo.id,
            cluster=str(other.cluster_id),
            same_as=str(other.id),
            kind=link.kind.value,
        )
        told = {other.cluster_id}
        for further, elsewhere in links:
            if further is link or elsewhere.cluster_id not in told:
                told.add(elsewhere.cluster_id)
                session.add(further)
    session.add(photo)


def _links(session: Session, photo: Photo, findings: _Findings) -> list[tuple[PhotoLink, Photo]]:
    """What the photo is of photos that have a cluster, the strongest first."""
    links: list[tuple[PhotoLink, Photo]] = []
    same_file = queries.same_bytes(session, photo)
    if same_file is not None:
        link = PhotoLink(photo_id=photo.id, other_id=same_file.id, kind=LinkKind.SAME_FILE, joined=False)
        links.append((link, same_file))
    strongest = sorted(findings.same.items(), key=lambda found: found[1].strength, reverse=True)
    for other in queries.clustered(session, [other_id for other_id, _ in strongest]):
        same = findings.same[other.id]
        link = PhotoLink(
            photo_id=photo.id,
            other_id=other.id,
            kind=LinkKind(same.kind.value),
            derived=LinkDerived(same.derived.value),
            joined=False,
            keypoints=same.keypoints,
            agreement=same.agreement,
            correlation=same.correlation,
            pdq_distance=same.pdq_distance,
            turned=same.turned,
        )
        links.append((link, other))
    # Photos that were examined before there were fingerprints are known by this hash alone.
    near = None if links else _near_hash(session, photo)
    if near is not None:
        links.append((PhotoLink(photo_id=photo.id, other_id=near.id, kind=LinkKind.COPY, joined=False), near))
    distinct = {link.other_id: (link, other) for link, other in reversed(links)}
    return list(reversed(distinct.values()))


def _near_hash(session: Session, photo: Photo) -> Photo | None:
    own = session.get(PhotoHash, photo.id)
    if own is None:
        return None
    probe = _as_hash(own)
    for other, stored in queries.near(session, photo.id, band_keys(probe.phash)):
        if other.cluster_id is not None and hashing.same_picture(probe, _as_hash(stored)):
            return other
    return None


def _as_hash(row: PhotoHash) -> PictureHash:
    return PictureHash(from_signed(row.phash), row.verification, row.detail)
