"""Lists of PDQ hashes: every form that the tools exchange, and flags that drop nothing."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select
from typer.testing import CliRunner

from app import cli
from app.core.context import Context
from app.core.errors import Invalid
from app.photos import hash_lists, queries
from app.photos.hash_lists import ListedHash
from app.photos.models import KnownList, KnownPicture, KnownWord, PhotoOnList
from tests.app.photos.test_joining import OTHER, STREET, Album, edited
from tests.conftest import environment_of
from tests.make import Make

ONE, TWO = "0f" * 32, "a5" * 32

listed = st.lists(
    st.builds(
        ListedHash,
        st.binary(min_size=32, max_size=32).map(bytes.hex),
        st.integers(0, 100),
        st.lists(st.text("abc _-", min_size=1, max_size=6), max_size=3).map(",".join),
    ),
    max_size=5,
    unique_by=lambda each: each.pdq,
)


@pytest.fixture
def album(context: Context, make: Make) -> Album:
    return Album(context, make)


class TestForms:
    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(listed, st.sampled_from([".csv", ".jsonl"]))
    def test_what_is_written_is_read(self, tmp_path: Path, hashes: list[ListedHash], ending: str) -> None:
        """Hashes, qualities and tags reach the other side as they were."""
        path = tmp_path / f"list{ending}"

        assert hash_lists.write_list(path, hashes) == len(hashes)
        assert hash_lists.read_list(path) == hashes

    def test_the_library_reads_our_signals(self, tmp_path: Path) -> None:
        """ThreatExchange's local file: the kind, a space, the signal."""
        path = tmp_path / "list.txt"
        hash_lists.write_list(path, [ListedHash(ONE, 80), ListedHash(TWO, 90)])

        assert path.read_text() == f"pdq {ONE}\npdq {TWO}\n"
        assert [each.pdq for each in hash_lists.read_list(path)] == [ONE, TWO]

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("a.csv", f"{ONE},87,/photos/a.jpg\n{TWO},60,b.jpg\n"),
            ("a.csv", f"hash,quality,tags\n{ONE.upper()},87,viral\n{TWO},60,\n"),
            ("a.csv", f"\ufeffvalue,note\n{ONE},x\n{TWO},y\n"),
            ("a.txt", f"{ONE}\npdq {TWO}\nvideo_md5 d41d8cd98f00b204e9800998ecf8427e\n"),
            (
                "a.jsonl",
                json.dumps({"signal_type": "pdq", "signal_str": ONE})
                + "\n\n"
                + json.dumps({"type": "HASH_PDQ", "raw_indicator": TWO}),
            ),
        ],
    )
    def test_the_tools_own_forms_are_read(self, tmp_path: Path, name: str, text: str) -> None:
        """A list is brought in as it was received, without being edited first."""
        path = tmp_path / name
        path.write_text(text)

        assert [each.pdq for each in hash_lists.read_list(path)] == [ONE, TWO]

    @pytest.mark.parametrize(
        ("name", "text", "line"),
        [
            ("a.csv", f"hash,quality\n{ONE},50\nzz,50\n", 3),
            ("a.csv", f"hash,quality\n{ONE},101\n", 2),
            ("a.jsonl", f'{{"pdq": "{ONE}"}}\n[1]\n', 2),
            ("a.jsonl", "nonsense", 1),
            ("a.txt", f"{ONE}\n{ONE[:-1]}\n", 2),
        ],
    )
    def test_a_wrong_line_is_named_and_nothing_is_taken(
        self, tmp_path: Path, name: str, text: str, line: int
    ) -> None:
        """Half a list would be believed to be the whole one."""
        path = tmp_path / name
        path.write_text(text)

        with pytest.raises(Invalid) as refusal:
            hash_lists.read_list(path)

        assert refusal.value.values == {"line": line}

    def test_another_ending_is_refused(self, tmp_path: Path) -> None:
        """A file that nobody can read helps nobody."""
        with pytest.raises(Invalid):
            hash_lists.write_list(tmp_path / "list.xml", [])


class TestFlags:
    def own(self, album: Album) -> list[ListedHash]:
        with album.context.db.read() as session:
            return list(hash_lists.of_own_clusters(session))

    def test_one_hash_of_each_cluster_is_given_out(self, album: Album) -> None:
        """Others look for the picture, not for its reposts."""
        album.send(STREET)
        album.send(edited(STREET, "crop to 50 %"))
        album.send(OTHER)

        own = self.own(album)

        assert len(own) == 2
        assert all(each.quality > 50 and each.tags == "" for each in own)

    def test_photos_that_came_before_or_after_a_list_are_flagged(self, album: Album) -> None:
        """A picture that was explained years ago is said to be so, and so are copies that no hash finds."""
        before = album.send(STREET)
        known = [ListedHash(each.pdq, each.quality, "viral,2019") for each in self.own(album)]

        assert hash_lists.add_list(album.context.db, "Explained", known) == 1
        after = album.send(edited(STREET, "recompressed"))
        mirrored = album.send(edited(STREET, "mirrored"))
        crop = album.send(edited(STREET, "crop to 50 %"))
        stranger = album.send(OTHER)

        with album.context.db.read() as session:
            found = queries.lists_of(session, [before, after, mirrored, crop, stranger])
            near = set(session.exec(select(PhotoOnList.photo_id)))
        assert near == {before, after, mirrored}
        assert set(found) == near | {crop}
        ((known_list, picture),) = found[after]
        assert (known_list.name, picture.tags) == ("Explained", "viral,2019")
        assert album.cluster(after) == album.cluster(before)

    def test_the_commands_give_out_and_bring_in(
        self, album: Album, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """What one deployment writes another one reads."""
        settings = album.context.settings
        for name, value in environment_of(settings).items():
            monkeypatch.setenv(name, value)
        sent = album.send(STREET)
        path = str(tmp_path / "own.csv")

        given = CliRunner().invoke(cli.app, ["hashes", "export", path])
        taken = CliRunner().invoke(cli.app, ["hashes", "import", path, "--name", "Ours"])

        assert given.output.startswith("1 hashes written")
        assert taken.output.startswith("1 of 1 pictures added")
        with album.context.db.read() as session:
            assert set(queries.lists_of(session, [sent])) == {sent}

    def test_bringing_a_list_in_again_adds_what_is_new(self, album: Album) -> None:
        """An import that was stopped goes on; one that was not changes nothing."""
        one, two, poor = ListedHash(ONE, 80), ListedHash(TWO, 90), ListedHash("17" * 32, 10)

        assert hash_lists.add_list(album.context.db, "List", [one, poor]) == 1
        assert hash_lists.add_list(album.context.db, "List", [one, two, poor]) == 1
        assert hash_lists.add_list(album.context.db, "List", [one, two]) == 0

        with album.context.db.read() as session:
            assert len(session.exec(select(KnownList)).all()) == 1
            assert {row.pdq for row in session.exec(select(KnownPicture))} == {ONE, TWO}
            assert len(session.exec(select(KnownWord)).all()) == 32
