"""Made pockets around ligands, by a law that can be checked on any atoms put into them.

A pocket is a shell of sites of three kinds. The law: a donor site stands 2.9 Å from an O (which
accepts), an acceptor site 2.9 Å from an N (which donates), each where the bonds of that atom leave
room; hydrophobic sites stand 4 Å from carbon, sulfur or halogen and further from every N and O; no
site is too close to any atom; and there are three sites more than atoms, give or take one. One
side is open: a pocket has a mouth. All of it follows from positions and elements of the ligand.
"""

import math

import torch
from torch import Tensor

from helpers.matter.graphs import Graphs, pack_graphs, pairs, unpack_graphs

SITES = ("donor", "acceptor", "hydrophobic")
DONOR, ACCEPTOR, HYDROPHOBIC = range(3)
NITROGEN, OXYGEN = 1, 2  # their places in the types; all others count as carbon-like
#: Å from a site to its partner: polar ones up to 0.1 Å more or less.
POLAR, APOLAR = 2.9, 4.0
#: Å from a polar site to any other atom, from a hydrophobic one to N and O: at least.
OTHERS, ASIDE = 3.3, 4.1
SPACING = 3.0  # Å between two sites, at least
MORE = 3  # sites than atoms, give or take one
MOUTH = 0.3  # the share of all directions that stays open
BONDED = 1.95  # Å: longer than every bond between the elements of the made ligands
#: What counts when generated atoms are judged, in Å: a site is faced within these limits …
POLAR_REACH, APOLAR_REACH = (2.4, 3.5), (3.2, 5.0)
#: … and an atom clashes that is closer than this to a polar, to a hydrophobic site.
POLAR_CLASH, APOLAR_CLASH = 2.4, 3.2


def pockets(ligands: Graphs, seed: int = 0) -> Graphs:
    """One pocket for each ligand: x (P, 3) in Å in the ligand's frame, h one-hot (P, 3) of SITES.

    Mouth, places and polar distances are drawn from the seed.
    Raises ValueError when the types have no place for C, N and O.
    """
    check_types(ligands)
    generator = torch.Generator().manual_seed(seed)
    made = [pocket_around(x, h.argmax(-1), generator) for x, h in unpack_graphs(ligands)]
    return pack_graphs([(x, torch.eye(3)[kind]) for x, kind in made])


