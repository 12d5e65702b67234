"""Made ligands and pockets: the law holds in every pair, is seen when broken, and moves along."""

import pytest
import torch
from rdkit import Chem

from helpers.matter.complexes import about_pocket, complexes, turned
from helpers.matter.graphs import (
    Graphs,
    graph_mean,
    pack_graphs,
    random_rotations,
    rotated,
    take_graphs,
)
from helpers.matter.ligands import (
    COMBINATIONS,
    ELEMENTS,
    KINDS,
    conformer,
    drawn,
    in_this_world,
    ligand_smiles,
    ligands,
    written,
)
from helpers.matter.pockets import (
    ACCEPTOR,
    DONOR,
    HYDROPHOBIC,
    MORE,
    SITES,
    SPACING,
    clashes,
    facing,
    is_polar,
    nearest_atom,
    outward,
    pocket_around,
    pockets,
    polar_sites,
    sphere,
    spread,
)

DATA = complexes(60, seed=3)
EYE3, EYE6 = torch.eye(3), torch.eye(6)


def pair(atoms, sites):
    """One ligand of rows (type, x, y, z) and one pocket of rows (kind, x, y, z)."""
    a, s = torch.tensor(atoms, dtype=torch.float32), torch.tensor(sites, dtype=torch.float32)
    return (
        pack_graphs([(a[:, 1:], EYE6[a[:, 0].long()])]),
        pack_graphs([(s[:, 1:], EYE3[s[:, 0].long()])]),
    )


