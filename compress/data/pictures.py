"""Reading one picture file, strictly: 8-bit RGB comes out, or an error that names the file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.member import PictureFile
from compress.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from compress.data.source import Picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MIN_SIDE = 16
_FORMATS = ("PNG", "JPEG", "WEBP")
_ORIENTATION = 0x0112
# Pillow's decoders raise these, depending on format and on where the file is broken.
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error)


def picture_size(path: PictureFile) -> tuple[int, int]:
    """Height and width after the EXIF rotation, from the header alone.

    Raises:
        DataError: unreadable, smaller than 16 pixels, or of a kind that isn't 8-bit RGB or grey.
    """
    with _open(path) as image:
        _check_kind(path, image)
        width, height = image.size
        # getexif() of a PNG without an EXIF chunk up front would decode the whole picture
        turned = "exif" in image.info and image.getexif().get(_ORIENTATION, 1) >= 5
    if min(width, height) < MIN_SIDE:
        raise DataError(f"{path}: {width}x{height} is too small, at least {MIN_SIDE}x{MIN_SIDE} pixels are needed")
    return (width, height) if turned else (height, width)


def read_picture(path: PictureFile) -> Picture:
    """The picture as ``(H, W, 3)`` uint8 RGB, C-contiguous.

    Grey and opaque palette pictures are widened to RGB; the EXIF rotation is applied, so both
    pictures of a pair lie the same way whatever their tags say.

    Raises:
        DataError: unreadable, truncated, or of a kind that isn't 8-bit RGB or grey.
    """
    import numpy as np
    from PIL import Image, ImageOps

    with _open(path) as image:
        _check_kind(path, image)
        try:
            ImageOps.exif_transpose(image, in_place=True)
            rgb = image.convert("RGB")
        except (*_DECODER_ERRORS, Image.DecompressionBombError) as error:
            raise DataError(f"{path}: damaged or cut off ({error}); replace the file") from error
    return np.ascontiguousarray(np.asarray(rgb, dtype=np.uint8))


def _open(path: PictureFile) -> PilImage:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path if isinstance(path, Path) else path.open(), formats=_FORMATS)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except PermissionError as error:
        raise DataError(f"{path}: can't be read (permission denied)") from error
    except UnidentifiedImageError as error:
        if (path.stat().st_size if isinstance(path, Path) else path.size) == 0:
            raise DataError(f"{path}: is empty (0 bytes); replace the file, or leave it out by data.exclude") from error
        raise DataError(
            f"{path}: not a PNG, JPEG or WebP picture, or damaged at its start; replace the file"
        ) from error
    except (*_DECODER_ERRORS, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: can't be opened as a picture ({error})") from error


def _check_kind(path: PictureFile, image: PilImage) -> None:
    """Refuse what would lose information on the way to 8-bit RGB."""
    mode = image.mode
    if mode.startswith("I") or mode == "F" or _png_bit_depth(path, image) > 8:
        raise DataError(f"{path}: has more than 8 bits per channel; convert it to 8-bit RGB")
    if "transparency" in image.info or mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        raise DataError(f"{path}: has an alpha channel; flatten it to 8-bit RGB")
    if mode not in ("RGB", "L", "P", "1"):
        raise DataError(f"{path}: is {mode}, not RGB; convert it to 8-bit RGB")


def _png_bit_depth(path: PictureFile, image: PilImage) -> int:
    """Bits per channel as the IHDR chunk says; Pillow shows 16-bit RGB as plain RGB."""
    if image.format != "PNG":
        return 8
    if not isinstance(path, Path):
        return path.read(25)[24]
    with path.open("rb") as file:
        return file.read(25)[24]


def fit(picture: Picture, height: int, width: int) -> Picture:
    """The top left ``height`` x ``width`` of ``picture`` ``(H, W, 3)``, its border repeated where it is too small."""
    import numpy as np

    cut = picture[:height, :width]
    padding = ((0, height - cut.shape[0]), (0, width - cut.shape[1]), (0, 0))
    return np.ascontiguousarray(np.pad(cut, padding, mode="edge"))


def write_png(path: Path, picture: Picture, compress_level: int = 9) -> None:
    """Write ``(H, W, 3)`` uint8 RGB; no metadata, so equal pictures give equal bytes."""
    from PIL import Image

    Image.fromarray(picture).save(path, format="PNG", compress_level=compress_level)
