"""Fingerprints filed in memory by their words, as the service's database files them."""

from collections import Counter, defaultdict
from typing import Final

from matching.pictures.fingerprint import Fingerprint
from matching.pictures.pdq import SAME_PDQ
from matching.pictures.same_picture import hash_distance, same_picture
from matching.pictures.words import hash_words, keypoint_words, sought_hash_words, sought_keypoint_words

MOST_LOOKED_AT: Final = 40
"""Pictures that share most keypoints' words with another and are compared with it.

Source:
    64 synthetic pictures, 20 edits each, among 1,913: of crops to a quarter 3 to 5 % share fewer words with
    their picture than 20 strangers do; of all other copies every picture is among the first 5.
"""


class Shelf:
    """Fingerprints, each with the place it was filed at: 0, 1, 2 and so on."""

    def __init__(self) -> None:
        self._prints: list[Fingerprint] = []
        self._places: dict[int, list[int]] = defaultdict(list)

    def add(self, picture: Fingerprint) -> None:
        """File a picture at the next place; a flat one is found by nobody."""
        if picture.usable:
            for word in (*hash_words(picture).tolist(), *keypoint_words(picture).tolist()):
                self._places[word].append(len(self._prints))
        self._prints.append(picture)

    def worth_a_look(self, picture: Fingerprint) -> list[int]:
        """Places of the pictures with near hashes, and of those that share most words of keypoints."""
        if not picture.usable:
            return []
        near = {place for word in sought_hash_words(picture).tolist() for place in self._places.get(word, ())}
        near = {place for place in near if hash_distance(picture, self._prints[place]) <= SAME_PDQ}
        shared = Counter(
            place for word in sought_keypoint_words(picture).tolist() for place in self._places.get(word, ())
        )
        return sorted({*near, *(place for place, _ in shared.most_common(MOST_LOOKED_AT))})

    def same_as(self, picture: Fingerprint) -> list[int]:
        """Places of the pictures that are the same."""
        return [place for place in self.worth_a_look(picture) if same_picture(picture, self._prints[place])]
