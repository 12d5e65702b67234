"""Discrete diffusion with an absorbing state: a token is kept, or it has become the mask.

Tokens are 0 … K − 1 and the mask is K, so that a table of embeddings has K + 1 rows. A masked
token stays masked; which one it was is asked of the network.
Source: Austin et al., Structured Denoising Diffusion Models (2021), §3.1 and appendix A.2;
MatterGen (Zeni et al. 2025) uses it for the elements.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from helpers.noise.paths import pad


def without_mask(logits: Tensor) -> Tensor:
    """The logits (..., K) of the K classes out of (..., K + 1): the last one is that of the mask,
    and the mask is never an answer."""
    return logits[..., :-1]


@dataclass(frozen=True)
class Absorbing:
    """K classes and n_steps steps; a token survives until time t = step/n_steps with probability
    1 − t. Raises ValueError when there is no class or no step."""

    classes: int = 100
    n_steps: int = 1000

    def __post_init__(self) -> None:
        if self.classes < 1 or self.n_steps < 1:
            raise ValueError(
                f"classes = {self.classes}, n_steps = {self.n_steps}: need at least one of each"
            )

    @property
    def mask(self) -> int:
        """The token that says nothing: one more than the last class."""
        return self.classes

    def survival(self, t: Tensor) -> Tensor:
        """The probability that a token is still there at time t, shaped like t."""
        return 1 - t

    def absorb(self, step: int) -> float:
        """The probability 1/(T − step + 1) that a token still there is masked at this step, for
        step 1 … T. Raises ValueError for another step."""
        if not 1 <= step <= self.n_steps:
            raise ValueError(f"step = {step}: this process has the steps 1 to {self.n_steps}")
        return 1 / (self.n_steps - step + 1)

    def transition(self, step: int) -> Tensor:
        """The matrix (K + 1, K + 1) of one step: row = before, column = after."""
        return self._matrix(1 - self.absorb(step))

    def cumulative(self, step: int) -> Tensor:
        """The product of the matrices of the steps 1 … step: what `survival` says of it."""
        return self._matrix(1 - step / self.n_steps)

    def _matrix(self, keep: float) -> Tensor:
        matrix = keep * torch.eye(self.classes + 1, dtype=torch.float64)
        matrix[:, self.mask] += 1 - keep
        return matrix

    def corrupt(self, x0: Tensor, t: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw x_t from q(x_t | x_0), tokens shaped like x0 (B, ...), at times t () or (B,)."""
        u = torch.empty(x0.shape, device=x0.device).uniform_(generator=generator)
        return torch.where(u < pad(self.survival(t), u), x0, self.mask)

    def marginal(self, x0: Tensor, t: Tensor) -> Tensor:
        """The probabilities (..., K + 1) of q(x_t | x_0)."""
        there = functional.one_hot(x0, self.classes + 1).to(torch.get_default_dtype())
        keep = pad(self.survival(t), there)
        masked = functional.one_hot(torch.full_like(x0, self.mask), self.classes + 1)
        return keep * there + (1 - keep) * masked

    def reveal(self, t: Tensor, s: Tensor) -> Tensor:
        """The probability that a token masked at t was still there at s ≤ t: (t − s)/t here."""
        return (self.survival(s) - self.survival(t)) / (1 - self.survival(t))

    def posterior(self, x_t: Tensor, probs: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """The probabilities (..., K + 1) of q(x_s | x_t, x_0), averaged over x_0 of law `probs`
        (..., K), for tokens x_t (B, ...) and times s ≤ t, () or (B,).

        What is not masked stays as it is. Source: Austin et al. (2021), eq. 3 and 4.
        """
        stays = functional.one_hot(x_t, self.classes + 1).to(probs)
        back = pad(self.reveal(t, s), probs)
        found = torch.cat([back * probs, (1 - back).expand_as(probs[..., :1])], -1)
        return torch.where((x_t == self.mask)[..., None], found, stays)

    def step(
        self,
        x_t: Tensor,
        logits: Tensor,
        t: Tensor,
        s: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """A draw x_s, tokens shaped like x_t, with x_0 as the logits (..., K + 1) see it."""
        probs = without_mask(logits).softmax(-1)
        shape = probs.shape[:-1]
        drawn = torch.multinomial(probs.reshape(-1, self.classes), 1, generator=generator)
        u = torch.empty(shape, device=probs.device).uniform_(generator=generator)
        go = (x_t == self.mask) & (u < pad(self.reveal(t, s), u))
        return torch.where(go, drawn.view(shape), x_t)

    def cross_entropy(self, logits: Tensor, x0: Tensor) -> Tensor:
        """−log p(x_0) in nats, shaped like x0, from logits (..., K + 1)."""
        return -without_mask(logits).log_softmax(-1).gather(-1, x0[..., None]).squeeze(-1)

    def kl(self, logits: Tensor, x0: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """How far the model's step from t to s is from the true posterior, in nats, like x0.

        Both are the same where nothing is masked; where x_t is the mask, the chance to be
        revealed times −log p(x_0). Source: Austin et al. (2021), appendix A.3.
        """
        cost = pad(self.reveal(t, s), logits[..., 0]) * self.cross_entropy(logits, x0)
        return torch.where(x_t == self.mask, cost, torch.zeros_like(cost))

    def hybrid_loss(
        self, logits: Tensor, x0: Tensor, x_t: Tensor, t: Tensor, weight: float = 0.01
    ) -> Tensor:
        """T times the divergence of one step, which stands for the whole bound, plus `weight`
        times the cross-entropy of every token, masked or not; shaped like x0.

        Times below one step count as one step. Source: Austin et al. (2021), eq. 5.
        """
        t = t.clamp(min=1 / self.n_steps)
        bound = self.n_steps * self.kl(logits, x0, x_t, t, t - 1 / self.n_steps)
        return bound + weight * self.cross_entropy(logits, x0)
