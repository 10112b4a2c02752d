"""Your own images, from a folder: read as what they are, or refused by name."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nets_deap.data.cache import by_times
from nets_deap.util import memory, waiting
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 2**24  # of an image, 4096 × 4096: no network here takes more
BYTES = 14  # that a number of an image takes at the worst moment: as read, split, in float32 and in float64
ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
EIGHT_BITS = ("1", "L", "P", "RGB", *ALPHA)
SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")
ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)  # EXIF's tag, and its values that swap width and height


class Images(NamedTuple):
    """x: uint8 or uint16[n, 3, h, w]; y: int64[n]; the names of the classes."""

    x: np.ndarray
    y: np.ndarray
    classes: list[str]


def read(folder: Path) -> Images:
    """The images in FOLDER/<class>/…, as RGB. All become uint16 if one of them has 16 bits.

    Raises NetsError that names the file for an image that cannot be read, or only with a loss: of another
    mode, of several frames, transparent, of 16 bits in colour. And for images that differ in size or that
    memory cannot hold, which their headers say.
    """
    from torchvision.datasets import ImageFolder

    class VisibleFolders(ImageFolder):
        def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
            names = [name for name in super().find_classes(directory)[0] if not name.startswith(".")]
            return names, {name: i for i, name in enumerate(names)}

    with _named(folder, folder):
        found = VisibleFolders(str(folder), is_valid_file=_counts)
        paths = [Path(path) for path, _ in found.samples]
    pixels = by_times(paths, folder, lambda: {"x": _decoded(folder, paths)})["x"]
    return Images(pixels.transpose(0, 3, 1, 2), np.array(found.targets), found.classes)


def _decoded(folder: Path, paths: list[Path]) -> np.ndarray:
    """uint8 or uint16[n, h, w, 3]"""
    sizes: dict[tuple[int, ...], Path] = {}
    deep = False
    for path in paths:
        with _opened(folder, path) as image:
            sizes.setdefault(tuple(sorted(image.size)), path)
            deep |= _sixteen_bits(image)
            reason = _refused(image)
        if reason:
            raise NetsError(f"cannot read {path}: {reason}")
    if len(sizes) > 1:
        raise _differ(*list(sizes.items())[:2])
    ((short, long),) = sizes
    memory.check(
        BYTES * 3.0 * short * long * len(paths),
        f"{len(paths):,} images of {long} × {short} pixels in {folder}",
        "take fewer or smaller ones",
    )
    x = np.empty((0, 0, 0, 3), np.uint8)
    for i, path in enumerate(waiting.counted(f"loading the images in {folder}", paths, len(paths))):
        with _opened(folder, path) as image:
            pixels = as_pixels(image, deep)
        if not i:
            x = np.empty((len(paths), *pixels.shape), pixels.dtype)
        if pixels.shape != x.shape[1:]:
            raise _differ((x.shape[1:3], paths[0]), (pixels.shape[:2], path))
        x[i] = pixels
    return x


def deepened(x: np.ndarray) -> np.ndarray:
    """uint16 from uint8 or uint16: white stays white, and nothing is rounded."""
    return x if x.dtype == np.uint16 else x.astype(np.uint16) * np.uint16(257)


def _counts(path: str) -> bool:
    """Is this file an image to be read? Raises NetsError for an image of a kind that is not."""
    from PIL.Image import registered_extensions
    from torchvision.datasets.folder import IMG_EXTENSIONS

    place = Path(path)
    if place.name.startswith("."):  # what systems leave beside images
        return False
    kind = place.suffix.lower()
    if kind not in IMG_EXTENSIONS and kind in registered_extensions():
        raise NetsError(f"{path} is of a kind that is not read: save it as PNG, or remove it")
    return kind in IMG_EXTENSIONS


@contextmanager
def _named(folder: Path, path: Path) -> Iterator[None]:
    """Name the file in whatever error there is: PIL has many ways to refuse an image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PIL's, of odd metadata and of sizes that are checked here
            yield
    except NetsError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        place = f"{folder}/<class>/" if path == folder else str(path)
        raise NetsError(f"cannot read images from {place}: {reason}") from error


@contextmanager
def _opened(folder: Path, path: Path) -> Iterator[Image]:
    from PIL import Image

    with _named(folder, path), Image.open(path) as image:
        yield image


def _rawmode(image: Image) -> tuple[str, int]:
    """How the pixels lie in the file, such as RGB;16B, and their largest value where the format says it."""
    tiles = getattr(image, "tile", None) or []
    given = tiles[0][3] if tiles else ""
    pieces = given if isinstance(given, tuple | list) else (given,)
    name = next((piece for piece in pieces if isinstance(piece, str)), image.mode)
    most = pieces[1] if tiles and tiles[0][0].startswith("ppm") and len(pieces) > 1 else 0
    return name, most if isinstance(most, int) else 0


def _sixteen_bits(image: Image) -> bool:
    # PIL reads grey PGM, and in earlier versions grey PNG, of 16 bits into 32.
    return image.mode in SIXTEEN_BITS or (image.mode == "I" and image.format in ("PNG", "PPM"))


def _refused(image: Image) -> str:
    """Why an image cannot be read as what it is; "" if it can. Looks at the header alone."""
    width, height = image.size
    rawmode, most = _rawmode(image)
    frames = (
        1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    )  # of a camera's MPO, the first counts
    sixteen = _sixteen_bits(image)
    reasons = {
        f"{width} × {height} pixels, and {MOST_PIXELS:,} are the most: make it smaller": (
            width * height > MOST_PIXELS
        ),
        f"it holds {frames} frames: keep one image in a file": frames > 1,
        f"mode {rawmode}, of 12 bits: save it with 8 or 16": sixteen and "12" in rawmode,
        "it has a transparent colour: flatten it first": sixteen and "transparency" in image.info,
        f"mode {image.mode} is not read: save it as RGB or grey, of 8 or 16 bits": (
            not sixteen and image.mode not in EIGHT_BITS
        ),
        f"mode {image.mode} of 16 bits a channel, of which 8 would be lost: save it with 8": (
            not sixteen and (most > 255 or bool(re.match(r"(RGB|RGBA|RGBX|RGBa|LA);16", rawmode)))
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def as_pixels(image: Image, deep: bool) -> np.ndarray:
    """uint8[h, w, 3], or uint16 if `deep`, turned upright as EXIF says."""
    from PIL import ImageOps

    sixteen = _sixteen_bits(image)
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if sixteen:
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError("it has values outside of 0 to 65535")
        return np.repeat(grey.astype(np.uint16)[:, :, None], 3, axis=2)
    if image.mode in ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] != 255:
            raise ValueError("it has transparent pixels: flatten it first")
    pixels = np.asarray(image.convert("RGB"))
    return deepened(pixels) if deep else pixels


def _differ(one: tuple[tuple[int, ...], Path], other: tuple[tuple[int, ...], Path]) -> NetsError:
    (size, path), (another, place) = one, other
    return NetsError(
        f"images differ in size: {path} has {size[0]} × {size[1]} pixels, "
        f"{place} {another[0]} × {another[1]}: resize them to one size"
    )
