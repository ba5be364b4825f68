"""Translations: `resources/translations/winnow_XX.qm` files, made with Qt's own tools from the texts in the code."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from inference import paths


def installed_languages() -> list[tuple[str, str]]:
    """(code, own name) of every language there is a file for."""
    folder = paths.resource("translations")
    codes = sorted(file.stem.removeprefix("winnow_") for file in folder.glob("winnow_*.qm"))
    return [(code, QLocale(code).nativeLanguageName() or code) for code in codes]


def install(app: QCoreApplication, choice: str) -> None:
    """Loads Winnow's and Qt's own texts in the chosen language ("system": the desktop's), as far as there are any."""
    locale = QLocale.system() if choice == "system" else QLocale(choice)
    QLocale.setDefault(locale)
    places = (
        ("winnow", str(paths.resource("translations"))),
        ("qtbase", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)),
    )
    for name, folder in places:
        translator = QTranslator(app)
        if translator.load(locale, name, "_", folder):
            app.installTranslator(translator)
