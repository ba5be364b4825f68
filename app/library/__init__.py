"""The pictures of a folder: found and followed in the background, listed for views, with thumbnails."""

from app.library.filter import UNLABELLED
from app.library.folders import FolderModel
from app.library.model import ImageModel
from app.library.roles import Role
from app.library.thumbnails import ThumbnailService

__all__ = ["UNLABELLED", "FolderModel", "ImageModel", "Role", "ThumbnailService"]
