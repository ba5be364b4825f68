"""The store of embeddings: unchanged, changed and moved files, models apart, damage, places that refuse it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.project import Project
from app.sorting import embeddings
from app.sorting.embeddings import EmbeddingStore
from inference.pictures import content_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    (made / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "sub/c.jpg"):
        (made / name).write_text(f"content of {name}")
    return made


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Iterator[EmbeddingStore]:
    made = EmbeddingStore(tmp_path / "embeddings.db", folder)
    yield made
    made.close()


IDS = ["a.jpg", "b.jpg", "sub/c.jpg"]


def vector(number: int) -> np.ndarray:
    return np.full(4, number, np.float32)


def fill(store: EmbeddingStore, folder: Path, checksum: str = "model", start: int = 1) -> None:
    store.put_many([(i, content_key(folder / i), vector(n)) for n, i in enumerate(IDS, start)], checksum)


def known(store: EmbeddingStore, ids: list[str], checksum: str = "model") -> dict[str, float]:
    return {i: float(v[0]) for i, v in store.get_many(ids, checksum).items()}


def test_unchanged_pictures_are_known(store: EmbeddingStore, folder: Path, tmp_path: Path) -> None:
    assert known(store, IDS) == {}
    fill(store, folder)
    assert known(store, [*IDS, "gone.jpg"]) == {"a.jpg": 1, "b.jpg": 2, "sub/c.jpg": 3}
    store.close()
    again = EmbeddingStore(tmp_path / "embeddings.db", folder)
    found = again.get_many(["sub/c.jpg", "none.jpg", "a.jpg"], "model")
    assert {i: (v.dtype, v.tolist()) for i, v in found.items()} == {
        "sub/c.jpg": (np.float16, [3] * 4),
        "a.jpg": (np.float16, [1] * 4),
    }
    again.close()


def test_models_are_kept_apart(store: EmbeddingStore, folder: Path) -> None:
    fill(store, folder, "one", 1)
    fill(store, folder, "two", 11)
    assert known(store, IDS, "one")["a.jpg"] == 1
    assert known(store, IDS, "two")["a.jpg"] == 11
    assert known(store, IDS, "three") == {}


def test_a_changed_picture_is_not_known(store: EmbeddingStore, folder: Path) -> None:
    fill(store, folder)
    (folder / "a.jpg").write_text("CONTENT OF a.jpg")  # the same size
    os.utime(folder / "a.jpg", ns=(1, 1))
    assert known(store, IDS) == {"b.jpg": 2, "sub/c.jpg": 3}


def test_a_moved_or_touched_picture_is_known_by_its_bytes(store: EmbeddingStore, folder: Path) -> None:
    fill(store, folder)
    (folder / "a.jpg").rename(folder / "sub" / "moved ü.jpg")
    os.utime(folder / "b.jpg", ns=(1, 1))
    assert known(store, ["sub/moved ü.jpg", "b.jpg"]) == {"sub/moved ü.jpg": 1, "b.jpg": 2}


def test_moves_of_our_own_cost_no_reading(store: EmbeddingStore, folder: Path) -> None:
    fill(store, folder)
    (folder / "a.jpg").rename(folder / "d.jpg")
    (folder / "sub").rename(folder / "other")
    store.follow([("a.jpg", "d.jpg")], [("sub", "other")])
    for name in ("d.jpg", "other/c.jpg"):
        path = folder / name
        status = path.stat()
        path.write_text("x" * status.st_size)  # nobody looks: size and time are as before
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert known(store, ["d.jpg", "other/c.jpg"]) == {"d.jpg": 1, "other/c.jpg": 3}


def test_many_are_looked_up_as_few_are(store: EmbeddingStore, folder: Path) -> None:
    ids = [f"many/{n}.jpg" for n in range(2500)]
    (folder / "many").mkdir()
    for n, image_id in enumerate(ids):
        (folder / image_id).write_text(str(n))
    store.put_many([(i, f"{n:040x}", vector(n % 7)) for n, i in enumerate(ids)], "model")
    assert known(store, ids) == {i: n % 7 for n, i in enumerate(ids)}
    assert known(store, ids[:5]) == {i: n for n, i in enumerate(ids[:5])}


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "KEEP", 2)
    for _ in range(2):
        store = EmbeddingStore(tmp_path / "embeddings.db", folder)
        found = known(store, IDS)
        fill(store, folder)
        store.close()
    assert found == {"b.jpg": 2, "sub/c.jpg": 3}


def test_names_that_are_no_utf8(store: EmbeddingStore, folder: Path) -> None:
    name = os.fsdecode(b"bad\xff.jpg")
    (folder / name).write_text("x")
    store.put_many([(name, content_key(folder / name), vector(5))], "model")
    assert known(store, [name]) == {name: 5}


@pytest.mark.parametrize("damage", ["text", "middle"])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, folder: Path, damage: str) -> None:
    file = tmp_path / "embeddings.db"
    store = EmbeddingStore(file, folder)
    store.put_many([(f"{n}.jpg", f"{n:040x}", vector(n)) for n in range(2000)], "model")
    store.close()
    data = file.read_bytes()
    file.write_bytes(b"shopping list" * 1000 if damage == "text" else data[:8192] + b"\xff" * (len(data) - 8192))
    store = EmbeddingStore(file, folder)
    assert known(store, IDS) == {}
    fill(store, folder)
    assert known(store, ["a.jpg"]) == {"a.jpg": 1}
    store.close()


def test_where_no_file_can_be_it_is_kept_in_memory(tmp_path: Path, folder: Path) -> None:
    store = EmbeddingStore(tmp_path / "none" / "embeddings.db", folder)
    fill(store, folder)
    assert known(store, ["a.jpg"]) == {"a.jpg": 1}
    store.close()


def test_of_a_project(folder: Path, qapp: object) -> None:
    project = Project.open(folder)
    store = EmbeddingStore.of(project)
    fill(store, folder)
    store.close()
    assert (project.store_dir / "embeddings.db").exists()
    project.close()
    looked = Project.open(folder, read_only=True)
    store = EmbeddingStore.of(looked)
    assert known(store, IDS) == {}
    store.close()
    looked.close()
