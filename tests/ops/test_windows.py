"""Convolutions and pools against plain loops over their formulas: the oracle shares nothing with NumPy's windows."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

KERNELS = [(1, 1), (2, 3), (3, 2)]
STRIDES = [(1, 1), (2, 3)]
PADS = [(0, 0, 0, 0), (1, 0, 2, 1)]
DILATIONS = [(1, 1), (2, 1)]


def taps_of(x, y_out, x_out, kernel, stride, pad, dilation):
    """(v, u, row, column) of the taps of one window that lie in the image."""
    for v, u in itertools.product(range(kernel[0]), range(kernel[1])):
        row = y_out * stride[0] - pad[0] + v * dilation[0]
        column = x_out * stride[1] - pad[1] + u * dilation[1]
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            yield v, u, row, column


def floor_size(size, before, after, kernel, stride, dilation):
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


def sizes(x, kernel, stride, pad, dilation):
    high = floor_size(x.shape[2], pad[0], pad[2], kernel[0], stride[0], dilation[0])
    return high, floor_size(x.shape[3], pad[1], pad[3], kernel[1], stride[1], dilation[1])


def naive_conv(x, w, b, stride, pad, dilation, groups):
    kernel = w.shape[2:]
    out = np.zeros((len(x), len(w), *sizes(x, kernel, stride, pad, dilation)))
    per_group, inputs = len(w) // groups, w.shape[1]
    for n, o, i, j in np.ndindex(out.shape):
        total = b[o]
        for v, u, row, column in taps_of(x, i, j, kernel, stride, pad, dilation):
            for c in range(inputs):
                total += x[n, o // per_group * inputs + c, row, column] * w[o, c, v, u]
        out[n, o, i, j] = total
    return out


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("dilation", DILATIONS)
@pytest.mark.parametrize("groups", [1, 2])
def test_conv_is_its_formula(apply, rng, kernel, stride, pad, dilation, groups):
    x, w, b = rng.normal(size=(2, 4, 5, 7)), rng.normal(size=(6, 4 // groups, *kernel)), rng.normal(size=6)
    attributes = {"kernel": kernel, "stride": stride, "pad": pad, "dilation": dilation}
    got = apply("conv", x, params={"weight": w, "bias": b}, channels=6, groups=groups, **attributes)
    assert_allclose(got, naive_conv(x, w, b, stride, pad, dilation, groups), atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("dilation", DILATIONS)
def test_depthwise_is_conv_with_a_group_for_each_channel(apply, rng, kernel, stride, pad, dilation):
    x, w, b = rng.normal(size=(2, 3, 5, 7)), rng.normal(size=(3, 1, *kernel)), rng.normal(size=3)
    attributes = {"kernel": kernel, "stride": stride, "pad": pad, "dilation": dilation}
    got = apply("depthwise", x, params={"weight": w, "bias": b}, **attributes)
    assert_allclose(got, naive_conv(x, w, b, stride, pad, dilation, 3), atol=1e-12)


def test_conv_without_bias_and_in_parts_of_an_image(apply, rng, monkeypatch):
    """Few columns at a time must give what all of them give."""
    x, w = rng.normal(size=(2, 2, 9, 5)), rng.normal(size=(3, 2, 3, 3))
    whole = apply("conv", x, params={"weight": w}, channels=3, kernel=3, bias=False)
    monkeypatch.setattr("cnnc.compiler.ops.conv.COLUMNS", 110)
    assert_allclose(apply("conv", x, params={"weight": w}, channels=3, kernel=3, bias=False), whole, atol=1e-12)


@pytest.mark.parametrize(("size", "stride", "kernel"), [(5, 1, 2), (5, 2, 3), (6, 2, 3), (7, 3, 5), (4, 4, 2)])
def test_same_gives_a_pixel_for_each_stride_begun_and_pads_the_end_more(apply, rng, size, stride, kernel):
    x, w = rng.normal(size=(1, 1, size, size)), rng.normal(size=(1, 1, kernel, kernel))
    got = apply("conv", x, params={"weight": w}, channels=1, kernel=kernel, stride=stride, pad="same", bias=False)
    out = math.ceil(size / stride)
    assert got.shape == (1, 1, out, out)
    total = max(0, (out - 1) * stride + kernel - size)
    pad = (total // 2, total // 2, total - total // 2, total - total // 2)
    assert_allclose(got, naive_conv(x, w, [0], (stride, stride), pad, (1, 1), 1), atol=1e-12)


def naive_transposed(x, w, b, stride, pad, output_pad, dilation, groups):
    (kh, kw), per_group = w.shape[2:], w.shape[1]
    high = (x.shape[2] - 1) * stride[0] - pad[0] - pad[2] + dilation[0] * (kh - 1) + output_pad[0] + 1
    wide = (x.shape[3] - 1) * stride[1] - pad[1] - pad[3] + dilation[1] * (kw - 1) + output_pad[1] + 1
    out = np.zeros((len(x), per_group * groups, high, wide)) + np.reshape(b, (-1, 1, 1))
    for n, c, i, j in np.ndindex(x.shape):
        for o, v, u in np.ndindex(per_group, kh, kw):
            row, column = i * stride[0] - pad[0] + v * dilation[0], j * stride[1] - pad[1] + u * dilation[1]
            if 0 <= row < high and 0 <= column < wide:
                out[n, c // (x.shape[1] // groups) * per_group + o, row, column] += x[n, c, i, j] * w[c, o, v, u]
    return out


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("stride", "output_pad"), [((1, 1), (0, 0)), ((2, 3), (0, 0)), ((2, 3), (1, 2))])
@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("dilation", DILATIONS)
@pytest.mark.parametrize("groups", [1, 2])
def test_conv_transpose_is_its_formula(apply, rng, kernel, stride, output_pad, pad, dilation, groups):
    x, w, b = rng.normal(size=(2, 4, 4, 3)), rng.normal(size=(4, 6 // groups, *kernel)), rng.normal(size=6)
    attributes = {"stride": stride, "pad": pad, "output_pad": output_pad, "dilation": dilation}
    got = apply(
        "conv_transpose", x, params={"weight": w, "bias": b}, channels=6, kernel=kernel, groups=groups, **attributes
    )
    assert_allclose(got, naive_transposed(x, w, b, stride, pad, output_pad, dilation, groups), atol=1e-12)


def test_conv_transpose_same_multiplies_the_size_by_the_stride(apply, rng):
    x, w = rng.normal(size=(1, 1, 3, 4)), rng.normal(size=(1, 1, 4, 3))
    got = apply("conv_transpose", x, params={"weight": w}, channels=1, kernel=(4, 3), stride=2, pad="same", bias=False)
    assert got.shape == (1, 1, 6, 8)
    assert_allclose(got, naive_transposed(x, w, [0], (2, 2), (1, 0, 1, 1), (0, 0), (1, 1), 1), atol=1e-12)


def pooled(x, kernel, stride, pad, dilation, ceil):
    """The windows of a pool, as lists of values, and how many of its taps lie in the padded image."""

    def count(size, before, after, k, s, d):
        places = range(0, size + before + after, s)
        whole = [p for p in places if p + (k - 1) * d < size + before + after]
        started = [p for p in places if p < size + before]
        if not ceil or len(whole) * s >= size + before:
            return len(whole)
        rest = size + before + after - (whole[-1] + (k - 1) * d + 1)  # pixels that no whole window sees
        return min(len(whole) + (rest > 0), len(started))

    high = count(x.shape[2], pad[0], pad[2], kernel[0], stride[0], dilation[0])
    wide = count(x.shape[3], pad[1], pad[3], kernel[1], stride[1], dilation[1])
    for n, c, i, j in np.ndindex(*x.shape[:2], high, wide):
        values = [x[n, c, row, column] for _, _, row, column in taps_of(x, i, j, kernel, stride, pad, dilation)]
        rows = min(i * stride[0] + kernel[0], x.shape[2] + pad[0] + pad[2]) - i * stride[0]
        columns = min(j * stride[1] + kernel[1], x.shape[3] + pad[1] + pad[3]) - j * stride[1]
        yield (n, c, i, j), values, rows * columns


POOLS = [
    ((2, 2), (2, 2), (0, 0, 0, 0)),
    ((3, 2), (2, 3), (1, 1, 0, 1)),
    ((3, 3), (2, 2), (1, 1, 1, 1)),
    ((2, 3), (3, 1), (0, 2, 1, 0)),
]


@pytest.mark.parametrize(("kernel", "stride", "pad"), POOLS)
@pytest.mark.parametrize("size", [(5, 7), (6, 4), (7, 6), (8, 9)])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("dilation", DILATIONS)
def test_maxpool_is_its_formula(apply, rng, kernel, stride, pad, size, ceil, dilation):
    x = rng.normal(size=(2, 2, *size)) - 10
    got = apply("maxpool", x, kernel=kernel, stride=stride, pad=pad, dilation=dilation, ceil=ceil)
    expected = {place: max(values) for place, values, _ in pooled(x, kernel, stride, pad, dilation, ceil)}
    assert {place: got[place] for place in np.ndindex(got.shape)} == expected


@pytest.mark.parametrize(("kernel", "stride", "pad"), POOLS)
@pytest.mark.parametrize("size", [(5, 7), (6, 4), (7, 6), (8, 9)])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("count_pad", [False, True])
def test_avgpool_divides_by_what_it_says(apply, rng, kernel, stride, pad, size, ceil, count_pad):
    x = rng.normal(size=(2, 2, *size))
    got = apply("avgpool", x, kernel=kernel, stride=stride, pad=pad, ceil=ceil, count_pad=count_pad)
    places = 0
    for place, values, padded in pooled(x, kernel, stride, pad, (1, 1), ceil):
        assert got[place] == pytest.approx(sum(values) / (padded if count_pad else len(values)))
        places += 1
    assert places == got.size


def test_maxpool_lets_nan_win_and_pads_below_every_number(apply):
    x = np.full((1, 1, 4, 4), -np.inf)
    x[0, 0, 0, 0] = np.nan
    got = apply("maxpool", x, kernel=3, stride=2, pad=1)
    assert_array_equal(got[0, 0], [[np.nan, -np.inf], [-np.inf, -np.inf]])


def test_a_pool_steps_by_its_kernel_unless_told(apply, rng):
    x = rng.normal(size=(1, 1, 6, 6))
    assert_array_equal(apply("maxpool", x, kernel=(2, 3)), apply("maxpool", x, kernel=(2, 3), stride=(2, 3)))


def test_global_pools(apply, rng):
    x = rng.normal(size=(2, 3, 4, 5))
    for n, c in np.ndindex(2, 3):
        pixels = [x[n, c, i, j] for i, j in np.ndindex(4, 5)]
        assert apply("global_avgpool", x)[n, c, 0, 0] == pytest.approx(sum(pixels) / 20)
        assert apply("global_maxpool", x)[n, c, 0, 0] == max(pixels)


@pytest.mark.parametrize(("h", "w"), [(1, 1), (2, 3), (5, 7), (7, 2)])
def test_adaptive_avgpool_takes_the_parts_that_its_formula_says(apply, rng, h, w):
    x = rng.normal(size=(1, 2, 5, 7))
    got = apply("adaptive_avgpool", x, h=h, w=w)
    for c, i, j in np.ndindex(2, h, w):
        rows = range(math.floor(i * 5 / h), math.ceil((i + 1) * 5 / h))
        columns = range(math.floor(j * 7 / w), math.ceil((j + 1) * 7 / w))
        pixels = [x[0, c, row, column] for row in rows for column in columns]
        assert got[0, c, i, j] == pytest.approx(sum(pixels) / len(pixels))


@pytest.mark.parametrize("name", ["conv", "maxpool"])
def test_single_precision_stays_single(apply, rng, name):
    x = rng.normal(size=(1, 2, 4, 4)).astype(np.float32)
    if name == "conv":
        params = {"weight": rng.normal(size=(3, 2, 3, 3)).astype(np.float32), "bias": np.zeros(3, np.float32)}
        assert apply("conv", x, params=params, channels=3, kernel=3).dtype == np.float32
    else:
        assert apply("maxpool", x, kernel=2).dtype == np.float32
