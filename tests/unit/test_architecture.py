"""Models are built from a description, recognised from weights, written and read again; wrong files are refused."""

from __future__ import annotations

import pickle
import resource
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.engines.architecture import (
    ArchConfig,
    build_model,
    configs,
    load_checkpoint,
    predictor_for,
    recognise,
    save_checkpoint,
)
from inference.engines.checkpoint import plain, read_card
from inference.errors import ModelError, StorageError

TINY = ArchConfig(
    image_size=64,
    hidden_dim=32,
    trunk_channels=(8, 16, 32, 32),
    trunk_attention=(1, 1),
    trunk_convs=(0, 0, 1),
    decoder_mlp=32,
)
STARTER = Path(__file__).parents[2] / "checkpoints" / "winnow-starter.safetensors"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def _official_state(name: str) -> dict[str, torch.Tensor]:
    return build_model(configs[name]).state_dict()


def test_config_survives_json_and_keeps_what_it_does_not_know() -> None:
    assert ArchConfig.from_json(TINY.to_json()) == TINY
    newer = TINY.to_json()[:-1] + ', "from_the_future": 3}'
    assert ArchConfig.from_json(newer).extra == {"from_the_future": 3}


HUGE = '{"kind": "starter", "image_size": 1000000}'
ODD = '{"kind": "starter", "trunk_channels": [8, "x"]}'


@pytest.mark.parametrize("text", ["[]", "{}", '{"kind": "other"}', "no json", HUGE, ODD])
def test_config_refuses_what_is_no_description(text: str) -> None:
    with pytest.raises(ValueError):
        ArchConfig.from_json(text)


def test_starter_is_small_enough_to_ship() -> None:
    model = build_model(configs["winnow-starter"])
    assert not model.training
    assert sum(p.numel() for p in model.parameters()) <= 8_000_000


def test_checkpoint_round_trip(tmp_path: Path) -> None:
    model = build_model(TINY)
    path = save_checkpoint(model, TINY, tmp_path / "deep" / "model.safetensors", {"steps": 3})
    loaded, config = load_checkpoint(path)
    assert config == TINY
    assert read_card(path) == {"steps": 3}
    for key, value in model.state_dict().items():
        assert torch.equal(value.half().float(), loaded.state_dict()[key]), key
    assert [f.name for f in path.parent.iterdir()] == ["model.safetensors"]


def test_folded_trunk_gives_what_timm_gives() -> None:
    import timm

    from inference.engines.trunk import MobileTrunk, _as_mobilenet_wants

    plain_body = timm.create_model(
        "mobilenetv2_100", features_only=True, pretrained=False, pad_type="same", out_indices=(1, 2, 3, 4)
    ).eval()
    trunk = MobileTrunk().eval()
    trunk.load_imagenet(plain_body.state_dict())
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for mine, theirs in zip(trunk.body(picture), plain_body(picture), strict=True):
            assert torch.allclose(mine, theirs, atol=1e-4)
        assert [tuple(f.shape[1:]) for f in trunk(picture)] == [(48, 16, 16), (96, 8, 8), (192, 4, 4), (256, 2, 2)]
    white = torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])[:, None, None]
    assert torch.allclose(_as_mobilenet_wants(white), torch.ones(3, 1, 1), atol=1e-5)


def test_trunk_refuses_other_weights() -> None:
    from inference.engines.trunk import MobileTrunk

    with pytest.raises(RuntimeError, match="mobilenetv2_100"):
        MobileTrunk().load_imagenet({"conv_stem.weight": torch.zeros(32, 3, 3, 3)})


@pytest.mark.parametrize("name", ["sam2-tiny", "sam2.1-tiny", "sam2.1-small"])
def test_official_models_are_recognised(name: str) -> None:
    state = _official_state(name)
    assert recognise(state) == configs[name]
    assert recognise({"model": {f"module.{k}": v for k, v in state.items()}}) == configs[name]


def test_official_file_loads(tmp_path: Path) -> None:
    model = build_model(configs["sam2.1-tiny"])
    path = tmp_path / "sam2.1_hiera_tiny.pt"
    torch.save({"model": model.state_dict()}, path)
    loaded, config = load_checkpoint(path)
    assert config.name == "sam2.1-tiny"
    assert torch.equal(loaded.no_mem_embed, model.no_mem_embed)


def test_building_leaves_hydra_alone() -> None:
    from hydra.core.global_hydra import GlobalHydra

    before = GlobalHydra.instance().hydra
    _official_state("sam2-tiny")
    assert GlobalHydra.instance().hydra is before


