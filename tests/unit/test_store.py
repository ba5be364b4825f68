"""The database itself: durability settings, versions, damage, backups, locks held by others, places that refuse it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.project import DamagedProjectError, Project, place, queries
from app.project.backups import back_up, backups, restore
from app.project.database import Database
from app.project.schema import VERSION
from inference import project_place
from inference.errors import StorageError, UsageError


def put(database: Database, name: str) -> None:
    database.write(lambda c: c.execute("INSERT INTO images (path) VALUES (?)", (name,)).fetchall())


def names(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        found = [n for (n,) in connection.execute("SELECT path FROM images ORDER BY path")]
    connection.close()
    return found


@pytest.mark.parametrize(("shared", "mode", "synchronous"), [(False, "wal", 2), (True, "delete", 3)])
def test_how_commits_reach_the_disk(tmp_path: Path, shared: bool, mode: str, synchronous: int) -> None:
    database = Database(tmp_path / "p.db", shared=shared)
    found = []

    def look(connection: sqlite3.Connection) -> None:
        found.append(connection.execute("PRAGMA journal_mode").fetchone()[0])
        found.append(connection.execute("PRAGMA synchronous").fetchone()[0])
        found.append(connection.execute("PRAGMA foreign_keys").fetchone()[0])

    database.write(look)
    database.close()
    assert found == [mode, synchronous, 1]


def test_a_failed_change_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "p.db", shared=False)

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO images (path) VALUES ('a')")
        raise KeyError("bug")

    with pytest.raises(KeyError):
        database.write(half)
    put(database, "b")
    database.close()
    assert names(tmp_path / "p.db") == ["b"]


def test_a_disk_that_refuses_even_the_rollback_hangs_nobody(tmp_path: Path) -> None:
    database = Database(tmp_path / "p.db", shared=False)

    def gone(connection: sqlite3.Connection) -> None:
        connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action == 22 else sqlite3.SQLITE_OK)
        raise KeyError("bug")  # 22: SQLITE_TRANSACTION, so ROLLBACK is refused

    with pytest.raises(KeyError):
        database.write(gone)
    with pytest.raises(StorageError):
        put(database, "b")
    database.close()


def test_many_threads_write_one_after_the_other(tmp_path: Path) -> None:
    database = Database(tmp_path / "p.db", shared=False)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: put(database, f"{n:03d}"), range(100)))
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (100,)
    database.close()


def test_a_locked_database_is_told(tmp_path: Path) -> None:
    database = Database(tmp_path / "p.db", shared=False, busy_ms=50)
    other = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="Another program holds the project"):
        put(database, "a")
    other.execute("ROLLBACK")
    other.close()
    put(database, "a")
    database.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_database_that_is_moved_away_is_not_written(tmp_path: Path, replaced: bool) -> None:
    path, moved = tmp_path / "project.db", tmp_path / "moved.db"
    database = Database(path, shared=False)
    put(database, "kept")
    path.rename(moved)
    if replaced:  # as by a backup that another program puts back
        path.write_bytes(moved.read_bytes())
    assert not database.in_place
    with pytest.raises(StorageError, match="not where it was"):
        put(database, "lost")
    if not replaced:
        with pytest.raises(StorageError, match="not where it was"), database.reading():
            pass
    moved.replace(path)
    put(database, "later")
    database.close()
    assert names(path) == ["kept", "later"]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    database = Database(tmp_path / "p.db", shared=False)
    database.limit_pages(1)
    with pytest.raises(StorageError, match="disk is full") as caught:
        put(database, "x" * 100_000)
    assert "SQLITE_FULL" in str(caught.value.details)
    database.limit_pages(0)
    put(database, "x" * 100_000)
    database.close()


def test_a_newer_project_is_refused_and_left_alone(tmp_path: Path, qapp: object) -> None:
    Project.open(tmp_path).close()
    path = tmp_path / ".winnow" / "project.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StorageError, match="newer Winnow"):
            Project.open(tmp_path, read_only=read_only)
    assert path.read_bytes() == before


def test_a_foreign_database_is_refused(tmp_path: Path, qapp: object) -> None:
    (tmp_path / ".winnow").mkdir()
    with sqlite3.connect(tmp_path / ".winnow" / "project.db") as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    with pytest.raises(StorageError, match="not made by Winnow"):
        Project.open(tmp_path)


@pytest.mark.parametrize("damage", ["header", "middle", "text"])
def test_a_damaged_database_offers_its_backup_and_loses_nothing(tmp_path: Path, qapp: object, damage: str) -> None:
    project = Project.open(tmp_path)
    for n in range(50):
        project.classes.add(f"class {n}")
    project.close()
    path = tmp_path / ".winnow" / "project.db"
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[:100] = os.urandom(100)
    elif damage == "middle":
        data[4096:] = b"\xff" * (len(data) - 4096)
    else:
        data = bytearray(b"my shopping list\n" * 100)
    path.write_bytes(data)
    with pytest.raises(DamagedProjectError, match="Restore the newest backup"):
        Project.open(tmp_path)
    newest = Project.backups(tmp_path)[0]
    aside = Project.restore(tmp_path, newest)
    assert aside is not None
    assert aside.read_bytes() == bytes(data)
    again = Project.open(tmp_path)
    assert len(again.classes) == 50
    again.close()


def test_backups_rotate_and_skip_what_did_not_change(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    for n in range(5):
        database = Database(path, shared=False)
        put(database, f"{n}")
        assert back_up(path, keep=3, days=1) is not None  # while it is open
        database.fold_log()
        back_up(path, keep=3, days=1)
        database.close()
        assert back_up(path, keep=3) is None
    kept = backups(tmp_path)
    assert len(kept) == 3
    assert names(kept[0]) == ["0", "1", "2", "3", "4"]
    assert sorted(p.suffix for p in (tmp_path / "backups").iterdir()) == [".db"] * 3


def test_backups_keep_the_last_of_each_of_the_last_days(tmp_path: Path) -> None:
    path, folder = tmp_path / "project.db", tmp_path / "backups"
    database = Database(path, shared=False)
    put(database, "0")
    database.close()
    folder.mkdir()
    for day in range(1, 21):
        for hour in ("08", "19"):
            (folder / f"project-202401{day:02}-{hour}0000-000000.db").touch()
    os.utime(folder / "project-20240120-190000-000000.db", (0, 0))
    newest = back_up(path, keep=3, days=14)
    kept = backups(tmp_path)
    assert newest is not None and kept[0] == newest
    days = [backup.stem.split("-")[1:3] for backup in kept[1:]]
    assert days[:2] == [["20240120", "190000"], ["20240120", "080000"]]  # with the new one: the newest three
    assert days[2:] == [[f"202401{day:02}", "190000"] for day in range(19, 7, -1)]


def test_opening_and_closing_writes_no_backup(tmp_path: Path, qapp: object) -> None:
    for _ in range(3):
        Project.open(tmp_path).close()
    assert len(Project.backups(tmp_path)) == 1


def test_a_damaged_database_pushes_no_good_backup_out(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    database = Database(path, shared=False)
    for n in range(200):
        put(database, f"{n:0100d}")
    database.fold_log()
    good = back_up(path)
    database.close()
    data = bytearray(path.read_bytes())
    data[8192:16384] = b"\xff" * 8192
    path.write_bytes(data)
    with pytest.raises(DamagedProjectError):
        back_up(path, keep=1)
    assert backups(tmp_path) == [good]
    with pytest.raises(DamagedProjectError):
        restore(tmp_path / "other.db", path)
    with pytest.raises(UsageError):
        restore(path, tmp_path / "none.db")


def test_nothing_is_restored_under_an_open_window(tmp_path: Path, qapp: object) -> None:
    project = Project.open(tmp_path)
    project.classes.add("cat")
    project.close()
    project = Project.open(tmp_path)
    with pytest.raises(StorageError, match="Another window"):
        Project.restore(tmp_path, Project.backups(tmp_path)[0])
    project.close()


def test_a_folder_that_refuses_keeps_its_project_elsewhere(tmp_path: Path, winnow_home: Path, qapp: object) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / ".winnow").write_text("in the way")
    project = Project.open(folder)
    project.classes.add("cat")
    assert not project.read_only
    assert "cannot be written" in str(project.kept_elsewhere)
    assert project.store_dir.is_relative_to(winnow_home)
    project.close()
    for read_only in (False, True):
        again = Project.open(folder, read_only=read_only)
        assert [c.name for c in again.classes.all()] == ["cat"]
        again.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_goes_on_from_a_copy(tmp_path: Path, qapp: object) -> None:
    project = Project.open(tmp_path)
    project.classes.add("cat")
    project.close()
    for p in (tmp_path / ".winnow", tmp_path):
        p.chmod(0o555)
    try:
        again = Project.open(tmp_path)
        assert again.kept_elsewhere
        again.classes.add("dog")
        again.close()
    finally:
        for p in (tmp_path, tmp_path / ".winnow"):
            p.chmod(0o755)


def test_a_project_begun_beside_the_pictures_goes_on_elsewhere(tmp_path: Path, qapp: object) -> None:
    """What a read-only disk does, without needing one: the path is too long for SQLite once the folder has moved."""
    begun = tmp_path / "photos"
    begun.mkdir()
    project = Project.open(begun)
    project.classes.add("cat")
    project.close()
    deep = tmp_path.joinpath(*["d" * 100] * 5)
    deep.mkdir(parents=True)
    shutil.move(begun, deep / "photos")
    again = Project.open(deep / "photos")
    assert "too long" in str(again.kept_elsewhere)
    assert [c.name for c in again.classes.all()] == ["cat"]
    again.close()


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Makes every folder of pictures look like one on a read-only disk, and takes it back."""
    real = place._obstacle

    def turn(on: bool) -> None:
        monkeypatch.setattr(place, "_obstacle", (lambda _: "it cannot be written") if on else real)

    return turn