def pocket_around(
    x: Tensor, types: Tensor, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """The sites (P, 3) and their kinds (P,) around one ligand x (n, 3), types (n,).

    Raises ValueError when the ligand leaves no room for a single site.
    """
    mouth = torch.nn.functional.normalize(torch.randn(3, generator=generator), dim=0).to(x)
    polar, partner = polar_sites(x, types, generator)
    # Every point 4 Å from a carbon-like atom, no nearer to any other, not in the mouth.
    fat = ~is_polar(types)
    shell = (x[fat, None] + APOLAR * sphere(96).to(x)).reshape(-1, 3)
    limit = torch.where(fat, APOLAR - 1e-3, ASIDE)
    closed = torch.nn.functional.normalize(shell - x.mean(0), dim=1) @ mouth < 1 - 2 * MOUTH
    shell = shell[closed & (torch.cdist(shell, x) > limit).all(1)]
    wanted = len(x) + MORE + int(torch.randint(-1, 2, (), generator=generator))
    sites = spread(shell, polar, wanted, generator)
    if not len(sites):
        raise ValueError(f"a ligand of {len(x)} atoms leaves no room for a site of its pocket")
    kinds = torch.full((len(sites),), HYDROPHOBIC)
    kinds[: len(polar)] = torch.where(types[partner] == OXYGEN, DONOR, ACCEPTOR)
    return sites, kinds


def spread(
    places: Tensor, sites: Tensor, wanted: int, generator: torch.Generator | None = None
) -> Tensor:
    """The sites (p, 3) and then the places that are farthest from all before them, (wanted, 3).

    Fewer when no place is left that keeps the least spacing. The first place is drawn at random.
    """
    if len(places) and not len(sites):
        sites = places[torch.randint(len(places), (1,), generator=generator)]
    free = torch.cdist(places, sites).amin(1) if len(places) else places.new_zeros(0)
    while len(sites) < wanted and len(free) and float(free.max()) >= SPACING:
        best = places[free.argmax()][None]
        sites = torch.cat([sites, best])
        free = torch.minimum(free, torch.cdist(places, best)[:, 0])
    return sites


def polar_sites(
    x: Tensor, types: Tensor, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """One site for each N and O with room for it, (p, 3), and which atom it belongs to, (p,).

    It stands straight out of the atom's bonds, or, if that is blocked, as near to that as
    another atom and another polar site allow, within 73° of it.
    """
    out, sites, partner = outward(x), x.new_zeros(0, 3), []
    for k in torch.nonzero(is_polar(types)).flatten().tolist():
        length = POLAR + 0.2 * float(torch.rand((), generator=generator)) - 0.1
        ways = torch.cat([out[k][None], sphere(96).to(x)])
        ways = ways[(ways @ out[k]).argsort(descending=True)]
        places = x[k] + length * ways[ways @ out[k] > 0.3]
        limit = torch.full((len(x),), OTHERS).index_fill(0, torch.tensor(k), 0.0)
        free = (torch.cdist(places, x) > limit).all(1)
        free &= (torch.cdist(places, sites) > SPACING).all(1)
        if bool(free.any()):
            sites = torch.cat([sites, places[free][:1]])
            partner.append(k)
    return sites, torch.tensor(partner, dtype=torch.int64)


def outward(x: Tensor) -> Tensor:
    """The unit vector of each atom (n, 3) that points away from its bonded neighbours."""
    diff = x[:, None] - x[None]
    d = diff.norm(dim=-1)
    bonded = ((d < BONDED) & (d > 0)).to(x)
    away = (diff / d.clamp(min=1e-6)[..., None] * bonded[..., None]).sum(1)
    lost = away.norm(dim=-1, keepdim=True) < 0.1  # no bonds, or bonds on both sides
    return torch.nn.functional.normalize(torch.where(lost, x - x.mean(0), away), dim=-1)


def sphere(n: int) -> Tensor:
    """n unit vectors (n, 3) spread evenly: a Fibonacci lattice."""
    k = torch.arange(n) + 0.5
    z, turn = 1 - 2 * k / n, math.pi * (1 + 5**0.5) * k
    flat = (1 - z**2).sqrt()
    return torch.stack([flat * turn.cos(), flat * turn.sin(), z], -1)


def is_polar(types: Tensor) -> Tensor:
    """Whether each type is N or O."""
    return (types == NITROGEN) | (types == OXYGEN)


def check_types(ligands: Graphs) -> None:
    """Raise ValueError unless the types have a place for C, N and O."""
    if ligands.h.shape[1] <= OXYGEN:
        raise ValueError(f"types (N, {ligands.h.shape[1]}): need C, N and O as the first three")


def nearest_atom(ligand: Graphs, pocket: Graphs) -> tuple[Tensor, Tensor]:
    """For each site (P,): the number of the ligand's nearest atom, and its distance in Å.

    Raises ValueError when the two batches do not hold equally many graphs.
    """
    if ligand.n_graphs != pocket.n_graphs:
        raise ValueError(f"{ligand.n_graphs} ligands and {pocket.n_graphs} pockets are no pairs")
    site, atom = pairs(pocket.batch, ligand.batch)
    d = (pocket.x[site] - ligand.x[atom]).norm(dim=-1)
    least = d.new_full((len(pocket.x),), math.inf).scatter_reduce(0, site, d, "amin")
    winner = d == least[site]
    nearest = torch.zeros_like(pocket.batch)
    nearest[site[winner]] = atom[winner]
    return nearest, least


def facing(ligand: Graphs, pocket: Graphs) -> Tensor:
    """Which sites have what they want as the ligand's nearest atom, (P,) bool.

    A donor site wants O and an acceptor site N, 2.4 to 3.5 Å away; a hydrophobic one anything
    else, 3.2 to 5.0 Å away. Raises ValueError as `nearest_atom` does.
    """
    check_types(ligand)
    atom, d = nearest_atom(ligand, pocket)
    found, kind = ligand.types[atom], pocket.types
    polar = (d >= POLAR_REACH[0]) & (d <= POLAR_REACH[1])
    apolar = (d >= APOLAR_REACH[0]) & (d <= APOLAR_REACH[1])
    donor = (kind == DONOR) & (found == OXYGEN) & polar
    acceptor = (kind == ACCEPTOR) & (found == NITROGEN) & polar
    return donor | acceptor | ((kind == HYDROPHOBIC) & ~is_polar(found) & apolar)


def clashes(ligand: Graphs, pocket: Graphs) -> Tensor:
    """Which atoms of the ligand are closer than 2.4 Å to a polar or 3.2 Å to a hydrophobic site,
    (N,) bool."""
    atom, site = pairs(ligand.batch, pocket.batch)
    d = (ligand.x[atom] - pocket.x[site]).norm(dim=-1)
    limit = torch.where(pocket.types == HYDROPHOBIC, APOLAR_CLASH, POLAR_CLASH)
    return d.new_zeros(len(ligand.x)).index_add(0, atom, (d < limit[site]).to(d)) > 0
