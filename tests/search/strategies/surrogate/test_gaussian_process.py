"""Checked against scikit-learn's process with the same kernel, and against finite differences."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from paretoseg.search.strategies.surrogate import gaussian_process
from paretoseg.search.strategies.surrogate.gaussian_process import GaussianProcess, Prior, fit

LOGARITHMS = np.log([0.6, 1.5, 3.0, 1.7, 0.05])
PRIOR = Prior(np.full(3, 0.5), np.full(3, 1.2))


def draw(count, seed=0):
    generator = np.random.default_rng(seed)
    features = generator.random((count, 3))
    values = np.sin(6 * features[:, 0]) + features[:, 1] + 0.1 * generator.normal(size=count)
    return features, values - values.mean()


def peer(features, values, noise):
    kernel = ConstantKernel(1.7) * Matern([0.6, 1.5, 3.0], nu=2.5)
    return GaussianProcessRegressor(kernel, alpha=0.05 * noise + 1e-6, optimizer=None).fit(features, values)


def test_predictions_are_those_of_scikit_learn():
    features, values = draw(40)
    noise = 1.0 / np.random.default_rng(1).integers(1, 4, 40)
    points = np.random.default_rng(2).random((15, 3))
    means, spreads = GaussianProcess(LOGARITHMS, features, values, noise).predict(points)
    expected, expected_spreads = peer(features, values, noise).predict(points, return_std=True)
    np.testing.assert_allclose(means, expected, atol=1e-8)
    np.testing.assert_allclose(spreads, expected_spreads, atol=1e-8)


def test_more_seeds_make_a_value_more_certain():
    features, values = draw(10)
    once = GaussianProcess(LOGARITHMS, features, values, np.ones(10)).predict(features)[1]
    thrice = GaussianProcess(LOGARITHMS, features, values, np.full(10, 1 / 3)).predict(features)[1]
    assert (thrice < once).all()


def test_the_gradient_is_that_of_the_loss():
    features, values = draw(25)
    noise = 1.0 / np.random.default_rng(1).integers(1, 4, 25)
    arguments = (PRIOR, features, values, noise)
    point = np.random.default_rng(3).normal(size=5) * 0.4

    def loss(logarithms):
        return gaussian_process._negative_log_posterior(logarithms, *arguments)[0]

    gradient = gaussian_process._negative_log_posterior(point, *arguments)[1]
    np.testing.assert_allclose(gradient, approx_fprime(point, loss, 1e-6), atol=1e-4)


def test_the_loss_is_the_likelihood_and_the_prior():
    features, values = draw(20)
    loss = gaussian_process._negative_log_posterior(LOGARITHMS, PRIOR, features, values, np.ones(20))[0]
    model = GaussianProcessRegressor(
        ConstantKernel(1.7) * Matern([0.6, 1.5, 3.0], nu=2.5) + WhiteKernel(0.05), alpha=1e-6, optimizer=None
    ).fit(features, values)
    prior = 0.5 * (((LOGARITHMS - PRIOR.means) / PRIOR.spreads) ** 2).sum()
    assert loss == pytest.approx(prior - model.log_marginal_likelihood_value_ - 0.5 * 20 * np.log(2 * np.pi))


def test_a_fit_finds_which_features_matter():
    features, values = draw(60)
    found = fit(PRIOR, features, values, np.ones(60), [PRIOR.means])
    assert found[0] < found[1] < found[2]  # the sine bends most, the line less, the third does nothing
    assert (
        gaussian_process._negative_log_posterior(found, PRIOR, features, values, np.ones(60))[0]
        < (gaussian_process._negative_log_posterior(PRIOR.means, PRIOR, features, values, np.ones(60))[0])
    )


def test_further_values_are_as_if_known_from_the_start():
    features, values = draw(30)
    process = GaussianProcess(LOGARITHMS, features[:24], values[:24], np.ones(24))
    grown = process.with_values(features[24:], values[24:])
    noise = np.concatenate([np.ones(24), np.full(6, 9e-6 / 0.05)])
    expected = GaussianProcess(LOGARITHMS, features, values, noise)
    points = np.random.default_rng(2).random((9, 3))
    for found, wanted in zip(grown.predict(points), expected.predict(points), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_leave_one_out_is_a_fit_without_the_point():
    features, values = draw(18)
    found = GaussianProcess(LOGARITHMS, features, values, np.ones(18)).leave_one_out()
    for place in range(18):
        others = np.arange(18) != place
        without = GaussianProcess(LOGARITHMS, features[others], values[others], np.ones(17))
        assert found[place] == pytest.approx(without.predict(features[place][None])[0][0])


def test_equal_points_do_not_break_it():
    features = np.tile([[0.2, 0.4, 0.6]], (6, 1))
    tiny = np.array([*LOGARITHMS[:-1], -12.0])
    process = GaussianProcess(tiny, features, np.zeros(6), np.zeros(6))
    grown = process.with_values(features[:2], np.zeros(2))
    assert np.isfinite(grown.predict(features)[0]).all()