def _class_names(folder: Path, *, read_only: bool = False, add: str = "") -> list[str]:
    project = Project.open(folder, read_only=read_only)
    if add:
        project.classes.add(add)
    names = [c.name for c in project.classes.all()]
    project.close()
    return names


def test_what_was_made_elsewhere_comes_back(tmp_path: Path, qapp: object, unwritable: Callable[[bool], None]) -> None:
    _class_names(tmp_path, add="cat")
    unwritable(True)
    assert _class_names(tmp_path, add="dog") == ["cat", "dog"]
    unwritable(False)
    assert _class_names(tmp_path, read_only=True) == ["cat", "dog"]
    assert _class_names(tmp_path) == ["cat", "dog"]
    assert len(list((tmp_path / ".winnow").glob("replaced-*.db"))) == 1
    assert _class_names(tmp_path, add="cow") == ["cat", "dog", "cow"]
    assert _class_names(tmp_path, read_only=True) == ["cat", "dog", "cow"]


def test_an_older_project_elsewhere_hides_nothing(
    tmp_path: Path, winnow_home: Path, qapp: object, unwritable: Callable[[bool], None]
) -> None:
    unwritable(True)
    _class_names(tmp_path, add="old")
    away = project_place.away(tmp_path)
    for part in (away / "project.db", *away.glob("project.db-*")):
        os.utime(part, (0, 0))
    unwritable(False)
    (tmp_path / ".winnow").mkdir()
    shutil.copy(away / "project.db", tmp_path / ".winnow")  # a project of its own
    assert _class_names(tmp_path, add="new") == ["old", "new"]
    assert _class_names(tmp_path, read_only=True) == ["old", "new"]
    kept = list((winnow_home / "data" / "projects").glob("*-until-*/project.db"))
    assert len(kept) == 1


