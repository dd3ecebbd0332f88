"""The examiner of a worker: it makes the templates of whichever encoders are in use now."""

from typing import Self

from app.core.db import Database
from app.encoders.installed import names_in_use
from app.photos.sandbox import Examiner
from matching.examination import Examination


class EnrolledExaminer:
    """Examines photos for the encoders in use, and starts its server anew when those change.

    Args:
        db: where encoders are enrolled.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._names: tuple[str, ...] = ()
        self._examiner: Examiner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server."""
        if self._examiner is not None:
            self._examiner.close()
            self._examiner = None

    def examine(self, data: bytes) -> Examination:
        """Examine one photo; see `Examiner.examine`."""
        names = names_in_use(self._db)
        if self._examiner is None or names != self._names:
            self.close()
            self._names, self._examiner = names, Examiner(encoders=names)
        return self._examiner.examine(data)