def test_wrong_files_are_refused_by_name(tmp_path: Path) -> None:
    good = save_checkpoint(build_model(TINY), TINY, tmp_path / "good.safetensors")
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "cut.safetensors").write_bytes(good.read_bytes()[:5000])
    (tmp_path / "text.pt").write_text("not a checkpoint")
    torch.save({"a": torch.zeros(1)}, tmp_path / "foreign.pt")
    torch.save({"image_encoder.blocks.0.attn.qkv.weight": torch.zeros(1)}, tmp_path / "sam1.pt")
    whole = tmp_path / "whole.pt"
    torch.save({"model": {f"w{i}": torch.zeros(100) for i in range(50)}}, whole)
    (tmp_path / "cut.pt").write_bytes(whole.read_bytes()[:3000])
    torch.save({"model": {1: torch.zeros(1)}}, tmp_path / "numbers.pt")
    torch.save({"model": {"image_encoder.trunk.blocks.x.y": 3}}, tmp_path / "odd.pt")
    bad = ("missing.pt", "empty.pt", "cut.safetensors", "text.pt", "foreign.pt", "sam1.pt", "cut.pt")
    for name in (*bad, "numbers.pt", "odd.pt"):
        with pytest.raises(ModelError) as caught:
            load_checkpoint(tmp_path / name)
        assert name in str(caught.value) and caught.value.remedy, name


def test_a_pickle_that_runs_code_is_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (Path(tmp_path / "harm"),)  # type: ignore[return-value]

    torch.save({"model": Bomb()}, tmp_path / "bomb.pt", pickle_module=pickle)
    with pytest.raises(ModelError, match="could run code"):
        load_checkpoint(tmp_path / "bomb.pt")
    assert not (tmp_path / "harm").exists()


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = save_checkpoint(build_model(TINY), ArchConfig(), tmp_path / "mixed.safetensors")
    with pytest.raises(ModelError, match="do not fit"):
        load_checkpoint(path)


def test_an_unwritable_place_is_an_error_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        save_checkpoint(build_model(TINY), TINY, tmp_path / "file" / "model.safetensors")


def test_a_full_disk_is_told_and_the_earlier_file_stays(tmp_path: Path) -> None:
    """The limit on file sizes fails a write as a full disk does: in the middle of it."""
    path = save_checkpoint(build_model(TINY), TINY, tmp_path / "best.safetensors")
    earlier, before = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(StorageError, match="could not be written"):
            save_checkpoint(build_model(TINY), TINY, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == earlier
    assert [p.name for p in tmp_path.iterdir()] == ["best.safetensors"]


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError):
        build_model(TINY.at_size(50))


def test_plain_drops_wrappers() -> None:
    assert list(plain({"state_dict": {"module.model.a": 1, "module.model.b": 2}})) == ["a", "b"]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*")
@pytest.mark.parametrize("dense", [False, True])
def test_predictor_fits_the_model(dense: bool) -> None:
    predictor = predictor_for(build_model(TINY), dense_prompts=dense)
    assert predictor._bb_feat_sizes == [(16, 16), (8, 8), (4, 4)]
    predictor.set_image(np.zeros((40, 50, 3), np.uint8))
    masks, scores, low = predictor.predict(np.array([[10.0, 20.0]]), np.array([1]))
    assert masks.shape == (3, 40, 50) and scores.shape == (3,) and low.shape == (3, 16, 16)
    again, _, _ = predictor.predict(box=np.array([5.0, 5, 30, 30]), mask_input=low[:1], multimask_output=False)
    assert again.shape == (1, 40, 50)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*")
@pytest.mark.parametrize("dense", [False, True])
def test_automatic_generator_runs(dense: bool) -> None:
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    model = build_model(TINY)
    generator = SAM2AutomaticMaskGenerator(model, points_per_side=2, pred_iou_thresh=0.0, stability_score_thresh=0.0)
    generator.predictor = predictor_for(model, dense_prompts=dense)
    found = generator.generate(np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8))
    assert isinstance(found, list)


@pytest.mark.skipif(not STARTER.exists(), reason="the built-in checkpoint has not been trained yet")
def test_built_in_checkpoint_loads_and_is_small() -> None:
    model, config = load_checkpoint(STARTER)
    assert STARTER.stat().st_size <= 16_000_000
    assert config.dense_prompts and model.image_size == config.image_size
    assert read_card(STARTER)
