"""Pictures in and out: PNG and JPEG files as arrays that fit an input, and outputs as PNG files."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from cnnc.runtime.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Picture:
    """A decoded file, upright."""

    path: Path
    image: Image.Image

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.height, self.image.width


def read(path: Path) -> Picture:
    """Decode a file; raises `InputError` where it is no picture, or one of more than 179 million pixels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path, formats=["PNG", "JPEG"])
            image.load()
    except UnidentifiedImageError:
        raise InputError(f"{path} is no PNG or JPEG picture", code="E0610") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{path} has too many pixels", code="E0610") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}", code="E0610") from None
    except (ValueError, SyntaxError) as error:  # Pillow's words for a damaged PNG
        raise InputError(f"{path} is damaged: {error}", code="E0610") from None
    return Picture(path, ImageOps.exif_transpose(image))


def fit(picture: Picture, dtype: str, shape: tuple[int, ...]) -> tuple[npt.NDArray[Any], list[str]]:
    """The picture as an array `[1, *shape]`, and what had to be done to it: bytes stay, f32 gets them over 255."""
    if len(shape) != 3 or shape[0] not in _MODES:
        wanted = f"{dtype}[N, {', '.join(map(str, shape))}]"
        raise InputError(
            f"{picture.path} is a picture, but the input is {wanted}", code="E0611", help="give an .npy file"
        )
    channels, height, width = shape
    image, done = picture.image, []
    if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip instead of scale
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
        done.append("reduced from 16 to 8 bits")
    if image.mode != _MODES[channels]:
        done.append(f"converted from {image.mode} to {_MODES[channels]}")
        image = image.convert(_MODES[channels])
    if picture.size != (height, width):
        done.append(f"resized from {picture.size[0]}x{picture.size[1]} to {height}x{width}")
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    array = np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)[None]
    if dtype == "f32":
        done.append("scaled to 0..1")
        return (array / np.float32(255)).astype(np.float32), done
    return np.ascontiguousarray(array, np.uint8), done


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether an output `[n, *shape]` can be drawn: one or three channels."""
    return len(shape) == 3 and shape[0] in (1, 3)


def encode(array: npt.NDArray[Any]) -> tuple[bytes, str]:
    """An output `[c, h, w]` as PNG, and what had to be done to it; f32 is white at 1, or at its largest value above."""
    pixels, done = np.asarray(array), ""
    if pixels.dtype != np.uint8:
        white = max(1.0, float(np.nanmax(pixels, initial=0.0)))
        if white > 1:
            done = f"white is {white:.4g}"
        pixels = np.nan_to_num(pixels / white)
        pixels = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue(), done
