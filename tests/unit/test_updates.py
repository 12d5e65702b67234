"""One step at a time: each update against its definition, spelled out, and against its kin."""

import pytest
import torch

from helpers.noise import (
    VE,
    VP,
    BetaTable,
    Cosine,
    Euclidean,
    GaussianMixture,
    Linear,
    Path,
    Pred,
    Torus,
    grid,
    read,
)
from helpers.sample import (
    ancestral,
    ddim,
    denoise,
    edm_heun,
    fields,
    langevin,
    multistep,
    reverse_euler,
    reverse_heun,
    sample,
    step,
    trajectory,
)

SCHEDULES = [VP(), VE(0.02, 12.0), Cosine(), Linear(), BetaTable.linear(20, 0.01, 0.4)]
each = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
LATE, EARLY = torch.tensor(0.6, dtype=torch.float64), torch.tensor(0.45, dtype=torch.float64)
ZERO, ONE = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mixture():
    means = torch.tensor([[-2.0, 0.5], [1.5, 1.0], [0.5, -2.0]], dtype=torch.float64)
    return GaussianMixture(means, 0.35, torch.tensor([5.0, 3.0, 2.0]))


class Known(Euclidean):
    """Flat space whose noise is a tensor we know."""

    def __init__(self, z):
        self.z = z

    def noise(self, x, generator=None):
        return self.z.to(x).expand_as(x)


def one_step(schedule, make, z, t=LATE, s=EARLY):
    path = Path(schedule, Known(z))
    x = draw(32, 2)
    return x, mixture().denoiser(path)(x, t), make(path)(x, mixture().denoiser(path)(x, t), t, s)


def bayes(schedule, x0, x, t, s):
    """Mean and variance of q(x_s | x_t, x₀) by multiplying two Gaussians."""
    a_t, a_s, s_t, s_s = schedule.alpha(t), schedule.alpha(s), schedule.sigma(t), schedule.sigma(s)
    # x_t | x_s ~ N(k x_s, b);  x_s | x₀ ~ N(α_s x₀, σ_s²)
    k = a_t / a_s
    b = s_t**2 - k**2 * s_s**2
    precision = 1 / s_s**2 + k**2 / b
    return (a_s * x0 / s_s**2 + k * x / b) / precision, 1 / precision


@each
def test_ancestral_step_is_bayes_rule(schedule):
    z = draw(32, 2, seed=5)
    x, p, y = one_step(schedule, ancestral, z)
    mean, var = bayes(schedule, p.x0, x, LATE, EARLY)
    torch.testing.assert_close(y, mean + var.sqrt() * z)


def test_posterior_identities_of_ho_et_al():
    # Their β form at step i of a table of 100, eq. 7, against ours between the same times.
    betas = torch.linspace(1e-4, 0.02, 100, dtype=torch.float64)
    bar = torch.cumprod(1 - betas, 0)
    table, i = BetaTable.linear(100), 50
    t, s = torch.tensor(0.51, dtype=torch.float64), torch.tensor(0.50, dtype=torch.float64)
    x0, x = draw(5, 2), draw(5, 2, seed=1)
    mean = bar[i - 1].sqrt() * betas[i] / (1 - bar[i]) * x0
    mean = mean + (1 - betas[i]).sqrt() * (1 - bar[i - 1]) / (1 - bar[i]) * x
    var = betas[i] * (1 - bar[i - 1]) / (1 - bar[i])
    p = read(x0, x, t, table, "x0")
    for z in (torch.zeros(()), torch.ones(())):
        path = Path(table, Known(z))
        torch.testing.assert_close(ancestral(path)(x, p, t, s), mean + var.sqrt() * z)
        torch.testing.assert_close(ancestral(path, 1.0)(x, p, t, s), mean + betas[i].sqrt() * z)
        middle = (var * betas[i]) ** 0.25
        torch.testing.assert_close(ancestral(path, 0.5)(x, p, t, s), mean + middle * z)


@each
def test_ddim_with_eta_one_is_the_ancestral_step_with_the_same_noise(schedule):
    z = draw(32, 2, seed=5)
    _, _, a = one_step(schedule, ancestral, z)
    _, _, b = one_step(schedule, lambda path: ddim(path, 1.0), z)
    torch.testing.assert_close(a, b)


@each
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_is_song_et_al_eq_12(schedule, eta):
    # Their σ_η of eq. 16, with ᾱ = α²/(α² + σ²) after scaling x to unit variance.
    z = draw(32, 2, seed=5)
    x, p, y = one_step(schedule, lambda path: ddim(path, eta), z)
    (a_t, s_t), (a_s, s_s) = Path(schedule).at(LATE), Path(schedule).at(EARLY)
    n_t, n_s = (a_t**2 + s_t**2).sqrt(), (a_s**2 + s_s**2).sqrt()
    bar_t, bar_s = (a_t / n_t) ** 2, (a_s / n_s) ** 2
    sigma = eta * ((1 - bar_s) / (1 - bar_t)).sqrt() * (1 - bar_t / bar_s).sqrt()
    truth = bar_s.sqrt() * p.x0 + (1 - bar_s - sigma**2).sqrt() * p.eps + sigma * z
    torch.testing.assert_close(y, n_s * truth)


