"""The house rules that import-linter cannot say: where torch and Qt may be imported, and at which depth."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL_LIBRARIES = {"torch", "torchvision", "sam2", "training", "open_clip", "timm", "transformers"}
OWNERS = ("inference/engines/", "inference/training/", "inference/evaluation/")
QT_IN_INFERENCE = {"inference/worker/thread.py", "inference/worker/process.py"}


def _files() -> Iterator[tuple[str, ast.Module]]:
    for top in ("app", "widgets", "inference"):
        for path in sorted((ROOT / top).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
    yield "main.py", ast.parse((ROOT / "main.py").read_text(encoding="utf-8"))


def _imports(tree: ast.AST, *, top_level: bool) -> Iterator[str]:
    """Top packages imported at module level, or anywhere. `if TYPE_CHECKING:` blocks cost nothing and are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
        elif (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)) or (
            top_level and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        ):
            continue
        else:
            yield from _imports(node, top_level=top_level)


def _tops(tree: ast.AST, *, top_level: bool) -> set[str]:
    return {name.split(".")[0] for name in _imports(tree, top_level=top_level)}


def test_model_libraries_stay_where_models_live() -> None:
    offenders = {}
    for name, tree in _files():
        if name.startswith(OWNERS):
            continue
        # Jobs may import them, but only inside functions: views build requests before torch is there.
        found = _tops(tree, top_level=name.startswith("inference/jobs/")) & MODEL_LIBRARIES
        if found:
            offenders[name] = found
    assert offenders == {}


def test_nothing_light_imports_the_engines_at_module_level() -> None:
    heavy = ("inference.engines", "inference.training", "inference.evaluation")
    offenders = {
        name: found
        for name, tree in _files()
        if not name.startswith(OWNERS)
        and (found := [i for i in _imports(tree, top_level=True) if i.startswith(heavy) and i not in TORCH_FREE])
    }
    assert offenders == {}


# Modules beside the engines that import no model library themselves (checked below).
TORCH_FREE = {"inference.engines.device"}


def test_modules_called_torch_free_are() -> None:
    for name in TORCH_FREE:
        path = ROOT / (name.replace(".", "/") + ".py")
        assert not _tops(ast.parse(path.read_text(encoding="utf-8")), top_level=True) & MODEL_LIBRARIES


def test_qt_in_inference_only_in_the_runners() -> None:
    offenders = [
        name
        for name, tree in _files()
        if name.startswith("inference/") and name not in QT_IN_INFERENCE and "PySide6" in _tops(tree, top_level=False)
    ]
    assert offenders == []


def test_the_application_has_no_widgets() -> None:
    offenders = []
    for name, tree in _files():
        if not name.startswith("app/"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "PySide6":
                offenders += [name for alias in node.names if alias.name == "QtWidgets"]
            elif isinstance(node, ast.ImportFrom) and node.module == "PySide6.QtWidgets":
                offenders.append(name)
    assert offenders == []


def test_no_file_names_a_package_index() -> None:
    needles = ["py" + "pi.org", "files.python" + "hosted", "--index" + "-url", "--extra-index" + "-url"]
    names = [
        "Makefile",
        "requirements.in",
        "requirements.lock",
        "requirements-sam2.lock",
        "README.md",
        "pyproject.toml",
    ]
    offenders = [
        (name, needle) for name in names for needle in needles if needle in (ROOT / name).read_text(encoding="utf-8")
    ]
    assert offenders == []
