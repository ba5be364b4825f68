"""The classifier beside plain open_clip with the same files, and what may stand in the way of loading one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file

from inference import clip_input
from inference.clip_input import ClipInput
from inference.engines import clip_load
from inference.engines.clip import Classifier
from inference.engines.clip_tokens import HubTokens
from inference.engines.pool import ModelPool
from inference.errors import ModelError, OutOfMemory, UnknownModelError
from inference.paths import resource
from inference.weights import checks, library, manifest
from tests.random_classifier import config, write_classifier
from tests.random_models import picture

PHOTOS = [resource("samples", f"{name}.jpg") for name in ("cat", "rocket", "coffee")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classifier(tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Classifier:
    return ModelPool(force_device="cpu").classifier(str(folder))


@pytest.fixture(scope="module")
def plain(folder: Path) -> Any:
    return open_clip.create_model(f"local-dir:{folder}").eval()


def _cosines(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return (ours * theirs).sum(axis=1) / np.linalg.norm(theirs, axis=1)


def test_pictures_and_texts_as_open_clip_gives_them(classifier: Classifier, folder: Path, plain: Any) -> None:
    transform = image_transform_v2(PreprocessCfg(**plain.visual.preprocess_cfg), is_train=False)
    opened = [Image.open(photo) for photo in PHOTOS]
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}", bpe_path=str(folder / "bpe.txt.gz"))
    texts = ["a photo of a cat", "a dog outside", "word " * 60]
    with torch.inference_mode():
        images = plain.encode_image(torch.stack([transform(one) for one in opened])).numpy()
        rows = plain.encode_text(tokenizer(texts)).numpy()
    ours = classifier.embed_images([np.asarray(one.convert("RGB")) for one in opened])
    assert _cosines(ours, images).min() > 0.99999
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert ours.dtype == np.float32
    assert _cosines(classifier.embed_texts(texts), rows).min() > 0.99999
    files = classifier.embed_images([clip_input.read(str(photo), classifier.input) for photo in PHOTOS])
    assert _cosines(files, images).min() > 0.999
    assert classifier.scale == pytest.approx(float(plain.logit_scale.exp().detach()), rel=1e-3)
    for one in opened:
        one.close()


def test_what_a_classifier_says_of_itself(classifier: Classifier, folder: Path) -> None:
    assert (classifier.dim, classifier.image_size, classifier.context_length) == (512, 96, 24)
    assert (classifier.sigmoid, classifier.bias) == (False, None)
    assert classifier.id == str(folder.resolve())
    assert classifier.words is not None
    assert len(classifier.checksum) == 40
    assert classifier.embed_images([]).shape == (0, 512)
    assert classifier.embed_texts([]).shape == (0, 512)


def test_everyday_words_are_read_as_the_learned_ones(classifier: Classifier) -> None:
    both = classifier.embed_texts(["a photo of my automobile", "a photo of my car"])
    assert np.allclose(both[0], both[1])
    assert classifier.tokens("my automobile") == classifier.tokens("my car")


def test_the_norms_are_folded_in(classifier: Classifier) -> None:
    norms = [m for m in classifier.model.visual.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms == []


def test_a_sigmoid_model_brings_its_bias(tmp_path: Path) -> None:
    written = write_classifier(tmp_path / "sig")
    data = json.loads((written / "open_clip_config.json").read_text())
    data["model_cfg"]["init_logit_bias"] = -10
    (written / "open_clip_config.json").write_text(json.dumps(data))
    found = ModelPool(force_device="cpu").classifier(str(written))
    assert found.sigmoid
    assert found.bias == 0.0  # the file has none, and open_clip then takes 0


def test_short_of_memory_a_batch_goes_in_halves(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [picture(100, 80, seed) for seed in range(5)]
    whole = classifier.embed_images(pictures)
    rows, sizes = classifier._image_rows, []

    def tight(batch: Any) -> Any:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise RuntimeError("not enough memory")
        return rows(batch)

    monkeypatch.setattr(classifier, "_image_rows", tight)
    assert np.allclose(classifier.embed_images(pictures), whole, atol=1e-5)
    assert sizes == [5, 2, 3, 1, 2]
    monkeypatch.setattr(classifier, "_image_rows", lambda _batch: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(OutOfMemory, match="could not be used"):
        classifier.embed_images(pictures)


def test_the_pool_keeps_families_apart(folder: Path, tmp_path: Path) -> None:
    pool = ModelPool(force_device="cpu")
    first = pool.classifier(str(folder))
    assert pool.classifier(str(folder)) is first
    assert pool.is_loaded(str(folder), "clip")
    assert not pool.is_loaded(str(folder))
    with pytest.raises(ModelError, match="no model for sorting by words"):
        pool.classifier("starter")
    with pytest.raises(ModelError):
        pool.segmenter(str(folder))
    with pytest.raises(ModelError, match="no model for masks"):
        pool.segmenter("vit-b-32-openai")
    with pytest.raises(UnknownModelError):
        pool.classifier("no-such-model")
    with pytest.raises(ModelError, match="not installed"):
        pool.classifier("ViT-B/32")
    pool.release()
    assert not pool.is_loaded(str(folder), "clip")


def test_a_model_that_does_not_fit_makes_the_others_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ModelPool(force_device="cpu")
    pool.segmenter("starter")
    load = clip_load.load_classifier

    def heavy(*given: Any) -> Classifier:
        if pool.is_loaded("starter"):
            raise RuntimeError("not enough memory")
        return load(*given)

    monkeypatch.setattr(clip_load, "load_classifier", heavy)
    assert pool.classifier(str(folder)).dim == 512
    assert not pool.is_loaded("starter")


@pytest.mark.parametrize("broken", ["cut", "empty", "config", "foreign", "towers", "merges"])
def test_folders_that_hold_no_classifier(broken: str, folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights, layout = copy / "open_clip_model.safetensors", copy / "open_clip_config.json"
    if broken == "cut":
        weights.write_bytes(weights.read_bytes()[:5000])
    elif broken == "empty":
        weights.write_bytes(b"")
    elif broken == "config":
        layout.write_text("{}")
    elif broken == "foreign":
        layout.write_text(json.dumps(config(tower="mobilenetv2_050")))
    elif broken == "towers":
        data = config()
        data["model_cfg"]["text_cfg"]["hf_model_name"] = "roberta-base"
        layout.write_text(json.dumps(data))
    else:
        (copy / "bpe.txt.gz").write_bytes(b"no gzip")
    with pytest.raises(ModelError) as caught:
        ModelPool(force_device="cpu").classifier(str(copy))
    assert caught.value.remedy
    assert caught.value.path


TINY_TOWERS = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
}


def test_a_bare_checkpoint_is_recognised_by_its_shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any configuration beside it; OpenAI's activation is told by the file's name."""
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-B-32", TINY_TOWERS)
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-B-32-quickgelu", TINY_TOWERS | {"quick_gelu": True})
    torch.manual_seed(0)
    state = {f"module.{key}": value for key, value in open_clip.create_model("ViT-B-32").state_dict().items()}
    for name, activation in (("own.pt", "GELU"), ("own-openai.pt", "QuickGELU")):
        torch.save({"state_dict": state}, tmp_path / name)
        found = ModelPool(force_device="cpu").classifier(str(tmp_path / name))
        assert type(found.model.visual.transformer.resblocks[0].mlp.gelu).__name__ == activation
    imported = library.import_file(tmp_path / "own-openai.pt", tmp_path / "models")
    assert (imported.family, imported.open_clip) == ("clip", "ViT-B-32-quickgelu")
    assert "QuickGELU" in str(ModelPool(tmp_path / "models", force_device="cpu").classifier(imported.id).model)
    bad = tmp_path / "bad.pt"
    torch.save({"state_dict": {"module.token_embedding.weight": torch.zeros(3, 3)}}, bad)
    with pytest.raises(ModelError, match="none of open_clip's architectures"):
        ModelPool(force_device="cpu").classifier(str(bad))


