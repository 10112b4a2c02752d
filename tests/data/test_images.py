"""Images of every depth and mode: read as what they are, or refused by name. Nothing is clipped."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nets_deap.data import images
from nets_deap.data.loading import load
from nets_deap.util.errors import NetsError

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
COLOUR = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
DEEP = np.linspace(0, 65535, 48).astype(np.uint16).reshape(6, 8)


def read(save: Callable[[Path], Any], name: str = "a.png") -> np.ndarray:
    """The pixels of one image, [h, w, 3]."""
    path = Path("mine/a") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path)
    return images.read(Path("mine")).x[0].transpose(1, 2, 0)


def test_hidden_folders_are_no_classes() -> None:
    read(Image.fromarray(COLOUR).save)
    Path("mine/.ipynb_checkpoints").mkdir()
    assert images.read(Path("mine")).classes == ["a"]


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def write_colour_png_of_16_bits(path: Path) -> None:
    """PIL has no writer for it."""
    pixels = (COLOUR.astype(">u2") * 257).reshape(6, -1)
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    chunks = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 6, 16, 2, 0, 0, 0))
    chunks += png_chunk(b"IDAT", zlib.compress(lines)) + png_chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def in_three(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels[:, :, None], 3, axis=2)


EXACT: dict[str, tuple[Image.Image, np.ndarray]] = {
    "RGB": (Image.fromarray(COLOUR), COLOUR),
    "grey": (Image.fromarray(GREY), in_three(GREY)),
    "1 bit": (Image.fromarray(GREY > 99), in_three(np.where(GREY > 99, 255, 0))),
    "palette": (
        Image.fromarray(COLOUR).quantize(7),
        np.asarray(Image.fromarray(COLOUR).quantize(7).convert("RGB")),
    ),
    "opaque RGBA": (Image.fromarray(COLOUR).convert("RGBA"), COLOUR),
    "opaque LA": (Image.fromarray(GREY).convert("LA"), in_three(GREY)),
    "16 bits": (Image.fromarray(DEEP), in_three(DEEP)),
}


@pytest.mark.parametrize("mode", EXACT)
def test_pixels_are_read_as_they_are(mode: str) -> None:
    image, expected = EXACT[mode]
    found = read(image.save)
    assert found.dtype == (np.uint16 if mode == "16 bits" else np.uint8)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(("name", "order"), [("a.tif", "<u2"), ("b.tif", ">u2"), ("a.pgm", "<u2")])
def test_16_bits_in_other_formats(name: str, order: str) -> None:
    assert np.array_equal(read(Image.fromarray(DEEP.astype(order)).save, name), in_three(DEEP))


def test_what_has_8_bits_is_widened_beside_what_has_16() -> None:
    folder = Path("mine/a")
    folder.mkdir(parents=True)
    Image.fromarray(DEEP).save(folder / "a.png")
    Image.fromarray(COLOUR).save(folder / "b.png")
    x = images.read(Path("mine")).x
    assert np.array_equal(x[1].transpose(1, 2, 0), COLOUR.astype(np.uint16) * 257)


@pytest.mark.parametrize("part", ["train", "test"])
def test_16_bits_are_scaled_to_the_same_range(part: str) -> None:
    for deep in (False, True):
        for each in ("train", "test"):
            for label in "ab":
                folder = Path(f"{'deep' if deep else 'flat'}/{each}/{label}")
                folder.mkdir(parents=True)
                for i in range(10):
                    pixels = np.roll(GREY, i)
                    if deep and each == part:
                        pixels = pixels.astype(np.uint16) * 257
                    Image.fromarray(pixels).save(folder / f"{i}.png")
    flat, deep_ = (load(f"folder:{Path.cwd()}/{name}") for name in ("flat", "deep"))
    assert np.allclose(flat.train.x, deep_.train.x, atol=1e-5)
    assert np.allclose(flat.test.x, deep_.test.x, atol=1e-5)


@pytest.mark.parametrize("value", range(1, 9))
def test_images_are_turned_as_exif_says(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    expected = COLOUR
    if value > 4:
        expected = expected.transpose(1, 0, 2)
    turns = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
    down, right = turns.get(value, (1, 1))
    found = read(lambda path: Image.fromarray(COLOUR).save(path, exif=exif))
    assert np.array_equal(found, expected[::down, ::right])


def _transparent() -> Image.Image:
    image = Image.fromarray(COLOUR).convert("RGBA")
    image.putpixel((1, 1), (0, 0, 0, 254))
    return image


def _frames(path: Path) -> None:
    Image.fromarray(COLOUR).save(path, save_all=True, append_images=[Image.fromarray(255 - COLOUR)])


REFUSED: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "transparent": ("x.png", lambda path: _transparent().save(path), "transparent"),
    "a transparent colour": (
        "x.png", lambda path: Image.fromarray(COLOUR).quantize(7).save(path, transparency=0), "transparent",
    ),
    "transparent in 16 bits": (
        "x.png", lambda path: Image.fromarray(DEEP).save(path, transparency=0), "transparent",
    ),
    "CMYK": ("x.jpg", lambda path: Image.fromarray(COLOUR).convert("CMYK").save(path), "CMYK"),
    "LAB": ("x.tif", lambda path: Image.new("LAB", (8, 6)).save(path), "LAB"),
    "floats": ("x.tif", lambda path: Image.fromarray(GREY.astype(np.float32)).save(path), "mode F"),
    "32 bits": ("x.tif", lambda path: Image.fromarray(GREY.astype(np.int32) * 9999).save(path), "mode I"),
    "colour of 16 bits": ("x.png", write_colour_png_of_16_bits, "16 bits"),
    "colour of 16 bits in PPM": (
        "x.ppm",
        lambda path: path.write_bytes(b"P6 8 6 65535\n" + (COLOUR.astype(">u2") * 257).tobytes()),
        "16 bits",
    ),
    "frames of a TIFF": ("x.tif", _frames, "2 frames"),
    "frames of a PNG": ("x.png", _frames, "2 frames"),
    "frames of a WebP": ("x.webp", _frames, "2 frames"),
    "frames of a GIF": ("x.gif", _frames, "kind that is not read"),
    "no image": ("x.png", lambda path: path.write_bytes(b"no image"), "cannot identify"),
    "empty": ("x.png", lambda path: path.write_bytes(b""), "cannot identify"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_read_with_a_loss_is_refused_by_name(case: str) -> None:
    name, save, reason = REFUSED[case]
    Path("mine/b").mkdir(parents=True)
    Image.fromarray(COLOUR).save("mine/b/right.png")
    with pytest.raises(NetsError) as raised:
        read(save, name)
    told = str(raised.value)
    assert f"mine/a/{name}" in told
    assert reason in told
    assert len(told) < 300
    assert "\n" not in told


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.bmp", "x.tif"])
@pytest.mark.parametrize("share", [0.4, 0.9])
def test_a_cut_image_is_named(name: str, share: float) -> None:
    def save(path: Path) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    with pytest.raises(NetsError, match=f"mine/a/{name}"):
        read(save, name)


def test_sizes_are_seen_before_anything_is_decoded() -> None:
    folder = Path("mine/a")
    folder.mkdir(parents=True)
    for i, size in enumerate((6, 9)):
        Image.new("RGB", (size, size)).save(folder / f"{i}.png")
    cut = folder / "0.png"
    cut.write_bytes(cut.read_bytes()[:50])  # whoever decodes it stumbles over it
    with pytest.raises(NetsError, match=r"differ in size: mine/a/0.png has 6 × 6 pixels, mine/a/1.png 9 × 9"):
        images.read(Path("mine"))


def test_images_that_lie_differ_in_size() -> None:
    folder = Path("mine/a")
    folder.mkdir(parents=True)
    Image.fromarray(COLOUR).save(folder / "0.png")
    Image.fromarray(COLOUR.transpose(1, 0, 2)).save(folder / "1.png")
    with pytest.raises(NetsError, match="differ in size"):
        images.read(Path("mine"))


def _huge(path: Path, side: int) -> None:
    """A PNG that says how large it is, and holds nothing."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [5_000, 13_000, 60_000, 2**31 - 1])
def test_an_image_that_is_too_large_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises(NetsError, match=r"mine/a/a.png: .*pixels"):
        read(lambda path: _huge(path, side))


def test_more_images_than_memory_holds_are_refused_before_they_are_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nets_deap.util.memory.available", lambda: 1e6)
    folder = Path("mine/a")
    folder.mkdir(parents=True)
    for i in range(100):
        _huge(folder / f"{i}.png", 100)
    with pytest.raises(NetsError, match=r"100 images of 100 × 100 pixels.* would take 42 MB"):
        images.read(Path("mine"))


def test_what_a_system_leaves_beside_images_is_no_image() -> None:
    found = read(Image.fromarray(COLOUR).save)
    for name in (".DS_Store", "._a.png", "Thumbs.db"):
        Path("mine/a", name).write_bytes(b"none")
    assert np.array_equal(images.read(Path("mine")).x[0].transpose(1, 2, 0), found)