@each
def test_ddim_is_an_euler_step_in_noise_over_signal(schedule):
    x, p, y = one_step(schedule, ddim, ZERO)
    (a_t, s_t), (a_s, s_s) = Path(schedule).at(LATE), Path(schedule).at(EARLY)
    torch.testing.assert_close(y / a_s, x / a_t + (s_s / a_s - s_t / a_t) * p.eps)


@each
@pytest.mark.parametrize("churn", [0.0, 0.5, 1.0])
def test_reverse_euler_is_karras_et_al_eq_6(schedule, churn):
    z = draw(32, 2, seed=5)
    x, p, y = one_step(schedule, lambda path: reverse_euler(path, churn), z)
    h, f, g2 = LATE - EARLY, schedule.f(LATE), schedule.g2(LATE)
    truth = x - h * (f * x - 0.5 * (1 + churn**2) * g2 * p.score) + churn * (h * g2).sqrt() * z
    torch.testing.assert_close(y, truth)


@each
def test_langevin_move(schedule):
    z = draw(32, 2, seed=5)
    x, p, y = one_step(schedule, lambda path: langevin(path, 0.2), z)
    h = 2 * (0.2 * schedule.sigma(LATE)) ** 2
    torch.testing.assert_close(y, x + h * p.score + (2 * h).sqrt() * z)


@each
def test_denoise_takes_x0(schedule):
    _, p, y = one_step(schedule, denoise, ONE)
    torch.testing.assert_close(y, p.x0)


@pytest.mark.parametrize("schedule", [VP(), Cosine(), Linear()], ids=str)
def test_no_noise_on_the_step_that_reaches_the_data(schedule):
    x = draw(32, 2)
    for make in (ddim, lambda p: ddim(p, 1.0), ancestral, lambda p: ancestral(p, 1.0)):
        path = Path(schedule, Known(ONE))
        p = mixture().denoiser(path)(x, EARLY)
        torch.testing.assert_close(make(path)(x, p, EARLY, ZERO), p.x0)
    for make in (reverse_heun, edm_heun, multistep):
        path = Path(schedule)
        y = make(mixture().denoiser(path), path)(x, EARLY, ZERO)
        torch.testing.assert_close(y, mixture().denoiser(path)(x, EARLY).x0)


@pytest.mark.parametrize("make", [ddim, ancestral, edm_heun, multistep], ids=lambda f: f.__name__)
def test_the_first_step_may_start_where_no_signal_is_left(make):
    # α(1) = 0 on these schedules: x̂₀ there is the mean of the data.
    for schedule in (Cosine(), Linear()):
        path, x = Path(schedule, Known(draw(32, 2, seed=5))), draw(32, 2)
        den = mixture().denoiser(path)
        advance = step(den, make(path)) if make in (ddim, ancestral) else make(den, path)
        y = advance(x, ONE, torch.tensor(0.9, dtype=torch.float64))
        assert torch.isfinite(y).all() and (y - y.mean(0)).std() > 0.1


def test_eta_zero_draws_nothing():
    path = Path(Cosine())
    before = torch.random.get_rng_state()
    one_step(Cosine(), ddim, ZERO)
    x1 = draw(8, 2)
    a, b = (sample(step(mixture().denoiser(path), ddim(path)), x1, grid(10)) for _ in range(2))
    assert torch.equal(a, b)
    assert torch.equal(before, torch.random.get_rng_state())


@each
def test_multistep_starts_as_ddim_or_as_the_ancestral_step(schedule):
    x, z = draw(32, 2), draw(32, 2, seed=5)
    for eta, twin in ((0.0, ddim), (1.0, ancestral)):
        path = Path(schedule, Known(z))
        den = mixture().denoiser(path)
        a = multistep(den, path, eta)(x, LATE, EARLY)
        torch.testing.assert_close(a, step(den, twin(path))(x, LATE, EARLY))


def test_multistep_forgets_when_a_new_run_starts():
    path = Path(VP())
    advance = multistep(mixture().denoiser(path), path)
    x1 = draw(8, 2)
    a, b = (sample(advance, x1, grid(10, 1.0, 0.01)) for _ in range(2))
    assert torch.equal(a, b)


