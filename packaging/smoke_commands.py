"""What a built program has to do on its command line; each part tells what it saw, or raises Failed. For smoke.py."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path

import smoke_masks
from smoke_program import ROOT, Failed, Program

PICTURE, POINT = "coffee.jpg", "290,210"
TRAINING_MINUTES = 1
_CONTENT = bytes(range(256)) * 12_000  # plays the weights of a model; 3 MB


def version(program: Program) -> str:
    told = program.run("--version").splitlines()
    if not told[0].startswith("Winnow ") or not told[1].startswith("built "):
        raise Failed(f"--version says {told}")
    return "; ".join(told)


def doctor(program: Program) -> str:
    report = program.json("doctor", may_be=(0, 1))
    sections = report["sections"]
    wrong = [f"{f['label']}: {f['value']}" for s in sections.values() for f in s if f["ok"] is False]
    if wrong:
        raise Failed("\n".join(wrong))
    missing = {"Winnow", "Packages", "Device", "Models", "Window system", "Folders", "Caches", "Self-test"}
    missing -= {title for title, findings in sections.items() if findings}
    if missing:
        raise Failed(f"the report lacks {missing}")
    bare = [f["label"] for f in sections["Packages"] if f["value"] == "built in"]
    if bare:
        raise Failed(f"versions are not told: {bare}")
    return str(sections["Self-test"][0]["value"])


def segment(program: Program) -> str:
    found = program.same_as_source("segment", "segment", str(program.samples / PICTURE), "--point", POINT)
    return f"the same mask as from source, {found[0]['area']:,.0f} pixels"


def everything(program: Program) -> str:
    picture = str(program.samples / PICTURE)
    found = program.same_as_source("everything", "everything", picture, "--points-per-side", "6")
    return f"the same {len(found)} masks as from source"


def text_segment(program: Program) -> str:
    """Besides being those from source, the masks have to lie on the cat, whose box was drawn by hand."""
    words = ("text-segment", str(program.samples / "cat.jpg"), "--text", "a cat", "--detector", "clip")
    best = max(program.same_as_source("words", *words), key=lambda one: float(one["score"]))
    told = json.loads((program.samples / "samples.json").read_text(encoding="utf-8"))["samples"]
    box = next(tuple(sample["box"]) for sample in told if sample["file"] == "cat.jpg")
    within = smoke_masks.inside(best["segmentation"], box)
    fills, stays = within / ((box[2] - box[0]) * (box[3] - box[1])), within / best["area"]
    if fills < 0.5 or stays < 0.8:
        raise Failed(f"the mask fills {fills:.0%} of the cat's box, and {stays:.0%} of it is inside")
    return f"the same masks as from source; the best fills {fills:.0%} of the cat's box, {stays:.0%} of it inside"


def sort(program: Program) -> str:
    pictures = program.place / "messy"
    pictures.mkdir()
    for name in ("cat.jpg", "coffee.jpg", "flower.jpg"):
        shutil.copy(program.samples / name, pictures)
    out = program.place / "sorted"
    program.run("sort", "--dataset-dir", str(pictures), "--output-dir", str(out), "--config", "pets", "--json")
    filed = [f for f in out.glob("*/*.png") if f.stem in ("cat", "coffee", "flower")]
    if len(filed) != 3:
        raise Failed(f"{len(filed)} of 3 pictures were filed")
    return ", ".join(sorted(f"{f.stem} as {f.parent.name}" for f in filed))


def download(program: Program) -> str:
    """From a hub that is played here, and an attempt by https, which needs the list of certificates."""
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    from tests.unit.hub_on_loopback import PlayedHub, serve

    hub = PlayedHub(_CONTENT, repo="facebook/sam2-hiera-large", filename="sam2_hiera_large.pt")
    words, models = ("models", "download", "sam2-large"), ("--models-dir", str(program.place / "models"))
    with serve(hub):
        told = program.json(*words, *models, HF_ENDPOINT=hub.endpoint)["downloaded"][0]
    if Path(told["path"]).read_bytes() != _CONTENT:
        raise Failed("what was downloaded is not what was sent")
    elsewhere = ("--models-dir", str(program.place / "models2"))
    refused = json.loads(program.run(*words, *elsewhere, "--json", may_be=(1,), HF_ENDPOINT="https://127.0.0.1:9"))
    kinds = {failure.get("type") for failure in (refused.get("error"), *refused.get("failures", ())) if failure}
    if kinds != {"DownloadError"}:
        raise Failed(f"without a server by https: {refused}")
    return f"{len(_CONTENT):,} bytes verified; a server that is not there is told as such"


def train(program: Program) -> str:
    """A minute of the segmentation model as a child of the window has it, on masks that the program itself made, then
    a mask of what came out; and a small classifier."""
    settings = (f"minutes={TRAINING_MINUTES}", "epochs=0", "validate_objects=3", "log_steps=1", "precision=float32")
    words = [word for text in (*settings, "image_size=128", "save_minutes=0.2") for word in ("--set", text)]
    data, run = str(_data_set(program)), program.place / "run"
    command = ("train", "sam2", "--data", data, "--out", str(run), "--preset", "pets-cpu-256", *words)
    progress, trained = program.as_child(*command)
    losses = [json.loads(line).get("loss") for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    losses = [loss for loss in losses if loss is not None]
    if trained["seconds"] < 50 * TRAINING_MINUTES or trained["steps"] < 3 or len(progress) < 3:
        raise Failed(f"it was no minute of training: {trained}, {len(progress)} reports")
    if len(losses) < 3 or not all(math.isfinite(loss) for loss in losses):
        raise Failed(f"the losses are {losses}")
    out = program.place / "taught"
    model = trained["checkpoint"]
    program.run("segment", str(program.samples / PICTURE), "--point", POINT, "--model", model, "--out", str(out))
    if not json.loads((out / "annotations.json").read_text("utf-8"))["annotations"]:
        raise Failed("the trained model gives no mask")
    _train_classifier(program)
    return (
        f"{trained['steps']} steps in {trained['seconds']:.0f} s, loss {losses[0]:.2f} to {losses[-1]:.2f}, and a mask "
        "of the result; a classifier of two classes"
    )


def _train_classifier(program: Program) -> None:
    classes = program.place / "classes"
    for name in ("cat", "coffee"):
        (classes / name).mkdir(parents=True)
        for copy in range(8):  # a byte more makes each a file of its own
            photograph = (program.samples / f"{name}.jpg").read_bytes()
            (classes / name / f"{copy}.jpg").write_bytes(photograph + bytes([copy]))
    told = program.json(
        "train", "classifier", "--data", str(classes), "--out", str(program.place / "run2"), "--model", "small-vit",
        "--image-size", "32", "--epochs", "1", "--batch", "4", may_be=(0, 1),
    )  # fmt: skip
    if not Path(told["checkpoint"]).is_file():
        raise Failed(f"the classifier was not trained: {told}")


def _data_set(program: Program) -> Path:
    """The masks that the demo gives, as a COCO file beside copies of the photographs."""
    program.run("demo", "--out", str(program.place / "shots"), "--json")
    coco = json.loads((program.place / "shots" / "annotations.json").read_text(encoding="utf-8"))
    folder = program.place / "data"
    folder.mkdir()
    for image in coco["images"]:
        image["file_name"] = Path(shutil.copy(program.samples / Path(image["file_name"]).name, folder)).name
    target = folder / "train.json"
    target.write_text(json.dumps(coco), encoding="utf-8")
    return target
