"""Texts with numbers in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QTranslator

from app.texts import counted

TEXTS = "Delete instance", "Delete %n instances"


class Polish(QTranslator):
    """A language with a form of its own for two to four things."""

    def translate(self, context: str, text: str, comment: str | None = None, count: int = -1) -> str:
        if text == TEXTS[0]:
            return "Usuń obiekt"
        return "Usuń %n obiekty" if 2 <= count <= 4 else "Usuń %n obiektów"


@pytest.fixture
def polish(qapp: QCoreApplication) -> Iterator[None]:
    translator = Polish()
    qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


@pytest.mark.parametrize(
    ("count", "said"), [(0, "Delete 0 instances"), (1, "Delete instance"), (3, "Delete 3 instances")]
)
def test_one_thing_and_several(count: int, said: str) -> None:
    assert counted("History", TEXTS, count) == said


@pytest.mark.usefixtures("polish")
@pytest.mark.parametrize(("count", "said"), [(1, "Usuń obiekt"), (3, "Usuń 3 obiekty"), (7, "Usuń 7 obiektów")])
def test_a_language_with_more_forms(count: int, said: str) -> None:
    assert counted("History", TEXTS, count) == said
