"""The project of a folder: what was made on its pictures, kept in `.winnow/project.db`, durable edit by edit."""

from app.project.failures import DamagedProjectError
from app.project.locate import locate
from app.project.project import Project

__all__ = ["DamagedProjectError", "Project", "locate"]
