"""Pictures as arrays and back."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cnnc
from cnnc import images
from cnnc.files import replacing, write_text


def saved(path: Path, image: Image.Image, **more: object) -> images.Picture:
    image.save(path, **more)  # type: ignore[arg-type]
    return images.read(path)


def test_bytes_arrive_unchanged_channels_first(tmp_path: Path):
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    array, done = images.fit(saved(tmp_path / "a.png", Image.fromarray(pixels)), "u8", (3, 2, 3))
    assert np.array_equal(array, pixels.transpose(2, 0, 1)[None])
    assert done == []


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path):
    deep = saved(tmp_path / "deep.png", Image.fromarray(np.array([[0, 256, 65535]], np.uint16)))
    array, done = images.fit(deep, "u8", (1, 1, 3))
    assert array.ravel().tolist() == [0, 1, 255]
    assert done == ["reduced from 16 to 8 bits"]


def test_a_camera_held_sideways_is_put_upright(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    assert saved(tmp_path / "side.jpg", Image.new("RGB", (8, 4)), exif=exif).size == (8, 4)


def test_no_other_formats_are_opened(tmp_path: Path):
    with pytest.raises(cnnc.InputError, match="no PNG or JPEG"):
        saved(tmp_path / "a.gif", Image.new("L", (2, 2)))


def test_a_picture_for_an_input_that_is_none(tmp_path: Path):
    with pytest.raises(cnnc.InputError, match=r"the input is f32\[N, 10\]"):
        images.fit(saved(tmp_path / "a.png", Image.new("L", (2, 2))), "f32", (10,))


@pytest.mark.parametrize(
    ("array", "pixels", "done"),
    [
        (np.array([[[0, 0.5, 1]]], np.float32), [0, 128, 255], ""),
        (np.array([[[0, 2, 4]]], np.float32), [0, 128, 255], "white is 4"),
        (np.array([[[-1, np.nan, 0]]], np.float32), [0, 0, 0], ""),
        (np.array([[[7, 8, 9]]], np.uint8), [7, 8, 9], ""),
    ],
)
def test_outputs_are_drawn(array: np.ndarray, pixels: list[int], done: str):
    encoded, said = images.encode(array)
    assert np.asarray(Image.open(io.BytesIO(encoded))).ravel().tolist() == pixels
    assert said == done


def test_a_file_is_whole_or_what_it_was(tmp_path: Path):
    path = tmp_path / "out.txt"
    write_text(path, "before")
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert [child.name for child in tmp_path.iterdir()] == ["out.txt"]
