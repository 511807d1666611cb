"""The folder in which the examples of docs/errors are run: the files that they name, whole, damaged and strange."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

TEXTS = {
    "parts.cnn": "block unit(c) = conv(c, 3) -> relu\n",
    "round.cnn": 'use "model.cnn" as whole\nblock unit = conv(8, 3)\n',
    "deep.cnn": f"const a = {'(' * 201}1{')' * 201}\n",
    "nested.cnn": "const a0 = [0]\n"
    + "".join(f"const a{k} = [a{k - 1}]\n" for k in range(1, 251))
    + "model M { input x: f32[N, 3]  assert len(a250) == 1  output y = x }\n",
    "large.cnn": "# " + "x" * 1_000_000,
    "many/all.cnn": "".join(f'use "part{k}.cnn" as part{k}\n' for k in range(120)),
    **{f"many/part{k}.cnn": "block unit = relu\n" for k in range(120)},
    "siamese.cnn": """\
block embed(d) = conv(8, 3) -> relu -> flatten -> dense(d)
model Siamese(d=4) {
  input left:  f32[N, 1, 16, 16]
  input right: f32[N, 1, 16, 16]
  share tower = embed(d)
  a, b = (left, right) -> (tower, tower)
  gap = a - b
  output distance = (gap * gap) -> sum(axis=1) -> sqrt
}
""",
    "flower.cnn": "model Flower { input parts: f32[N, 4]  output probs = parts -> dense(3) -> softmax }\n",
    "best.cnn": "model Best { input scores: f32[N, 4]  output place = scores -> argmax }\n",
    "bright.cnn": """\
model Bright {
  input image: u8[N, 1, 28, 28]
  x = image -> scale(1/255)
  detail = (x, x -> avgpool(3, stride=1, pad=1)) -> mse
  output even = x / detail
}
""",
    "tint.cnn": """\
model Tint {
  input photo: u8[N, C, H, W]
  output dark = photo -> scale(1/510)
}
""",
    "labels.txt": "".join(f"{word}\n" for word in ("zero", "one", "two", "three", "four", "five", "six", "seven")),
}


def lay(folder: Path) -> None:
    """Put everything there."""
    for name in ("digits.cnn", "digits.safetensors", "edges.cnn", "resnet.cnn"):
        shutil.copy(EXAMPLES / name, folder)
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    for name in ("empty", "out"):
        (folder / name).mkdir()
    (folder / "latin.cnn").write_bytes("# le réseau\n".encode("latin-1"))
    (folder / "latin.txt").write_bytes("zéro\n".encode("latin-1"))
    Image.new("L", (28, 28)).save(folder / "seven.png")
    Image.new("RGB", (40, 30)).save(folder / "cat.png")
    _weights(folder)
    faces = np.zeros((2, 1, 16, 16), np.float32)
    np.savez(folder / "pairs.npz", left=faces, right=faces)
    np.save(folder / "flower.npy", np.zeros((1, 4), np.float32))


def _weights(folder: Path) -> None:
    right = load_file(folder / "digits.safetensors")
    np.savez(
        folder / "renamed.npz",
        allow_pickle=False,
        **{name.replace("classifier", "fc"): array for name, array in right.items()},
    )
    np.savez(
        folder / "thin.npz",
        allow_pickle=False,
        **{name: array[:5] if "classifier" in name else array for name, array in right.items()},
    )
    np.savez(
        folder / "half.npz", allow_pickle=False, **{name: array.astype(np.float16) for name, array in right.items()}
    )
    whole = (folder / "digits.safetensors").read_bytes()
    (folder / "torn.safetensors").write_bytes(whole[: len(whole) // 2])