@pytest.mark.parametrize("schedule", [VE(0.002, 80.0), Cosine(), VP()], ids=str)
def test_edm_heun_with_churn_is_karras_et_al_algorithm_2(schedule):
    x, z, path = draw(32, 2), draw(32, 2, seed=5), Path(schedule)
    den = mixture().denoiser(path)
    t, s = torch.tensor(0.6, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)
    # Their sigma is our σ/α, their x our x/α, their denoiser takes and gives those.
    (a_t, s_t), (a_s, s_s) = path.at(t), path.at(s)
    low, high = s_s / a_s, 1.3 * s_t / a_t
    up = schedule.time_of(high)
    hat = x / a_t + (high**2 - (s_t / a_t) ** 2).sqrt() * z
    d = (hat - den(path.at(up)[0] * hat, up).x0) / high
    guess = hat + (low - high) * d
    d2 = (guess - den(a_s * guess, s).x0) / low
    truth = a_s * (hat + (low - high) * 0.5 * (d + d2))
    loud = Path(schedule, Known(z))
    torch.testing.assert_close(edm_heun(den, loud, churn=0.3)(x, t, s), truth)


def test_fields_are_separate_samplers():
    path, den = Path(VP()), mixture().denoiser(Path(VP()))
    x = {"a": draw(5, 2), "b": draw(3, 2), "c": draw(2, 2)}

    def joint(state, t):
        return {k: den(v, t) for k, v in state.items()}

    times = grid(20, 1.0, 1e-3)
    update = fields(a=ddim(path), b=reverse_euler(path))
    y = sample(step(joint, update), x, times)
    torch.testing.assert_close(y["a"], sample(step(den, ddim(path)), x["a"], times))
    torch.testing.assert_close(y["b"], sample(step(den, reverse_euler(path)), x["b"], times))
    assert torch.equal(y["c"], x["c"])


def test_step_runs_updates_in_order_with_fresh_predictions_and_hands_on_the_condition():
    seen = []

    def denoiser(x, t, cond="none"):
        seen.append((float(x[0, 0]), float(t), cond))
        return Pred(x, x, x, x)

    double = step(denoiser, lambda x, p, t, s: p.x0 + 1, lambda x, p, t, s: 10 * p.x0)
    assert float(double(torch.zeros(1, 1), LATE, EARLY)) == 10
    assert seen == [(0.0, 0.6, "none"), (1.0, 0.6, "none")]
    step(denoiser, lambda x, p, t, s: x, cond="label")(torch.zeros(1, 1), LATE, EARLY)
    assert seen[-1][2] == "label"


def test_trajectory_keeps_the_start_and_every_time():
    way = list(trajectory(lambda x, t, s: x + s - t, ONE, grid(4)))
    truth = torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0], dtype=torch.float64)
    torch.testing.assert_close(torch.stack(way), truth)


def test_no_gradients_are_kept():
    weight = torch.ones(1, requires_grad=True)
    y = sample(lambda x, t, s: weight * x, torch.zeros(3, 1), grid(3))
    assert not y.requires_grad


def test_on_the_torus_updates_wrap_and_find_the_data():
    # Data: a wrapped normal of width 0.05 around 0.97, across the border.
    torus, ve, n = Torus(), VE(0.005, 0.7), 6000
    path = Path(ve, torus)

    def exact(x, t):
        width = (ve.sigma(t) ** 2 + 0.05**2).sqrt()
        score = torus.kernel_score(x, torch.full_like(x, 0.97), width)
        return read(-ve.sigma(t) * score, x, t, ve, "eps")

    generator = torch.Generator().manual_seed(0)
    corrected = step(exact, langevin(path, 0.2, generator), ancestral(path, 0.0, generator))
    for advance in (corrected, reverse_heun(exact, path), step(exact, ddim(path))):
        x1 = torch.rand(n, 1, generator=generator, dtype=torch.float64)
        x = sample(advance, x1, grid(200))
        assert ((x >= 0) & (x < 1)).all()
        d = torus.diff(torch.full_like(x, 0.97), x)
        assert abs(float(d.mean())) < 5 * 0.05 / n**0.5 + 1e-3
        assert abs(float(d.std()) - 0.05) < 5 * 0.05 / (2 * n) ** 0.5 + 1e-3


PATH = Path(VP())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ddim(PATH, 1.5), "eta = 1.5"),
        (lambda: ancestral(PATH, -0.1), "widen = -0.1"),
        (lambda: reverse_euler(PATH, -1.0), "churn = -1.0"),
        (lambda: langevin(PATH, 0.0), "must be positive"),
        (lambda: edm_heun(None, PATH, -1.0), "churn = -1.0"),
        (lambda: multistep(None, PATH, 2.0), "eta = 2.0"),
        (lambda: step(None), "no update was given"),
        (lambda: sample(None, None, torch.zeros(1)), "a row of two or more"),
    ],
)
def test_bad_input_is_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()