def test_a_lock_tells_what_to_do_when_its_holder_is_gone(tmp_path: Path, qapp: object) -> None:
    project = Project.open(tmp_path)
    second = Project.open(tmp_path)
    assert str(tmp_path / ".winnow" / "lock") in str(second.read_only_reason)
    for each in (second, project):
        each.close()


def test_folders_that_cannot_be_opened(tmp_path: Path, qapp: object) -> None:
    (tmp_path / "file.txt").write_text("x")
    for wrong in (tmp_path / "none", tmp_path / "file.txt", tmp_path / ("n" * 300)):
        for read_only in (False, True):
            with pytest.raises(UsageError) as caught:
                Project.open(wrong, read_only=read_only)
            assert caught.value.path == str(wrong)
            assert caught.value.remedy


def test_looking_only_leaves_no_trace(tmp_path: Path, qapp: object) -> None:
    project = Project.open(tmp_path, read_only=True)
    assert project.read_only_reason
    assert (project.classes.all(), project.summary(), list(project.annotated())) == ((), {}, [])
    project.close()
    assert list(tmp_path.iterdir()) == []


def test_network_file_systems_are_known() -> None:
    for kind in ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"):
        assert place._NETWORK.fullmatch(kind)
    for kind in ("ext4", "btrfs", "apfs", "ntfs", "tmpfs", "fuseblk", "overlay"):
        assert not place._NETWORK.fullmatch(kind)


def test_a_lock_of_a_crashed_window_is_taken_over(tmp_path: Path, qapp: object) -> None:
    project = Project.open(tmp_path)
    lock = tmp_path / ".winnow" / "lock"
    text = lock.read_text()
    project.close()
    lock.write_text(text.replace(str(os.getpid()), "999999999", 1))
    again = Project.open(tmp_path)
    assert not again.read_only
    again.close()


def test_statistics_of_a_small_project_slow_no_large_one_down(tmp_path: Path, qapp: object) -> None:
    project = Project.open(tmp_path)
    plans = []

    def look(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO images (path) VALUES ('a.jpg')")
        connection.execute("ANALYZE")  # as when there were a picture and three instances
        connection.execute("DELETE FROM sqlite_stat1")
        connection.execute("INSERT INTO sqlite_stat1 VALUES ('instances', 'instances_of_image', '3 3 1')")

    project.transact(look)
    with project.reading() as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        queries.summaries(connection)
        list(queries.annotated(connection, tmp_path))
        connection.set_trace_callback(None)
        for statement in asked:
            plans += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    project.close()
    assert len(asked) == 2
    assert [plan for plan in plans if "instances" in plan] == [
        "SEARCH instances USING INDEX instances_of_image (image=?) LEFT-JOIN"
    ] * 2
