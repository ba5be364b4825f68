"""What a model knows of one picture, and how a picture becomes the network's input."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

_STRIP = 256  # rows


@dataclass(frozen=True, eq=False)
class Embedding:
    """The image encoder's answer for one picture, made once and prompted many times.

    Attributes:
        image: (1, C, s/16, s/16) features, `s` being the model's image size.
        high_res: the finer levels for the mask decoder, (1, C/8, s/4, s/4) and (1, C/4, s/8, s/8); empty when the
            decoder takes none.
        width, height: of the upright picture in pixels.
    """

    image: torch.Tensor
    high_res: tuple[torch.Tensor, ...]
    width: int
    height: int

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        return (self.image, *self.high_res)

    @property
    def nbytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in self.tensors)

    def to(self, device: str) -> Embedding:
        """The same on another device; itself when it is there already. Memory layouts stay."""
        if self.image.device == torch.device(device):
            return self
        return replace(self, image=self.image.to(device), high_res=tuple(t.to(device) for t in self.high_res))

    def float(self) -> Embedding:
        """The same in float32, for a device that computes in it."""
        if self.image.dtype == torch.float32:
            return self
        return replace(self, image=self.image.float(), high_res=tuple(t.float() for t in self.high_res))


def network_input(rgb: npt.NDArray[np.uint8], size: int) -> torch.Tensor:
    """The picture squeezed to (1, 3, size, size) float32, normalised as SAM2Transforms does it, bit for bit.

    Squeezed along x in strips, then along y, as torch itself goes about it: so the float copy of a 100-megapixel
    picture (1.3 GB) is never there as a whole.
    """
    across = torch.empty(1, 3, rgb.shape[0], size)
    for top in range(0, rgb.shape[0], _STRIP):
        strip = np.ascontiguousarray(rgb[top : top + _STRIP].transpose(2, 0, 1))
        pixels = torch.from_numpy(strip).to(torch.float32).div_(255)[None]
        across[:, :, top : top + _STRIP] = _squeezed(pixels, strip.shape[1], size)
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    return _squeezed(across, size, size).sub_(mean).div_(std)


def _squeezed(planes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return F.interpolate(planes, (height, width), mode="bilinear", align_corners=False, antialias=True)
