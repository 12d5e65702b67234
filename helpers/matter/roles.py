"""What the atoms of a real pocket do, and the pocket as features or as a few sites.

The roles are rough: an atom is a donor, an acceptor or hydrophobic by its name in the residue.
Hydroxyl groups and the ring of HIS, which can do both, count as donors; carbon and sulfur as
hydrophobic, also those next to N and O.
"""

import torch
from torch import Tensor

from helpers.matter.binding import ATOMS, RESIDUES, Pocket
from helpers.matter.graphs import Graphs, pack_graphs
from helpers.matter.pockets import ACCEPTOR, DONOR, HYDROPHOBIC, MORE, SITES, SPACING, spread

#: Side chains: which O can donate, and which N does not (proline's, without hydrogen).
HYDROXYL = {("SER", "OG"), ("THR", "OG1"), ("TYR", "OH")}
KINDS = ("elements", "residues", "sites")


def role_of(name: str, atom: str, element: str) -> int:
    """DONOR, ACCEPTOR or HYDROPHOBIC for this atom of this residue, ("ASN", "OD1", "O")."""
    if element == "N" and (name, atom) != ("PRO", "N"):
        return DONOR
    if element == "O":
        return DONOR if (name, atom) in HYDROXYL else ACCEPTOR
    return HYDROPHOBIC


def features(pocket: Pocket, kind: str = "elements") -> Tensor:
    """One-hot features of the nodes: (n, 4) elements, (n, 20) residues, or (n, 3) roles as SITES.

    Raises ValueError for another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind = {kind!r}: the features are {', '.join(KINDS)}")
    if kind == "elements":
        return torch.eye(len(ATOMS))[[ATOMS.index(e) for e in pocket.elements]]
    if kind == "residues":
        return torch.eye(len(RESIDUES))[[RESIDUES.index(n) for n in pocket.names]]
    roles = zip(pocket.names, pocket.atoms, pocket.elements, strict=True)
    return torch.eye(len(SITES))[[role_of(*one) for one in roles]]


def as_graph(pocket: Pocket, kind: str = "elements") -> Graphs:
    """The pocket as a batch of one graph with these features."""
    return pack_graphs([(pocket.x, features(pocket, kind))])


def as_sites(pocket: Pocket, x: Tensor, polar: float = 3.5, reach: float = 5.0) -> Graphs:
    """A full-atom pocket thinned to sites like those of a made one, around ligand atoms x (n, 3).

    N and O within `polar` Å of a ligand atom, nearest first; then carbon and sulfur within `reach`
    that are farthest from what is there, up to n + 3 sites at least 3 Å apart.
    Raises ValueError when no atom is that near.
    """
    role, near = features(pocket, "sites").argmax(-1), torch.cdist(pocket.x, x).amin(1)
    sites = x.new_zeros(0, 3)
    kinds: list[int] = []
    for k in near.argsort().tolist():
        spaced = bool((torch.cdist(pocket.x[k : k + 1], sites) >= SPACING).all())
        if role[k] != HYDROPHOBIC and near[k] <= polar and spaced:
            sites = torch.cat([sites, pocket.x[k : k + 1]])
            kinds.append(int(role[k]))
    places = pocket.x[(role == HYDROPHOBIC) & (near <= reach)]
    first = torch.Generator().manual_seed(0)
    sites = spread(places, sites, len(x) + MORE, first)
    if not len(sites):
        raise ValueError(
            f"no atom of the pocket is within {reach} Å of the ligand: the nearest is "
            f"{float(near.min()):.1f} Å away"
        )
    kinds += [HYDROPHOBIC] * (len(sites) - len(kinds))
    return pack_graphs([(sites, torch.eye(len(SITES))[kinds])])