# --- ligands.py ---------------------------------------------------------------------------------
def test_this_world_is_large_and_its_elements_say_what_they_do():
    world = ligand_smiles()
    assert len(world) == len(set(world)) > 7000
    donor, bare = Chem.MolFromSmarts("[#7;!H0]"), Chem.MolFromSmarts("[#8;H0]")
    for text in world[::150]:
        mol = Chem.MolFromSmiles(text)
        assert Chem.MolToSmiles(mol) == text and 6 <= mol.GetNumAtoms() <= 13
        count = [sum(a.GetSymbol() == s for a in mol.GetAtoms()) for s in "NO"]
        assert len(mol.GetSubstructMatches(donor)) == count[0]
        assert len(mol.GetSubstructMatches(bare)) == count[1]
        assert {a.GetSymbol() for a in mol.GetAtoms()} <= set(ELEMENTS[:KINDS])
    assert not in_this_world(Chem.MolFromSmiles("c1ccncc1"))  # N without hydrogen
    assert not in_this_world(Chem.MolFromSmiles("CCO"))  # O with one
    assert not in_this_world(Chem.MolFromSmiles("NC1CCCO1"))  # falls apart in water
    assert written(0) == "c1ccccc1" and written(1) == "Cc1ccccc1"
    assert written(9 * COMBINATIONS // 22) is None  # cyclopentane alone has five atoms
    some = drawn(50, torch.Generator().manual_seed(0))
    assert len(set(some)) == 50 and set(some) <= set(world)
    with pytest.raises(ValueError, match=f"n = 0 molecules: need 1 to {len(world)}"):
        drawn(0)


def test_a_conformer_has_the_bond_lengths_of_its_molecule():
    x, types = conformer("O=Cc1ccc(Cl)s1", seed=4)
    assert [ELEMENTS[k] for k in types] == ["O", "C", "C", "C", "C", "C", "Cl", "S"]
    assert x.mean(0).abs().max() < 1e-5 and x.dtype == torch.float32
    d = torch.cdist(x, x)
    assert d[0, 1] == pytest.approx(1.22, abs=0.02)  # C=O
    assert d[5, 6] == pytest.approx(1.72, abs=0.03)  # C–Cl on a ring
    assert d[2, 7] == pytest.approx(1.73, abs=0.04)  # C–S in thiophene
    assert torch.equal(conformer("O=Cc1ccc(Cl)s1", seed=4)[0], x)


@pytest.mark.parametrize(
    "smiles, words",
    [("C1CC", "is no SMILES that RDKit reads"), ("C[Si]C", "Si is none of C, N, O")],
)
def test_other_molecules_are_refused_in_words(smiles, words):
    with pytest.raises(ValueError, match=words):
        conformer(smiles)


def test_a_molecule_that_cannot_be_embedded_is_named():
    with pytest.raises(ValueError, match="RDKit found no conformer with seed 0"):
        conformer("C1#CC1=C=C=C2C#CC2")


def test_ligands_are_different_seeded_and_turned():
    batch, smiles = ligands(30, seed=1)
    assert len(set(smiles)) == batch.n_graphs == 30 and batch.h.shape[1] == KINDS
    again, same = ligands(30, seed=1)
    assert same == smiles and torch.equal(again.x, batch.x)
    assert set(drawn(30, torch.Generator().manual_seed(2))) != set(smiles)
    assert graph_mean(batch.x, batch.batch, 30).abs().max() < 1e-5
    assert ligands(2, kinds=10)[0].h.shape[1] == 10
    # No direction is preferred: E x xᵀ is a multiple of 1.
    moments = batch.x.T @ batch.x / len(batch.x)
    assert (moments / moments.trace() - torch.eye(3) / 3).abs().max() < 0.12
    with pytest.raises(ValueError, match="kinds = 3: need 6 to 10"):
        ligands(1, kinds=3)


# --- pockets.py: the law ------------------------------------------------------------------------
def test_every_site_is_faced_and_no_atom_clashes():
    assert facing(DATA.ligand, DATA.pocket).all()
    assert not clashes(DATA.ligand, DATA.pocket).any()
    atom, d = nearest_atom(DATA.ligand, DATA.pocket)
    kind, found = DATA.pocket.types, DATA.ligand.types[atom]
    symbols = {
        SITES[k]: {ELEMENTS[t] for t in found[kind == k].tolist()} for k in range(len(SITES))
    }
    assert symbols["donor"] == {"O"} and symbols["acceptor"] == {"N"}
    assert symbols["hydrophobic"] & {"N", "O"} == set()
    polar = kind != HYDROPHOBIC
    assert 2.799 <= d[polar].min() and d[polar].max() <= 3.001
    assert (d[~polar] - 4).abs().max() < 2e-3
    # Nearly every N and O has its site, and no site stands on another.
    assert polar.sum() > 0.97 * is_polar(DATA.ligand.types).sum()
    near = [torch.pdist(DATA.pocket.x[DATA.pocket.batch == k]).min() for k in range(60)]
    assert min(near) >= SPACING - 1e-4


def test_the_size_of_a_pocket_follows_its_ligand():
    more = DATA.pocket.sizes - DATA.ligand.sizes
    usual = ((more - MORE).abs() <= 1).float().mean()
    assert usual > 0.85 and more.max() <= MORE + 1  # some small or polar ones have less room
    both = torch.stack([DATA.ligand.sizes, DATA.pocket.sizes]).float()
    assert torch.corrcoef(both)[0, 1] > 0.7


def test_each_pocket_has_a_mouth():
    """Seen from the ligand's centroid, some direction has no site within a wide cone."""
    centre = graph_mean(DATA.ligand.x, DATA.ligand.batch, 60)
    way = torch.nn.functional.normalize(DATA.pocket.x - centre[DATA.pocket.batch], dim=1)
    widest = [(sphere(300) @ way[DATA.pocket.batch == k].T).amax(1).min() for k in range(60)]
    # Thirteen even sites leave no gap of 50°: cos 50° = 0.64.
    assert torch.stack(widest).median() < 0.64


def test_another_ligand_breaks_the_law():
    other = take_graphs(DATA.ligand, torch.arange(60).roll(1))
    shares = [facing(other, DATA.pocket)[DATA.pocket.types == k].float().mean() for k in range(3)]
    assert shares[DONOR] < 0.3 and shares[ACCEPTOR] < 0.3 and shares[HYDROPHOBIC] < 0.7
    assert clashes(other, DATA.pocket).float().mean() > 0.2


def test_judging_is_the_same_after_a_motion_of_both_and_not_of_one():
    turn = random_rotations(60, torch.Generator().manual_seed(5))
    ligand, pocket = rotated(DATA.ligand, turn), rotated(DATA.pocket, turn)
    assert facing(ligand, pocket).all() and not clashes(ligand, pocket).any()
    assert not facing(ligand, DATA.pocket).all()


@pytest.mark.parametrize(
    "kind, type_, distance, met",
    [
        (DONOR, 2, 2.9, True),  # O accepts
        (DONOR, 1, 2.9, False),  # N does not
        (DONOR, 0, 2.9, False),
        (DONOR, 2, 3.6, False),
        (DONOR, 2, 2.3, False),
        (ACCEPTOR, 1, 3.4, True),
        (ACCEPTOR, 2, 2.9, False),
        (HYDROPHOBIC, 0, 4.0, True),
        (HYDROPHOBIC, 5, 4.9, True),
        (HYDROPHOBIC, 1, 4.0, False),
        (HYDROPHOBIC, 0, 3.1, False),
        (HYDROPHOBIC, 0, 5.1, False),
    ],
)
def test_one_atom_before_one_site(kind, type_, distance, met):
    ligand, pocket = pair([(type_, 0, 0, 0), (0, -9, 0, 0)], [(kind, distance, 0, 0)])
    assert facing(ligand, pocket).tolist() == [met]


@pytest.mark.parametrize(
    "kind, distance, clash",
    [(DONOR, 2.3, True), (DONOR, 2.5, False), (HYDROPHOBIC, 3.1, True), (HYDROPHOBIC, 3.3, False)],
)
def test_one_atom_near_one_site(kind, distance, clash):
    ligand, pocket = pair([(0, 0, 0, 0), (0, -9, 0, 0)], [(kind, distance, 0, 0), (kind, 20, 0, 0)])
    assert clashes(ligand, pocket).tolist() == [clash, False]


def test_atoms_of_another_pair_do_not_count():
    near, far = pair([(2, 0, 0, 0)], [(DONOR, 2.9, 0, 0)]), pair([(2, 8, 0, 0)], [(DONOR, 0, 0, 0)])
    ligand, pocket = (pack_graphs([(g.x, g.h) for g in one]) for one in zip(near, far, strict=True))
    assert facing(ligand, pocket).tolist() == [True, False]
    # Ligand 1 moved onto the site of pair 0 is still of pair 1.
    moved = ligand._replace(x=ligand.x * torch.tensor([[1.0], [0.0]]) + torch.tensor([0, 0.0, 3.0]))
    assert facing(moved, pocket).tolist() == [False, True]


# --- pockets.py: its parts ----------------------------------------------------------------------
def test_outward_is_away_from_the_bonds():
    x = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [1.9, 1.3, 0], [1.9, -1.3, 0]])
    out = outward(x)
    torch.testing.assert_close(out[0], torch.tensor([-1.0, 0, 0]))
    assert torch.allclose(out.norm(dim=1), torch.ones(4))
    # Two bonds in line leave no side, a lone atom has none: away from the middle then.
    assert torch.isfinite(outward(torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [-1.2, 0, 0]]))).all()


