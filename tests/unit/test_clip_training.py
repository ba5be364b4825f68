"""The training of the built-in classifier on a handful of pictures: real towers, real tokenizer, real files."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image
from safetensors.torch import load_file, save_file

from inference.engines.pool import ModelPool
from inference.errors import ModelError
from inference.training import clip_augment, clip_crops, clip_export, clip_images, clip_text
from inference.training.clip_pictures import UNNAMED, Packed, around, held_out, name_of_category, pack, tiny_names
from inference.training.clip_recipe import words_of
from inference.training.clip_teacher import Teacher
from inference.training.clip_words import Words, plain

NAMES = ("animal", "cat", "dog", "car", "bus", "tea/coffee pot (dish)")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def words() -> Words:
    anchors = np.random.default_rng(0).normal(size=(len(NAMES), clip_export.DIM)).astype(np.float32)
    anchors /= np.linalg.norm(anchors, axis=1, keepdims=True)
    return Words(
        NAMES,
        anchors,
        np.ones(len(NAMES), bool),
        {"cat": frozenset({"animal"}), "dog": frozenset({"animal"})},
        frozenset(),
        {"kitty": "cat"},
        ("cat", "dog", "car", "bus"),
        {"feline": "cat"},
        frozenset({"region"}),
    )


@pytest.fixture
def packed() -> Packed:
    rng = np.random.default_rng(1)
    side = np.array([24, 30, 100, 24, 40, 100], np.int32)
    start = np.concatenate([[0], np.cumsum(3 * side.astype(np.int64) ** 2)[:-1]])
    pixels = rng.integers(0, 256, int((3 * side.astype(np.int64) ** 2).sum()), np.uint8)
    label = np.array([1, 2, 3, 1, 2, 0], np.int32)
    return Packed(pixels, start, side, label, np.array(["tiny"] * 6))


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    model = timm.create_model(clip_images.TRUNK, pretrained=False)
    return dict(model.state_dict())


def _trainer(words: Words, packed: Packed, weights: dict[str, torch.Tensor]) -> clip_images.Trainer:
    said = torch.full((len(packed), 4), -torch.inf, dtype=torch.float16)
    said[2] = torch.tensor([0.01, 0.01, 0.98, 0]).log()
    said[packed.label == UNNAMED] = torch.tensor([0.5, 1e-6, 0.5, 0]).log().half()
    recipe = clip_images.Recipe(side=32, batch=4, steps=4, warm_up=1, save_every=2)
    of_four = {**weights, "classifier.weight": weights["classifier.weight"][:4]}
    return clip_images.Trainer(recipe, words, packed, of_four, ["bus"], said)


def _crops(count: int) -> Packed:
    """Black and white in turn."""
    side = clip_crops.SIDE
    pixels = np.concatenate([np.full(3 * side * side, 255 * (i % 2), np.uint8) for i in range(count)])
    start = np.arange(count, dtype=np.int64) * 3 * side * side
    sides, label = np.full(count, side, np.int32), np.full(count, UNNAMED, np.int32)
    return Packed(pixels, start, sides, label, np.full(count, "crops"))


def test_a_picture_is_never_held_against_its_kind(words: Words) -> None:
    table = words.compatible()
    cat, dog, animal = (words.index[n] for n in ("cat", "dog", "animal"))
    assert table[cat, animal] and table[animal, cat] and not table[cat, dog]
    assert words.positives("cat") == [cat, animal] and words.positives("car") == [words.index["car"]]


def test_a_general_name_means_what_lies_between_it_and_the_middle_of_its_kinds(words: Words) -> None:
    cat, dog, animal = (words.index[n] for n in ("cat", "dog", "animal"))
    meant = words.meant(np.array([100, 6, 5, 40, 40, 40]))
    kinds = words.anchors[cat] + words.anchors[dog]
    expected = words.anchors[animal] + kinds / np.linalg.norm(kinds)
    assert np.allclose(meant[animal], expected / np.linalg.norm(expected), atol=1e-6)
    others = [i for i in range(len(NAMES)) if i != animal]
    assert np.array_equal(meant[others], words.anchors[others])
    seen_by_itself = words.meant(np.array([600, 6, 5, 0, 0, 0]))
    assert np.array_equal(seen_by_itself, words.anchors)


def test_the_tower_for_the_processor_computes_the_same_and_comes_back(weights: dict[str, torch.Tensor]) -> None:
    tower = clip_images.tower_from(weights, 16)
    for module in tower.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    light = clip_images.lighten(tower)
    back = clip_images.restored(light, tower)
    pictures = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(light(pictures), tower(pictures), atol=1e-5)
        assert torch.allclose(back(pictures), tower(pictures), atol=1e-5)


def test_a_run_cut_in_the_middle_gives_the_same_weights(
    words: Words,
    packed: Packed,
    weights: dict[str, torch.Tensor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = _trainer(words, packed, weights)
    save = whole.save

    def save_all(file: Path) -> None:
        save(file)
        save(tmp_path / f"{whole.step}.pt")

    monkeypatch.setattr(whole, "save", save_all)
    before = whole.result()
    assert whole.train(tmp_path / "whole.pt", 10, lambda *_: None)
    cut = _trainer(words, packed, weights)
    assert not cut.train(tmp_path / "2.pt", 0, lambda *_: None) and cut.step == 2  # no minutes left: it only reads
    assert cut.train(tmp_path / "2.pt", 10, lambda *_: None) and cut.step == 4
    changed = []
    for old, one, other in zip(
        before.parameters(), whole.result().parameters(), cut.result().parameters(), strict=True
    ):
        assert torch.equal(one, other)
        changed.append(not torch.equal(old, one))
    assert any(changed)


def test_names_that_are_held_out_are_no_choice(words: Words, packed: Packed, weights: dict[str, torch.Tensor]) -> None:
    trainer = _trainer(words, packed, weights)
    assert words.index["bus"] not in trainer.known.tolist()
    assert {words.index[n] for n in ("cat", "car", "animal")} <= set(trainer.known.tolist())


def test_the_teacher_speaks_of_clear_pictures_and_names_nothing_held_out(
    packed: Packed, weights: dict[str, torch.Tensor]
) -> None:
    said = Teacher(weights, hidden=[7]).says_packed(packed)
    assert said.shape == (6, 1000) and (said[:, 7] == -torch.inf).all()
    assert torch.allclose(said.float().exp().sum(1), torch.tensor([0.0, 0, 1, 0, 0, 1]), atol=0.02)


def test_the_teacher_computes_as_timm_does(weights: dict[str, torch.Tensor]) -> None:
    model = timm.create_model(clip_images.TRUNK, pretrained=False, pad_type="same").eval()
    model.load_state_dict(weights)
    picture = np.random.default_rng(2).integers(0, 256, (160, 160, 3), np.uint8)
    with torch.no_grad():
        expected = model(clip_images.as_input(picture[None])).log_softmax(1)[0]
    assert torch.allclose(Teacher(weights, []).says([picture])[0].float(), expected, atol=0.1)


def test_half_of_the_draws_are_crops_that_the_teacher_names(
    words: Words, packed: Packed, weights: dict[str, torch.Tensor]
) -> None:
    everything = clip_crops.join(packed, _crops(3))
    assert len(everything) == 9 and (everything.picture(7) == 255).all()
    assert (everything.picture(2) == packed.picture(2)).all()
    trainer = _trainer(words, everything, weights)
    assert trainer.draws.sum() == pytest.approx(1)
    # "animal" is the only more general name: of its share half is cats (two pictures and three crops the teacher
    # takes for one, each kind alike), half dogs.
    of_animal = 0.4 / 3
    assert trainer.draws[6:].sum() == pytest.approx(0.6 * 0.5 + of_animal)
    assert trainer.draws[[0, 3]].sum() == pytest.approx(trainer.draws[[1, 4]].sum())
    rng = np.random.default_rng(0)
    labels = trainer._labels(np.repeat([0, 7], 200), rng)
    assert (labels[:200] == words.index["cat"]).all()
    assert {words.names[i] for i in labels[200:]} == {"cat", "car"} and (labels[200:] == words.index["cat"]).sum() > 60
    shares = trainer.said_of.exp()
    assert float(shares.sum()) == pytest.approx(1, abs=1e-3)


def test_crops_are_cut_from_photographs_only_and_repeat(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    images = tmp_path / "segmentation" / "images"
    images.mkdir(parents=True)
    rng, rows = np.random.default_rng(3), []
    for name, source in (("a.png", "COCO 2017"), ("b.png", "BSDS500"), ("cells.png", "DSB 2018 nuclei")):
        Image.fromarray(rng.integers(0, 256, (60, 90, 3), np.uint8)).save(images / name)
        rows.append({"file_name": name, "source": source})
    (tmp_path / "segmentation" / "train.json").write_text(json.dumps({"images": rows}))
    strong = {**weights, "classifier.bias": weights["classifier.bias"].clone()}
    strong["classifier.bias"][3] += 20  # it is sure of one class
    teacher = Teacher(strong, [])
    crops, said = clip_crops.gather(tmp_path, teacher)
    again, _ = clip_crops.gather(tmp_path, teacher)
    assert len(crops) == len(said) == 2 * 14 and (said.argmax(1) == 3).all()
    assert (crops.label == UNNAMED).all() and crops.picture(20).shape == (144, 144, 3)
    assert (crops.pixels == again.pixels).all()


def test_views_repeat_with_their_seed(packed: Packed) -> None:
    rows = np.array([0, 2, 5])
    one, same, other = (clip_augment.batch(packed, rows, 32, (0, n)) for n in (1, 1, 2))
    assert one.shape == (3, 32, 32, 3) and (one == same).all() and (one != other).any()


def test_small_views_go_through_jpeg_often_and_large_ones_never(monkeypatch: pytest.MonkeyPatch) -> None:
    through: list[tuple[int, int]] = []

    def jpeg(rgb: clip_augment.Rgb, quality: int) -> clip_augment.Rgb:
        assert 40 <= quality < 96
        through.append((rgb.shape[0], rgb.shape[1]))
        return rgb

    monkeypatch.setattr(clip_augment, "_through_jpeg", jpeg)
    rng = np.random.default_rng(0)
    for _ in range(200):
        assert clip_augment.view(np.zeros((40, 40, 3), np.uint8), 32, rng).shape == (32, 32, 3)
    assert 100 <= len(through) <= 140  # six in ten

    through.clear()
    for _ in range(200):
        clip_augment.view(np.zeros((400, 400, 3), np.uint8), 128, rng)
    assert 40 <= len(through) <= 80 and max(map(max, through)) <= 96  # of the coarse half, six in ten


def test_jpeg_halves_the_colours_sharpness() -> None:
    chess = np.indices((40, 40)).sum(0) % 2 * 255
    picture = np.stack([chess, 255 - chess, chess], 2).astype(np.uint8)  # colours that JPEG keeps at half the size
    through = clip_augment._through_jpeg(picture, 60)
    assert through.shape == picture.shape and np.abs(through.astype(int) - picture).mean() > 40
    plain_red = np.full((32, 32, 3), (200, 20, 20), np.uint8)
    assert np.abs(clip_augment._through_jpeg(plain_red, 90).astype(int) - plain_red).max() < 8


def test_a_finished_tower_is_taught_further(
    words: Words, packed: Packed, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    tower = clip_images.tower_from(weights, clip_export.DIM)
    torch.manual_seed(1)
    torch.nn.init.normal_(tower.proj.weight)
    model = clip_export.empty(600).eval()
    clip_export.put_tower(model, tower)
    clip_export.write(tmp_path, model, words, {"cat"})
    again = clip_export.tower_of(tmp_path)
    assert torch.allclose(again.proj.weight, tower.proj.weight, atol=3e-3)
    said = torch.full((len(packed), 4), -torch.inf, dtype=torch.float16)
    of_four = {**weights, "classifier.weight": weights["classifier.weight"][:4]}
    recipe = clip_images.Recipe(side=32, batch=4, steps=4, trunk_rate=1e-3)
    trainer = clip_images.Trainer(recipe, words, packed, of_four, ["bus"], said, again)
    assert torch.equal(trainer.tower.proj.weight, again.proj.weight)
    assert trainer.optimizer.param_groups[0]["rate"] == pytest.approx(0.3e-3)


def test_the_box_keeps_inside_its_picture() -> None:
    rgb = np.zeros((50, 80, 3), np.uint8)
    assert around(rgb, [0, 0, 10, 20]).shape[:2] == (22, 17)
    assert around(rgb, [70, 40, 10, 10]).shape[:2] == (11, 11)


def test_categories_and_what_is_no_object(words: Words) -> None:
    assert name_of_category(words, "feline") == "cat" and name_of_category(words, "kitty") == "cat"
    assert name_of_category(words, "region") is None and name_of_category(words, "no such thing") is None


def test_pruned_merges_give_the_same_pieces(words: Words, tmp_path: Path) -> None:
    texts = clip_text.vocabulary_texts(words)
    clip_text.write_bpe(texts, tmp_path / "bpe.txt.gz")
    small, clip = SimpleTokenizer(str(tmp_path / "bpe.txt.gz")), SimpleTokenizer()
    for text in texts:
        assert [small.decoder[t] for t in small.encode(text)] == [clip.decoder[t] for t in clip.encode(text)]
    assert small.vocab_size < clip.vocab_size / 10
    clip_text.write_bpe(texts, tmp_path / "again.txt.gz")
    assert (tmp_path / "again.txt.gz").read_bytes() == (tmp_path / "bpe.txt.gz").read_bytes()
    assert gzip.decompress((tmp_path / "bpe.txt.gz").read_bytes()).startswith(b'"bpe_simple_vocab')


def test_the_folder_is_loaded_by_the_engine(
    words: Words, packed: Packed, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    folder = tmp_path / "winnow-clip"
    folder.mkdir()
    clip_text.write_bpe(clip_text.vocabulary_texts(words), folder / "bpe.txt.gz")
    tokenizer = SimpleTokenizer(str(folder / "bpe.txt.gz"), context_length=clip_text.CONTEXT)
    torch.manual_seed(0)
    model = clip_export.empty(tokenizer.vocab_size).eval()
    meant = words.meant(np.bincount(packed.label, minlength=len(NAMES)))
    before = clip_text.fidelity(model, tokenizer, words, meant)[0]
    losses: list[float] = []
    pictures = torch.nn.functional.normalize(torch.randn(50, clip_export.DIM), dim=1)
    clip_text.train(model, tokenizer, words, meant, 100, lambda _, loss: losses.append(loss), pictures, batch=8)
    assert len(losses) == 2 and losses[1] < losses[0]
    cosine, right = clip_text.fidelity(model, tokenizer, words, meant)
    assert cosine > before + 0.3 and right == 1

    tower = clip_images.tower_from(weights, clip_export.DIM)
    clip_export.put_tower(model, tower)
    clip_export.write(folder, model, words, {"cat", "animal", "car"})
    listed = json.loads((folder / "vocabulary.json").read_text())
    assert listed["known"] == ["animal", "car", "cat"] and listed["guessed"] == ["bus", "coffee pot", "dog", "tea"]
    assert listed["aliases"] == {"kitty": "cat"}

    other = shutil.copytree(folder, tmp_path / "other")
    weights_file = other / "open_clip_model.safetensors"
    second = load_file(weights_file)
    key, untouched = "visual.head.proj.weight", "text_projection"
    second[key], second[untouched] = second[key] + 1, second[untouched] + 1
    save_file(second, weights_file)
    own = load_file(folder / "open_clip_model.safetensors")
    mean = shutil.copytree(folder, tmp_path / "mean")
    clip_export.average(mean, [other])
    averaged = load_file(mean / "open_clip_model.safetensors")
    assert torch.allclose(averaged[key].float(), own[key].float() + 0.5, atol=2e-3)
    assert torch.equal(averaged[untouched], own[untouched]) and averaged[key].dtype == torch.float16
    save_file({"a": torch.zeros(1)}, weights_file)
    for wrong in (other, tmp_path / "nowhere"):
        with pytest.raises(ModelError, match="no picture tower") as told:
            clip_export.average(mean, [wrong])
        assert told.value.path == str(wrong / weights_file.name)

    classifier = ModelPool().classifier(str(folder))
    tokens = tokenizer(["a photo of a cat."])
    assert (
        classifier.embed_texts(["a photo of a cat."])[0] @ clip_text.forward(model, tokens)[0].detach().numpy() > 0.999
    )
    square = packed.picture(5)
    view = clip_augment.whole(square, clip_export.SIDE)
    with torch.no_grad():
        expected = tower(clip_images.as_input(view[None]))[0].numpy()
    assert classifier.embed_images([square])[0] @ expected > 0.99
    assert classifier.words is not None and classifier.words.status("kitty") == "known"


def test_the_development_data_is_packed_without_what_is_held_out(shared_data: Path) -> None:
    words = words_of(shared_data.parent)
    hidden = held_out(words, shared_data)
    names = set(tiny_names(words, shared_data).values())
    assert len(hidden) == 20 and hidden <= names and hidden == held_out(words, shared_data)
    assert len(names) == 200 and all(words.true[words.index[n]] for n in hidden)
    assert {words.aliases["automobile"], plain("Clip_art (x)")} == {"car", "clip art"}
    val = pack(words, shared_data, "val")
    assert hidden <= {words.names[i] for i in val.label[val.source == "tiny"]}
