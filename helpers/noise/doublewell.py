"""Two wells and a barrier: the smallest molecule that reacts, and what is known of it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DoubleWell:
    """U(x, y) = ¼(x² − a)² + ½ k y²: wells at x = ±√a, a saddle at the origin between them.

    Chapter 02 takes a = 1.5 and k = 1.4, that is 0.7 y². Energies and temperatures share one
    unit (k_B = 1), the mobility is 1, so a time is length²/energy.
    Raises ValueError when a or k is not positive.
    """

    a: float = 1.5
    k: float = 1.4

    def __post_init__(self) -> None:
        if not (self.a > 0 and self.k > 0):
            raise ValueError(f"a = {self.a}, k = {self.k}: both must be positive")

    @property
    def minimum(self) -> float:
        """√a, the distance of each well from the saddle."""
        return math.sqrt(self.a)

    @property
    def barrier(self) -> float:
        """ΔU = a²/4, from the bottom of a well to the saddle."""
        return self.a**2 / 4

    def energy(self, x: Tensor) -> Tensor:
        """U at positions x (..., 2), shape (...)."""
        return 0.25 * (x[..., 0] ** 2 - self.a) ** 2 + 0.5 * self.k * x[..., 1] ** 2

    def force(self, x: Tensor) -> Tensor:
        """−∇U at positions x (..., 2), shaped like x."""
        across = -x[..., 0] * (x[..., 0] ** 2 - self.a)
        return torch.stack([across, -self.k * x[..., 1]], -1)

    def density(self, x: Tensor, temperature: float) -> Tensor:
        """e^(−U/T)/Z at positions x (..., 2), shape (...), normalised by quadrature."""
        _need_temperature(temperature)
        z = self._weights(temperature)[1] * math.sqrt(2 * math.pi * temperature / self.k)
        return torch.exp(-self.energy(x) / temperature) / z

    def density_x(self, x: Tensor, temperature: float) -> Tensor:
        """The density of the first coordinate alone at x (...), shape (...)."""
        _need_temperature(temperature)
        return torch.exp(-0.25 * (x**2 - self.a) ** 2 / temperature) / self._weights(temperature)[1]

    def moment_x(self, power: int, temperature: float) -> float:
        """⟨x^power⟩ of the first coordinate at equilibrium, by quadrature."""
        _need_temperature(temperature)
        (x, weight), z = self._weights(temperature)
        return float((weight * x**power).sum()) / z

    def _weights(self, temperature: float) -> tuple[tuple[Tensor, Tensor], float]:
        """Quadrature points, their unnormalised weights, and the integral over x."""
        # Beyond this point the weight is below e^(−40). The trapezoid rule on a smooth function
        # that vanishes at both ends is exact to rounding.
        reach = math.sqrt(self.a + math.sqrt(160 * temperature))
        x = torch.linspace(-reach, reach, 4001, dtype=torch.float64)
        weight = torch.exp(-0.25 * (x**2 - self.a) ** 2 / temperature) * (x[1] - x[0])
        return (x, weight), float(weight.sum())

    def kramers_rate(self, temperature: float) -> float:
        """Escapes per unit of time from one well, √(U″_min |U″_saddle|)/2π e^(−ΔU/T).

        The limit ΔU ≫ T of `escape_rate`. Source: Kramers, Physica 7, 284 (1940).
        """
        _need_temperature(temperature)
        curvatures = math.sqrt(2 * self.a * self.a)  # U″ = 3x² − a: 2a in a well, −a between
        return curvatures / (2 * math.pi) * math.exp(-self.barrier / temperature)

    def escape_rate(self, temperature: float, n_cells: int = 1200) -> float:
        """The rate k without Kramers' limit: half the slowest relaxation rate 2k.

        The y coordinate decouples. In x, the Fokker–Planck equation becomes jumps between
        neighbouring cells that obey detailed balance; the second eigenvalue of that matrix is
        the rate at which the two wells even out. Error of order (cell width)².
        Source: Risken, The Fokker–Planck Equation (1989), §5.
        """
        _need_temperature(temperature)
        reach = math.sqrt(self.a + math.sqrt(120 * temperature))
        edges = torch.linspace(-reach, reach, n_cells + 1, dtype=torch.float64)
        h = float(edges[1] - edges[0])
        x = (edges[1:] + edges[:-1]) / 2
        u = 0.25 * (x**2 - self.a) ** 2 / temperature
        between = 0.25 * (edges[1:-1] ** 2 - self.a) ** 2 / temperature
        # Jump rates (T/h²) e^(u_i − u_edge); symmetric after scaling by e^(−u/2).
        off = temperature / h**2 * torch.exp(0.5 * (u[1:] + u[:-1]) - between)
        right = temperature / h**2 * torch.exp(u[:-1] - between)
        left = temperature / h**2 * torch.exp(u[1:] - between)
        leave = torch.zeros_like(x)
        leave[:-1] += right
        leave[1:] += left
        matrix = torch.diag(leave) - torch.diag(off, 1) - torch.diag(off, -1)
        return float(torch.linalg.eigvalsh(matrix)[1]) / 2


def _need_temperature(temperature: float) -> None:
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature = {temperature}: it must be positive and finite")
