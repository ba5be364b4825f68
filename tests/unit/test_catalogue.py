"""The catalogue: what it lists, how names are found, what is refused before a model is loaded."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from inference import catalogue, open_clip_names, paths
from inference.catalogue import STARTER, ModelSpec
from inference.errors import ModelError, UnknownModelError
from inference.weights import checks, manifest


def _safetensors(path: Path, payload: bytes = b"\0" * 64) -> Path:
    header = json.dumps({"x": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + payload)
    return path


def _install(models: Path, model_id: str = "mine", content: bytes = b"weights") -> Path:
    folder = models / model_id
    folder.mkdir(parents=True)
    (folder / "w.pt").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    manifest.write(folder, manifest.Manifest(model_id, "w.pt", len(content), digest, "import", "Mine"))
    return folder / "w.pt"


def test_the_starter_comes_first_and_the_official_models_are_all_there(tmp_path: Path) -> None:
    ids = [spec.id for spec in catalogue.catalogue(tmp_path) if spec.family == "sam2"]
    assert ids[0] == STARTER
    sizes = ("tiny", "small", "base-plus", "large")
    assert set(ids) == {STARTER, *(f"sam2.1-{s}" for s in sizes), *(f"sam2-{s}" for s in sizes)}


def test_a_pinned_hash_cites_where_it_was_seen(tmp_path: Path) -> None:
    for spec in catalogue.catalogue(tmp_path):
        assert (spec.sha256 is None) == (spec.sha256_source == "")
        if spec.sha256:
            assert len(bytes.fromhex(spec.sha256)) == 32
            assert spec.sha256_source.startswith("https://huggingface.co/")


def test_the_classifiers_of_the_list_say_what_they_know(tmp_path: Path) -> None:
    specs = [spec for spec in catalogue.catalogue(tmp_path) if spec.family == "clip"]
    assert specs[0].id == catalogue.CLASSIFIER
    assert specs[0].builtin
    for spec in specs[1:]:
        known = open_clip_names.find(spec.open_clip)
        assert known is not None
        assert (spec.repo, bool(spec.extra)) == (known.repo, known.tokenizer)
        assert spec.zero_shot is not None
        assert 0.5 < spec.zero_shot < 0.9
        assert spec.zero_shot_source.startswith("https://")
        assert spec.size_bytes > 100_000_000


@pytest.mark.parametrize(
    ("spelled", "model"),
    [
        ("ViT-L/14@336px", "vit-l-14-336-openai"),
        ("ViT-B/32", "vit-b-32-openai"),
        ("vit-b-32:openai", "vit-b-32-openai"),
        ("ViT-H-14/laion2b_s32b_b79k", "vit-h-14-laion2b"),
        ("ViT-H-14/laion2b-s32b-b79k", "vit-h-14-laion2b"),
        ("RN50x4", "RN50x4--openai"),
        ("ViT-B/16", "ViT-B-16--openai"),
        ("convnext_base_w/laion2b_s13b_b82k", "convnext_base_w--laion2b_s13b_b82k"),
    ],
)
def test_names_as_others_spell_them(spelled: str, model: str, tmp_path: Path) -> None:
    spec = catalogue.find(spelled, tmp_path)
    assert spec.id == model
    assert spec.family == "clip"
    assert spec.downloadable


def test_an_architecture_without_its_training_offers_them(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match=r"ViT-B-32/openai, ViT-B-32/laion400m_e31"):
        catalogue.find("ViT-B-32", tmp_path)


def test_the_default_classifier_is_the_best_that_is_there(tmp_path: Path) -> None:
    assert catalogue.default_classifier(tmp_path).id == catalogue.CLASSIFIER
    for model_id in ("vit-b-32-datacomp", "vit-b-32-openai"):
        folder = tmp_path / model_id
        folder.mkdir()
        (folder / "w.bin").write_bytes(b"weights")
        digest = hashlib.sha256(b"weights").hexdigest()
        manifest.write(folder, manifest.Manifest(model_id, "w.bin", 7, digest, "hub", model_id, family="clip"))
    assert catalogue.default_classifier(tmp_path).id == "vit-b-32-datacomp"


def test_a_folder_in_open_clips_layout_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "open_clip_config.json").write_text("{}")
    with pytest.raises(ModelError, match="no weights"):
        catalogue.find(tmp_path / "mine", tmp_path)
    file = _safetensors(tmp_path / "mine" / "open_clip_model.safetensors")
    spec = catalogue.find(tmp_path / "mine", tmp_path)
    assert (spec.family, spec.title) == ("clip", "mine")
    assert catalogue.weights_path(spec.id, tmp_path) == file


def test_the_table_of_names_is_open_clips_own() -> None:
    import open_clip
    from open_clip.factory import get_model_config
    from open_clip.pretrained import get_pretrained_cfg

    for name, tag in open_clip.list_pretrained():
        theirs, config = get_pretrained_cfg(name, tag), get_model_config(name)
        needs_more = "hf_model_name" in config["text_cfg"] or "multimodal_cfg" in config
        ours = open_clip_names.find(f"{name}/{tag}")
        if needs_more or not theirs.get("hf_hub"):
            assert ours is None
            continue
        assert ours is not None
        assert theirs["hf_hub"].strip("/") == "/".join(filter(None, (ours.repo, ours.file)))
        assert ours.quick_gelu == bool(theirs.get("quick_gelu"))
        assert ours.tokenizer == ("hf_tokenizer_name" in config["text_cfg"])


def test_every_model_says_its_licence_and_source(tmp_path: Path) -> None:
    assert all(s.licence and s.source_url and s.description for s in catalogue.catalogue(tmp_path))


def test_imported_models_are_listed_with_their_file(tmp_path: Path) -> None:
    file = _install(tmp_path)
    spec = catalogue.find("mine", tmp_path)
    assert spec.path == str(file)
    assert catalogue.weights_path("mine", tmp_path) == file
    assert catalogue.catalogue(tmp_path)[-1] == spec


def test_a_path_is_a_model_used_in_place(tmp_path: Path) -> None:
    file = _safetensors(tmp_path / "own.safetensors")
    spec = catalogue.find(file, tmp_path)
    assert spec.id == str(file.resolve())
    assert catalogue.weights_path(file, tmp_path) == file


def test_an_unknown_name_offers_near_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match=r"Did you mean sam2\.1-tiny"):
        catalogue.find("sam2.1-tinny", tmp_path)


def test_a_model_that_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models download sam2-large"):
        catalogue.weights_path("sam2-large", tmp_path)


def test_a_missing_weights_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.pt: The weights file is not there"):
        catalogue.find(tmp_path / "gone.pt", tmp_path)


def test_an_installed_file_is_held_to_its_manifest(tmp_path: Path) -> None:
    file = _install(tmp_path)
    file.write_bytes(b"WEIGHTS")
    with pytest.raises(ModelError, match="SHA-256"):
        catalogue.weights_path("mine", tmp_path)
    file.write_bytes(b"short")
    with pytest.raises(ModelError, match="5 bytes instead of 7"):
        catalogue.weights_path("mine", tmp_path)


def test_the_hash_is_taken_once_while_the_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, content=b"counted")
    read: list[Path] = []
    true_hash = checks.sha256_of
    monkeypatch.setattr(checks, "sha256_of", lambda path: (read.append(path), true_hash(path))[1])
    catalogue.weights_path("mine", tmp_path)
    catalogue.weights_path("mine", tmp_path)
    assert len(read) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.pt", b"", "empty"),
        ("text.pt", b"not weights", "no PyTorch weights file"),
        ("text.safetensors", b"not weights at all", "not a safetensors file"),
        ("picture.png", b"\x89PNG", "Weights come as"),
    ],
)
def test_what_is_no_weights_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=message) as failure:
        catalogue.weights_path(tmp_path / name, tmp_path)
    assert name in str(failure.value)


def test_a_truncated_safetensors_file_is_told_from_its_header(tmp_path: Path) -> None:
    file = _safetensors(tmp_path / "cut.safetensors", b"\0" * 60)
    with pytest.raises(ModelError, match="truncated"):
        checks.check_container(file)


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cut.pt"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.pkl", b"x" * 5000)
    checks.check_container(file)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(ModelError, match="truncated"):
        checks.check_container(file)


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="folder"):
        catalogue.weights_path(tmp_path, tmp_path)


OUTSIDE = '{"id":"mine","filename":"../../passwd","size":1,"sha256":"a","source":"hub","title":"x"}'


UP = OUTSIDE.replace("../../passwd", "..")
DRIVE = OUTSIDE.replace("../../passwd", "C:weights.pt")
OTHER = OUTSIDE.replace("../../passwd", "w.pt").replace('"mine"', '"sam2-tiny"')
UNTITLED = OUTSIDE.replace("../../passwd", "w.pt").replace('"x"', "7")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"id": "x"}', OUTSIDE, UP, DRIVE, OTHER, UNTITLED])
def test_a_damaged_manifest_is_no_installed_model(tmp_path: Path, text: str) -> None:
    _install(tmp_path)
    (tmp_path / "mine" / "manifest.json").write_text(text)
    assert list(manifest.installed(tmp_path)) == []
    with pytest.raises(ModelError, match="manifest"):
        manifest.read(tmp_path / "mine")


def test_a_damaged_download_is_named_when_asked_for(tmp_path: Path) -> None:
    _install(tmp_path, "sam2-tiny")
    (tmp_path / "sam2-tiny" / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match="manifest"):
        catalogue.weights_path("sam2-tiny", tmp_path)


def test_a_models_folder_that_is_none_holds_no_models(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / ("x" * 300)):
        assert catalogue.installed(catalogue.find("sam2-tiny", place), place) is None
        assert catalogue.find(STARTER, place).builtin


def test_an_install_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    file = _install(tmp_path)
    with pytest.raises(RuntimeError), manifest.installing(tmp_path, "mine") as folder:
        (folder / "w.pt").write_bytes(b"new")
        raise RuntimeError("power cut")
    assert file.read_bytes() == b"weights"
    assert list((tmp_path / ".incoming").iterdir()) == []


def test_an_install_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    file = _install(tmp_path)
    with manifest.installing(tmp_path, "mine") as folder:
        (folder / "w.pt").write_bytes(b"new")
    assert file.read_bytes() == b"new"
    assert not (tmp_path / "mine" / "manifest.json").exists()


def test_the_models_folder_comes_from_argument_variable_or_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert paths.models_dir() == paths.data_dir() / "models"
    monkeypatch.setenv("WINNOW_MODELS_DIR", str(tmp_path / "variable"))
    assert paths.models_dir() == tmp_path / "variable"
    assert paths.models_dir(tmp_path / "argument") == tmp_path / "argument"


def test_specs_are_hashable_and_say_whether_they_can_be_downloaded() -> None:
    assert len({ModelSpec("a", "A"), ModelSpec("a", "A")}) == 1
    assert catalogue.find("sam2-tiny").downloadable
    assert not catalogue.find(STARTER).downloadable
