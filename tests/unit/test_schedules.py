"""Schedules against automatic differentiation, moment equations and DDPM's own table."""

import math

import pytest
import torch

from helpers.noise import VE, VP, BetaTable, Cosine, Linear, Path, grid, noise_grid
from helpers.noise.paths import pad

TABLE = BetaTable.linear(20, 0.01, 0.4)
SCHEDULES = [VP(), VE(0.02, 12.0), Cosine(), Linear(), TABLE]
NAMES = [type(s).__name__ for s in SCHEDULES]
# Off the table's own times, where β jumps and has no one value.
T = torch.linspace(0.03, 0.97, 19, dtype=torch.float64) + 1e-3
each = pytest.mark.parametrize("schedule", SCHEDULES, ids=NAMES)


def slope(f, t):
    return torch.func.jvp(f, (t,), (torch.ones_like(t),))[1]


@each
def test_derivatives_are_those_of_the_functions(schedule):
    torch.testing.assert_close(slope(schedule.alpha, T), schedule.dalpha(T))
    torch.testing.assert_close(slope(schedule.sigma, T), schedule.dsigma(T))


@each
def test_drift_and_diffusion_solve_the_moment_equations(schedule):
    # Mean and variance of dx = f x dt + √g2 dW started at x₀: m′ = f m, V′ = 2 f V + g2.
    a, v = schedule.alpha(T), schedule.sigma(T) ** 2
    torch.testing.assert_close(slope(schedule.alpha, T), schedule.f(T) * a)
    change = slope(lambda t: schedule.sigma(t) ** 2, T)
    torch.testing.assert_close(change, 2 * schedule.f(T) * v + schedule.g2(T))
    assert (schedule.g2(T) > 0).all()


@each
def test_noise_over_signal_only_grows(schedule):
    assert (schedule.log_snr(T).diff() < 0).all() and (schedule.ratio(T).diff() > 0).all()
    torch.testing.assert_close(schedule.log_snr(T), -2 * schedule.ratio(T).log())


@pytest.mark.parametrize("schedule", [VP(), Cosine(), Linear(), TABLE], ids=str)
def test_clean_data_at_zero(schedule):
    zero = torch.zeros((), dtype=torch.float64)
    assert float(schedule.alpha(zero)) == 1 and float(schedule.sigma(zero)) == 0


@pytest.mark.parametrize("schedule", [VP(), Cosine(), TABLE], ids=str)
def test_variance_preserving_ones_preserve_it(schedule):
    torch.testing.assert_close(schedule.alpha(T) ** 2 + schedule.sigma(T) ** 2, T / T)


def test_vp_is_an_ornstein_uhlenbeck_process_with_beta():
    vp = VP(0.1, 20.0)
    beta = 0.1 + 19.9 * T
    torch.testing.assert_close(vp.f(T), -beta / 2)
    torch.testing.assert_close(vp.g2(T), beta)
    assert float(vp.alpha(torch.ones(()))) ** 2 == pytest.approx(math.exp(-10.05), rel=1e-5)


def test_ve_is_geometric_between_its_ends():
    ve = VE(0.01, 10.0)
    ends = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    torch.testing.assert_close(ve.sigma(ends), torch.tensor([0.01, 0.1**0.5, 10.0]).double())


def test_the_table_is_ddpm_s_own_product():
    # Written out as in Ho et al.: ᾱ_i = Π (1 − β_j), without the helpers' logarithms.
    betas = torch.linspace(1e-4, 0.035, 50, dtype=torch.float64)
    alpha_bar = torch.cumprod(1 - betas, 0)
    table = BetaTable.linear(50, 1e-4, 0.035)
    assert table.n_steps == 50
    t = table.times()
    assert t[0] == 1 and t[-1] == 0 and len(t) == 51
    torch.testing.assert_close(table.alpha(t[:-1]) ** 2, alpha_bar.flip(0))
    torch.testing.assert_close(table.sigma(t[:-1]) ** 2, (1 - alpha_bar).flip(0))
    # Known numbers of this table, and of Ho et al.'s.
    assert float(table.alpha(t[0]) ** 2) == pytest.approx(0.4115, abs=1e-4)
    assert float(BetaTable.linear(1000).alpha(t[0]) ** 2) == pytest.approx(4.04e-5, rel=1e-2)


