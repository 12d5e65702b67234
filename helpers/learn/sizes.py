"""How many atoms a ligand should have, given how many its pocket has.

Source: the joint histogram of Hoogeboom et al. (2022), arXiv 2203.17003, as DiffSBDD conditions it.
"""

import torch
from torch import Tensor


class SizeLaw:
    """P(N_ligand | N_pocket) as a table, from the sizes (B,) of ligands and pockets that belong
    together; `floor` is added to every count, so that nothing is impossible.

    Raises ValueError for sizes that do not belong together, none, sizes below 1, or a floor that
    is not positive.
    """

    def __init__(self, ligand_sizes: Tensor, pocket_sizes: Tensor, floor: float = 1e-3) -> None:
        a, b = torch.as_tensor(ligand_sizes), torch.as_tensor(pocket_sizes)
        if a.ndim != 1 or a.shape != b.shape or not len(a):
            raise ValueError(
                f"sizes of shapes {tuple(a.shape)} and {tuple(b.shape)}: need one pocket for each "
                "ligand, and at least one pair"
            )
        if int(min(a.min(), b.min())) < 1 or not floor > 0:
            raise ValueError("sizes must be at least 1 and floor positive")
        self.smallest = int(a.min()), int(b.min())
        shape = int(a.max()) - self.smallest[0] + 1, int(b.max()) - self.smallest[1] + 1
        flat = (a - self.smallest[0]) * shape[1] + b - self.smallest[1]
        joint = torch.bincount(flat, minlength=shape[0] * shape[1]).view(shape).double() + floor
        self.table = joint / joint.sum(0)  # (ligand sizes, pocket sizes)

    @property
    def ligand_sizes(self) -> Tensor:
        """The sizes that ligands can get, the rows of `table`."""
        return torch.arange(len(self.table)) + self.smallest[0]

    def given(self, pocket_sizes: Tensor) -> Tensor:
        """P(N_ligand) for each of these pocket sizes (B,): a row (B, sizes) of `ligand_sizes`.

        Raises ValueError for a pocket smaller or larger than all that were seen.
        """
        column = torch.as_tensor(pocket_sizes) - self.smallest[1]
        if bool(((column < 0) | (column >= self.table.shape[1])).any()):
            last = self.smallest[1] + self.table.shape[1] - 1
            raise ValueError(
                f"pockets of {torch.as_tensor(pocket_sizes).tolist()} sites: sizes from "
                f"{self.smallest[1]} to {last} were seen, and say nothing of others"
            )
        return self.table[:, column].T

    def sample(self, pocket_sizes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One ligand size for each pocket (B,), int64. Raises ValueError as `given` does."""
        rows = torch.multinomial(self.given(pocket_sizes), 1, generator=generator)[:, 0]
        return self.ligand_sizes[rows]

    def log_prob(self, ligand_sizes: Tensor, pocket_sizes: Tensor) -> Tensor:
        """log P(N_ligand | N_pocket) of each pair (B,); −∞ for a ligand size never seen.

        Raises ValueError as `given` does.
        """
        row = torch.as_tensor(ligand_sizes) - self.smallest[0]
        seen = (row >= 0) & (row < len(self.table))
        chance = self.given(pocket_sizes).gather(1, row.clamp(0, len(self.table) - 1)[:, None])
        return torch.where(seen, chance[:, 0], 0.0).log()
