"""Normalisations against loops over the values that share a mean."""

import statistics

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.types import Type

EPS = 0.01


@pytest.fixture
def x(rng):
    return rng.normal(size=(2, 6, 3, 4))


@pytest.fixture
def affine(rng):
    return {"weight": rng.normal(size=6), "bias": rng.normal(size=6)}


def standard(value, values):
    return (value - statistics.fmean(values)) / (statistics.pvariance(values) + EPS) ** 0.5


def pixels(x, n, channels):
    return [float(v) for c in channels for v in x[n, c].ravel()]


def test_batchnorm_uses_its_running_statistics(apply, rng, x, affine):
    mean, variance = rng.normal(size=6), rng.uniform(0.1, 2, 6)
    got = apply("batchnorm", x, params={**affine, "running_mean": mean, "running_var": variance}, eps=EPS)
    for n, c, i, j in np.ndindex(x.shape):
        centred = (x[n, c, i, j] - mean[c]) / (variance[c] + EPS) ** 0.5
        assert got[n, c, i, j] == pytest.approx(centred * affine["weight"][c] + affine["bias"][c])


def test_batchnorm_of_features(apply, rng, affine):
    x = rng.normal(size=(5, 6))
    params = {**affine, "running_mean": np.zeros(6), "running_var": np.ones(6)}
    assert_allclose(apply("batchnorm", x, params=params, eps=0), x * affine["weight"] + affine["bias"])


@pytest.mark.parametrize("trained", [True, False])
def test_instancenorm_takes_each_channel_of_each_image(apply, x, affine, trained):
    got = apply("instancenorm", x, params=affine if trained else None, affine=trained, eps=EPS)
    for n, c, i, j in np.ndindex(x.shape):
        wanted = standard(x[n, c, i, j], pixels(x, n, [c]))
        wanted = wanted * affine["weight"][c] + affine["bias"][c] if trained else wanted
        assert got[n, c, i, j] == pytest.approx(wanted)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_groupnorm_takes_neighbouring_channels(apply, x, affine, groups):
    got, size = apply("groupnorm", x, params=affine, groups=groups, eps=EPS), 6 // groups
    for n, c, i, j in np.ndindex(x.shape):
        wanted = standard(x[n, c, i, j], pixels(x, n, range(c // size * size, c // size * size + size)))
        assert got[n, c, i, j] == pytest.approx(wanted * affine["weight"][c] + affine["bias"][c])


def test_layernorm_takes_the_channels_at_a_position(apply, x, affine):
    got = apply("layernorm", x, params=affine, eps=EPS)
    for n, c, i, j in np.ndindex(x.shape):
        wanted = standard(x[n, c, i, j], [float(v) for v in x[n, :, i, j]])
        assert got[n, c, i, j] == pytest.approx(wanted * affine["weight"][c] + affine["bias"][c])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 20, 10**15])
def test_lrn_divides_alpha_by_its_size(apply, x, size):
    got = apply("lrn", x, size=size, alpha=0.5, beta=0.6, k=2)
    for n, c, i, j in np.ndindex(x.shape):
        near = range(max(0, c - size // 2), min(6, c + (size - 1) // 2 + 1))
        total = sum(x[n, d, i, j] ** 2 for d in near)
        assert got[n, c, i, j] == pytest.approx(x[n, c, i, j] / (2 + 0.5 / size * total) ** 0.6)


def test_running_statistics_are_not_trained():
    specs = bind(REGISTRY["batchnorm"], {}).params(Type("f32", (1, 4, 2, 2)))
    assert [(role, spec.start, spec.trained) for role, spec in specs.items()] == [
        ("weight", "ones", True),
        ("bias", "zeros", True),
        ("running_mean", "zeros", False),
        ("running_var", "ones", False),
    ]