def test_a_carbonyl_has_its_site_in_line_and_a_blocked_one_beside_it():
    x = torch.tensor([[0.0, 0, 0], [1.22, 0, 0]])
    site, partner = polar_sites(x, torch.tensor([2, 0]), torch.Generator().manual_seed(0))
    assert partner.tolist() == [0] and site[0, 1:].abs().max() < 1e-5
    assert -3.0 <= site[0, 0] <= -2.8
    blocked = torch.cat([x, torch.tensor([[-5.0, 0, 0]])])
    site, _ = polar_sites(blocked, torch.tensor([2, 0, 0]), torch.Generator().manual_seed(0))
    assert (site[0] - blocked[2]).norm() > 3.3 and site[0, 0] < -0.3 * 2.8
    caged = torch.cat([x, 3.0 * sphere(40)])
    site, partner = polar_sites(caged, torch.tensor([2] + 41 * [0]))
    assert site.shape == (0, 3) and len(partner) == 0


def test_places_spread_evenly_and_stop_when_full():
    g = torch.Generator().manual_seed(0)
    grid = 3.0 * sphere(400)
    three = spread(grid, grid.new_zeros(0, 3), 3, g)
    # The second opposite the first, the third on the equator between them.
    d = [6.0, 18**0.5, 18**0.5]
    torch.testing.assert_close(torch.pdist(three), torch.tensor(d), atol=0.2, rtol=0)
    assert torch.pdist(spread(grid, grid.new_zeros(0, 3), 99, g)).min() >= SPACING
    assert len(spread(grid, grid.new_zeros(0, 3), 99, g)) < 20
    assert len(spread(grid[:0], grid[:0], 5, g)) == 0


def test_fibonacci_points_cover_the_sphere():
    points = sphere(200)
    torch.testing.assert_close(points.norm(dim=1), torch.ones(200))
    torch.testing.assert_close(points.T @ points / 200, torch.eye(3) / 3, atol=1e-3, rtol=0)


def test_bad_pairs_are_named():
    with pytest.raises(ValueError, match="need C, N and O as the first three"):
        pockets(Graphs(torch.zeros(1, 3), torch.ones(1, 2), torch.zeros(1).long()))
    with pytest.raises(ValueError, match="60 ligands and 1 pockets are no pairs"):
        facing(DATA.ligand, take_graphs(DATA.pocket, torch.tensor([0])))
    with pytest.raises(ValueError, match="leaves no room for a site of its pocket"):
        pocket_around(torch.zeros(1, 3), torch.tensor([1]))  # one N: no bonds, so no way out


# --- complexes.py -------------------------------------------------------------------------------
def test_pairs_are_centred_on_the_pocket_and_can_be_taken_and_turned():
    assert graph_mean(DATA.pocket.x, DATA.pocket.batch, 60).abs().max() < 1e-5
    some = DATA.take(torch.tensor([7, 3]))
    assert some.smiles == [DATA.smiles[7], DATA.smiles[3]]
    assert some.ligand.sizes.tolist() == DATA.ligand.sizes[[7, 3]].tolist()
    assert facing(some.ligand, some.pocket).all()
    moved = turned(DATA, torch.Generator().manual_seed(0))
    assert facing(moved.ligand, moved.pocket).all() and not torch.equal(
        moved.ligand.x, DATA.ligand.x
    )
    off = DATA.pocket._replace(x=DATA.pocket.x + 5.0)
    ligand, back = about_pocket(DATA.ligand._replace(x=DATA.ligand.x + 5.0), off)
    torch.testing.assert_close(back.x, DATA.pocket.x, atol=1e-5, rtol=0)
    torch.testing.assert_close(ligand.x, DATA.ligand.x, atol=1e-5, rtol=0)