def test_the_table_s_rate_integrates_to_its_beta():
    # From cell to cell α falls by √(1 − β), at every one of the table's times.
    t = TABLE.times()
    fall = TABLE.alpha(t[:-1]) / TABLE.alpha(t[1:])
    torch.testing.assert_close(1 - fall**2, torch.tensor(TABLE.betas, dtype=torch.float64).flip(0))
    # At t = i/T the rate is that of the cell which ends there.
    torch.testing.assert_close(
        TABLE.beta(t[:1]), -20 * torch.log(torch.tensor([0.6], dtype=torch.float64))
    )


@each
def test_time_of_inverts_the_ratio(schedule):
    torch.testing.assert_close(schedule.time_of(schedule.ratio(T)), T)


def test_time_of_hits_the_ends_exactly():
    assert Cosine().time_of(torch.tensor([0.0])).tolist() == [0.0]
    ve = VE(0.02, 12.0)
    assert ve.time_of(torch.tensor([12.0, 0.02], dtype=torch.float64)).tolist() == [1.0, 0.0]


def test_time_of_refuses_what_is_never_reached():
    with pytest.raises(ValueError, match="it never is 20"):
        VE(0.02, 12.0).time_of(torch.tensor(20.0))


def test_grids():
    t = grid(4, 0.9, 0.1)
    torch.testing.assert_close(t, torch.tensor([0.9, 0.7, 0.5, 0.3, 0.1], dtype=torch.float64))
    bent = grid(4, 1.0, 0.0, rho=2.0)
    torch.testing.assert_close(bent, torch.tensor([16, 9, 4, 1, 0], dtype=torch.float64) / 16)


@pytest.mark.parametrize("schedule", [VP(), Cosine(), Linear(), VE(0.002, 80.0)], ids=str)
def test_noise_grid_is_karras_et_al_eq_5(schedule):
    t = noise_grid(schedule, 10, 60.0, 0.05)
    assert len(t) == 11 and t[-1] == 0 and (t.diff() < 0).all()
    i = torch.arange(10, dtype=torch.float64)
    karras = (60 ** (1 / 7) + i / 9 * (0.05 ** (1 / 7) - 60 ** (1 / 7))) ** 7
    torch.testing.assert_close(schedule.ratio(t[:-1]), karras)


def test_path_accepts_numbers_and_pads_times():
    a, s = Path(Cosine()).at(0.5)
    assert float(a) == pytest.approx(0.5**0.5) and float(s) == pytest.approx(0.5**0.5)
    x = torch.zeros(4, 3, 2)
    assert pad(torch.rand(4), x).shape == (4, 1, 1)
    assert pad(torch.rand(4, 1, 1), x).shape == (4, 1, 1)
    assert pad(torch.zeros((), dtype=torch.float64), x).dtype == torch.float64


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: VP(2.0, 1.0), "0 ≤ beta_min ≤ beta_max"),
        (lambda: VP(-0.1, 1.0), "0 ≤ beta_min"),
        (lambda: VE(0.0, 1.0), "0 < sigma_min < sigma_max"),
        (lambda: VE(2.0, 1.0), "0 < sigma_min < sigma_max"),
        (lambda: BetaTable(()), "between 0 and 1"),
        (lambda: BetaTable((0.1, 1.0)), "between 0 and 1"),
        (lambda: grid(0), "at least one step"),
        (lambda: grid(5, 1.0, 1.0), "t_min < t_max"),
        (lambda: grid(5, rho=0.0), "rho > 0"),
        (lambda: noise_grid(Cosine(), 1, 10.0, 0.1), "at least two steps"),
        (lambda: noise_grid(Cosine(), 5, 0.1, 0.1), "0 < smallest < largest"),
        (lambda: pad(torch.rand(3), torch.zeros(4, 2)), r"one for each state, shape \(4,\)"),
        (lambda: pad(torch.rand(4, 2), torch.zeros(4, 2)), "one time in all"),
    ],
)
def test_bad_input_is_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()