def _installed(models: Path, model_id: str, state: dict[str, Any]) -> Path:
    """The weights as a download leaves them."""
    file = models / model_id / "open_clip_model.safetensors"
    file.parent.mkdir(parents=True)
    save_file({key: value.contiguous().clone() for key, value in state.items()}, str(file))
    found = manifest.Manifest(
        model_id, file.name, file.stat().st_size, checks.sha256_of(file), "hub", model_id, family="clip"
    )
    manifest.write(file.parent, found)
    return file


def test_openais_weights_get_their_activation_and_their_preprocessing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By any spelling, with the architecture made tiny."""
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-B-32", TINY_TOWERS)
    torch.manual_seed(0)
    theirs = open_clip.create_model("ViT-B-32", force_quick_gelu=True).eval()
    _installed(tmp_path, "vit-b-32-openai", theirs.state_dict())
    pool = ModelPool(tmp_path, force_device="cpu")
    found = pool.classifier("ViT-B/32")
    assert "QuickGELU" in str(found.model.visual)
    assert found.input.mean == pytest.approx(open_clip.OPENAI_DATASET_MEAN)
    texts = ["a cat", "a dog"]
    with torch.inference_mode():
        rows = theirs.encode_text(open_clip.get_tokenizer("ViT-B-32")(texts, context_length=16)).numpy()
    assert _cosines(found.embed_texts(texts), rows).min() > 0.99999
    assert pool.classifier("vit-b-32-openai").checksum == found.checksum


def test_siglip_is_loaded_with_its_tokenizer_bias_and_squashed_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = open_clip.get_model_config("ViT-B-16-SigLIP")
    layout |= {"embed_dim": 32, "vision_cfg": dict(TINY_TOWERS["vision_cfg"])}  # type: ignore[call-overload]
    layout["text_cfg"] |= {"vocab_size": 8, "width": 32, "heads": 2, "layers": 1}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-B-16-SigLIP", layout)
    model = open_clip.create_model("ViT-B-16-SigLIP")
    file = _installed(tmp_path, "vit-b-16-siglip", model.state_dict())
    pool = ModelPool(tmp_path, force_device="cpu")
    with pytest.raises(ModelError, match="tokenizer is not there"):
        pool.classifier("ViT-B-16-SigLIP/webli")
    _hub_tokenizer(file.parent)
    found = pool.classifier("ViT-B-16-SigLIP/webli")
    assert (found.sigmoid, found.bias, found.context_length) == (True, -10.0, 64)
    assert (found.input.resize_mode, found.input.mean) == ("squash", (0.5, 0.5, 0.5))
    assert found.tokens("a cat") == [3, 4, 1]
    assert found.embed_texts(["a cat"]).shape == (1, 32)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evil.pt"
    torch.save({"state_dict": {"a": Path}}, file)
    with pytest.raises(ModelError):
        ModelPool(force_device="cpu").classifier(str(file))


SQUARE = ClipInput(64, 64, (0.5,) * 3, (0.5,) * 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(200, 130), (90, 301), (64, 64), (20, 30), (65, 64), (4000, 70)])
@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
def test_fitting_is_open_clips(size: tuple[int, int], mode: str) -> None:
    rgb = picture(*size)
    wanted = ClipInput(64, 64, SQUARE.mean, SQUARE.std, resize_mode=mode)
    theirs = image_transform_v2(
        PreprocessCfg(size=64, mean=SQUARE.mean, std=SQUARE.std, resize_mode=mode), is_train=False
    )
    expected = (theirs(Image.fromarray(rgb)).permute(1, 2, 0).numpy() * 0.5 + 0.5) * 255
    ours = clip_input.fit(rgb, wanted).astype(np.float32)
    assert np.abs(ours - expected).max() < 1.0


def test_fitting_to_what_is_no_square() -> None:
    rgb = picture(200, 130)
    wanted = ClipInput(48, 64, SQUARE.mean, SQUARE.std)
    theirs = image_transform_v2(PreprocessCfg(size=(48, 64), mean=SQUARE.mean, std=SQUARE.std), is_train=False)
    expected = (theirs(Image.fromarray(rgb)).permute(1, 2, 0).numpy() * 0.5 + 0.5) * 255
    assert np.abs(clip_input.fit(rgb, wanted).astype(np.float32) - expected).max() < 1.0


def test_files_come_small_upright_and_in_order_with_the_bad_ones_named(tmp_path: Path) -> None:
    rgb = picture(1600, 1200)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(rgb).save(tmp_path / "turned.jpg", quality=95, exif=exif)
    Image.fromarray(rgb).save(tmp_path / "upright.png")
    (tmp_path / "broken.jpg").write_bytes((tmp_path / "turned.jpg").read_bytes()[:3000])
    (tmp_path / "empty.jpg").write_bytes(b"")
    names = ["turned.jpg", "broken.jpg", "upright.png", "empty.jpg", "gone.jpg"]
    paths = [str(tmp_path / name) for name in names]
    batches = list(clip_input.batches(paths, SQUARE, 2, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    reads = [read for batch in batches for read in batch]
    assert [read.path for read in reads] == paths
    assert [read.error is None for read in reads] == [True, False, True, False, False]
    assert all(read.error is None or read.error.path == read.path for read in reads)
    upright = clip_input.fit(np.ascontiguousarray(np.rot90(rgb, -1)), SQUARE)
    turned = reads[0].pixels
    assert turned is not None
    assert np.abs(turned.astype(int) - upright).mean() < 3
    assert reads[0].content != reads[2].content != ""


def test_leaving_early_ends_the_threads() -> None:
    for _batch in clip_input.batches([str(PHOTOS[0])] * 30, SQUARE, 3, 2):
        break


def _hub_tokenizer(folder: Path) -> Path:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    words = {"</s>": 1, "<unk>": 2, "a": 3, "cat": 4, "dog": 5}
    made = Tokenizer(WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": {"content": "</s>"}}))
    return folder


def test_a_tokenizer_of_the_hub_cleans_cuts_and_fills_up(tmp_path: Path) -> None:
    tokens = HubTokens(_hub_tokenizer(tmp_path), 6, "canonicalize")
    assert tokens.tokens("A  Cat, a dog!") == [3, 4, 3, 5, 1]
    assert tokens.batch(["a cat", "a dog a dog a dog a dog"]).tolist() == [[3, 4, 1, 1, 1, 1], [3, 5, 3, 5, 3, 1]]
    assert len(tokens.tokens("a dog " * 9)) == 19


def test_a_tokenizer_that_is_damaged_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not there"):
        HubTokens(tmp_path, 6, "lower")
    folder = _hub_tokenizer(tmp_path)
    (folder / "tokenizer_config.json").write_text('{"pad_token": "<nothing>"}')
    with pytest.raises(ModelError, match="its own padding"):
        HubTokens(folder, 6, "lower")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be read"):
        HubTokens(folder, 6, "lower")
