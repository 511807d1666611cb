"""`cnnc run`: pictures and arrays in, answers out; nothing but answers on standard output."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import Command, on_one_line
from PIL import Image

import cnnc as package

MEAN = "model M { input image: f32[N, 3, 4, 4]  output y = image -> global_avgpool -> flatten }"


def test_a_seven_is_a_seven(cnnc: Command, digits: str, examples: Path):
    result = cnnc("run", digits, examples / "digits" / "7.png")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "7.png  7  99.91 %\n", "")


def test_native_and_interpreted_say_the_same(cnnc: Command, digits: str, examples: Path):
    native, reference = (cnnc("run", digits, examples / "digits", "--top", 3, *i) for i in ([], ["--interpret"]))
    assert native.stdout == reference.stdout
    assert len(native.stdout.splitlines()) == 30


def test_arrays_have_a_line_a_row(cnnc: Command, digits: str, examples: Path):
    lines = cnnc("run", digits, examples / "digits" / "expected.npz").stdout.splitlines()
    assert len(lines) == 32
    assert lines[0].startswith("expected.npz[0] ")


def test_json_and_labels(cnnc: Command, digits: str, examples: Path, tmp_path: Path):
    (tmp_path / "names").write_text("\n".join(["zero", "one", "two", "three", "four", "five", "six", "seven"]))
    result = cnnc("run", digits, examples / "digits" / "7.png", "--format", "json", "--labels", tmp_path / "names")
    (answer,) = json.loads(result.stdout)
    (best,) = answer["outputs"]["probs"]["top"]
    assert (answer["input"], best["class"], best["label"]) == ("7.png", 7, "seven")
    assert len(answer["outputs"]["probs"]["values"]) == 10


def test_what_is_done_to_a_picture_is_said(cnnc: Command, digits: str, examples: Path):
    result = cnnc("run", digits, examples / "photos" / "chelsea.png")
    assert result.stderr.splitlines() == [
        "chelsea.png: converted from RGB to L",
        "chelsea.png: resized from 300x451 to 28x28",
    ]


def test_a_photo_binds_free_sizes_and_has_its_edges_drawn(cnnc: Command, edges: str, examples: Path, tmp_path: Path):
    result = cnnc("run", edges, examples / "photos" / "chelsea.png", "-o", tmp_path / "edges.png")
    assert result.exit_code == 0, result.stderr
    drawn = Image.open(tmp_path / "edges.png")
    assert (drawn.size, drawn.mode, result.stdout) == ((451, 300), "L", "")
    assert np.asarray(drawn).max() == 255


def test_photos_of_two_sizes_into_a_folder(cnnc: Command, edges: str, tmp_path: Path):
    for name, size in (("a", (8, 6)), ("b", (5, 7))):
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.jpg")
    (tmp_path / "out").mkdir()
    assert cnnc("run", edges, tmp_path, "-o", tmp_path / "out").exit_code == 0
    assert [Image.open(tmp_path / "out" / f"{name}.png").size for name in "ab"] == [(8, 6), (5, 7)]


def test_outputs_of_many_files_in_one_npz(cnnc: Command, digits: str, examples: Path, tmp_path: Path):
    assert cnnc("run", digits, examples / "digits", "-o", tmp_path / "out.npz").exit_code == 0
    assert np.load(tmp_path / "out.npz")["probs"].shape == (10, 10)


def test_reals_get_a_picture_between_0_and_1(cnnc: Command, model: Callable[[str], Path], tmp_path: Path):
    Image.new("RGBA", (4, 4), (255, 51, 0, 128)).save(tmp_path / "flag.png")
    result = cnnc("run", model(MEAN), tmp_path / "flag.png", "--format", "json")
    assert json.loads(result.stdout)[0]["outputs"]["y"]["values"] == pytest.approx([1, 0.2, 0])
    assert "scaled to 0..1" in result.stderr


def test_two_inputs_come_from_one_npz(cnnc: Command, model: Callable[[str], Path], tmp_path: Path):
    path = model("model M { input a: f32[N, 1]  input b: f32[N, 1]  output y = a + b }")
    ones = np.ones((2, 1), np.float32)
    np.savez(tmp_path / "pair.npz", a=ones, b=ones)
    assert cnnc("run", path, tmp_path / "pair.npz").stdout.count("2") >= 2
    refused = cnnc("run", path, Path(__file__))
    assert refused.exit_code == 1
    assert "give an .npz file" in refused.stderr


def test_a_loss_is_one_number_a_file(cnnc: Command, model: Callable[[str], Path], tmp_path: Path):
    path = model("model M { input a: f32[N, 2]  input b: f32[N, 2]  c = a - b  output loss = (a, b) -> mse  output c }")
    for name, rows in (("one", 2), ("two", 20)):
        np.savez(tmp_path / f"{name}.npz", a=np.full((rows, 2), rows, np.float32), b=np.zeros((rows, 2), np.float32))
    result = cnnc("run", path, tmp_path / "one.npz", tmp_path / "two.npz", "-o", tmp_path / "out.npz")
    assert result.exit_code == 0, result.stderr
    made = np.load(tmp_path / "out.npz")
    assert made["loss"].tolist() == [4, 400]
    assert made["c"].shape == (22, 2)
    assert result.stdout.split().count("400") == 20


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.png", None, "cannot read"),
        ("text.png", b"hello", "no PNG or JPEG picture"),
        ("cut.png", "cut", "cut.png"),
        ("not.npy", b"hello", "cannot be read as NumPy arrays"),
        ("not.npz", b"PK\x03\x04rest", "cannot be read as NumPy arrays"),
        (
            "lying.npy",
            b"\x93NUMPY\1\0\x52\0{'descr': '<f4', 'fortran_order': False, 'shape': (999999999, 1, 28, 28)}     \n0000",
            "cannot be read as NumPy arrays",
        ),
        ("wrong.npy", np.zeros((1, 3, 28, 28), np.uint8), "wants u8"),
        ("wrong.npz", {"a": np.zeros(1), "b": np.zeros(2)}, "has no array `image`"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    cnnc: Command, digits: str, examples: Path, tmp_path: Path, name: str, content: object, says: str
):
    path = tmp_path / name
    match content:
        case bytes():
            path.write_bytes(content)
        case str():
            path.write_bytes((examples / "digits" / "7.png").read_bytes()[:120])
        case np.ndarray():
            np.save(path, content)
        case dict():
            np.savez(path, **content)
    result = cnnc("run", digits, path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert says in on_one_line(result.stderr)
    assert "Traceback" not in result.stderr


def test_an_empty_folder_and_a_strange_output_are_refused(cnnc: Command, digits: str, tmp_path: Path, examples: Path):
    assert "no pictures in" in cnnc("run", digits, tmp_path).stderr
    result = cnnc("run", digits, examples / "digits" / "7.png", "-o", "out.txt")
    assert result.exit_code == 2
    result = cnnc("run", digits, examples / "digits" / "7.png", "-o", tmp_path / "out.png")
    assert result.exit_code == 1
    assert "no output is a picture" in result.stderr


def test_pickles_are_not_opened(cnnc: Command, digits: str, tmp_path: Path):
    np.save(tmp_path / "evil.npy", np.array([{}], object), allow_pickle=True)
    result = cnnc("run", digits, tmp_path / "evil.npy")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)


def test_images_are_bytes_for_a_network_that_wants_bytes(digits: str, examples: Path):
    """The command and the interface agree."""
    image = np.asarray(Image.open(examples / "digits" / "7.png"))[None, None]
    assert package.compile(digits)(image).argmax() == 7
