"""Real pockets: small files written here with every trouble in them, and an entry where there is
one in COURSE_DATA."""

import gzip
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from rdkit import Chem

from helpers.evaluate.pockets import fit_of
from helpers.matter.binding import (
    ATOMS,
    HEAVY,
    RESIDUES,
    hetero_near,
    incomplete,
    ligand_of,
    pocket_by_ligand,
    pocket_by_points,
    pocket_by_residues,
    pocket_by_sdf,
    pocket_of,
    spans,
)
from helpers.matter.download import cache_folder
from helpers.matter.entries import fetch_entry, whole
from helpers.matter.graphs import pack_graphs
from helpers.matter.ligands import ELEMENTS
from helpers.matter.molecules import from_mol, molecule
from helpers.matter.pdb import Residue, content_of, read_structure
from helpers.matter.pockets import ACCEPTOR, DONOR, HYDROPHOBIC, SITES
from helpers.matter.roles import as_graph, as_sites, features, role_of
from helpers.matter.sdf import read_sdf, write_sdf


def atom(name, residue, label, x, y, z, *, alt=" ", occ=1.0, element=None, het=False):
    """One line of a PDB file; label is "A:12" or "A:12B"."""
    chain, number = label.split(":")
    code = number[-1] if number[-1].isalpha() else " "
    shown = f" {name:<3}" if len(name) < 4 else name
    return (
        f"{'HETATM' if het else 'ATOM  '}    1 {shown}{alt}{residue:>3} {chain}"
        f"{number.rstrip(code):>4}{code}   {x:8.3f}{y:8.3f}{z:8.3f}{occ:6.2f}{10:6.2f}"
        f"          {element or name[0]:>2}"
    )


HEAD = f"{'HEADER    A SMALL PROTEIN':<50}01-JAN-26   9XYZ"
LOST = ["REMARK 465     LYS A  20", "REMARK 465     GLU A  21A"]
PROTEIN = [
    atom("N", "GLY", "A:10", 0, 0, 0),
    atom("CA", "GLY", "A:10", 1.5, 0, 0),
    atom("H", "GLY", "A:10", 0, 1, 0),
    atom("D", "GLY", "A:10", 0, -1, 0),
    # Two locations of one side chain, of which B weighs more, and one atom that only A has.
    atom("CA", "SER", "A:11", 4, 0, 0),
    atom("CB", "SER", "A:11", 5, 1, 0, alt="A", occ=0.4),
    atom("OG", "SER", "A:11", 6, 1, 0, alt="A", occ=0.4),
    atom("CB", "SER", "A:11", 5, -1, 0, alt="B", occ=0.6),
    atom("OG", "SER", "A:11", 6, -1, 0, alt="B", occ=0.6),
    atom("C", "SER", "A:11", 4, 2, 0, alt="A", occ=0.4),
    # Two residues on one place.
    atom("CA", "VAL", "A:12", 8, 0, 0, alt="A", occ=0.3),
    atom("CA", "THR", "A:12", 8, 0, 1, alt="B", occ=0.7),
    atom("CA", "MSE", "A:12B", 12, 0, 0, het=True),
    atom("SE", "MSE", "A:12B", 13, 0, 0, element="SE", het=True),
    atom("CA", "ALA", "B:10", 60, 0, 0),
]
REST = [
    atom("C1", "LIG", "A:90", 5, 4, 0, het=True),
    atom("O1", "LIG", "A:90", 6, 4, 0, het=True),
    atom("ZN", "ZN", "A:91", 30, 0, 0, element="ZN", het=True),
    atom("ZN", "ZN", "B:92", 60, 9, 0, element="ZN", het=True),
    atom("O", "HOH", "A:95", 5, 5, 5, het=True),
    atom("CA", "GLU", "A:96", 40, 0, 0, het=True),  # a free amino acid is a ligand
]


def pdb(*parts):
    return "\n".join([HEAD, *parts, "END", ""])


SMALL = read_structure(pdb(*LOST, *PROTEIN, *REST))


def by_label(structure):
    return {residue.label: residue for residue in structure.residues}


# --- pdb.py -------------------------------------------------------------------------------------
def test_amino_acids_are_residues_and_the_rest_is_hetero_without_water():
    assert SMALL.name == "9XYZ"
    assert [r.label for r in SMALL.residues] == ["A:10", "A:11", "A:12", "A:12B", "B:10"]
    assert [(g.name, g.label) for g in SMALL.hetero] == [
        ("LIG", "A:90"), ("ZN", "A:91"), ("ZN", "B:92"), ("GLU", "A:96"),
    ]  # fmt: skip
    assert SMALL.missing == {"A:20": "LYS", "A:21A": "GLU"}


def test_hydrogens_go_and_one_location_stays():
    found = by_label(SMALL)
    assert found["A:10"].atoms == ("N", "CA") and found["A:10"].elements == ("N", "C")
    serine = found["A:11"]
    assert sorted(serine.atoms) == ["C", "CA", "CB", "OG"]
    place = dict(zip(serine.atoms, serine.x.tolist(), strict=True))
    assert place["CB"] == [5, -1, 0] and place["OG"] == [6, -1, 0] and place["C"] == [4, 2, 0]
    assert found["A:12"].name == "THR" and found["A:12"].x.tolist() == [[8, 0, 1]]
    # The other order in the file gives the same.
    turned = pdb(*PROTEIN[:4], *PROTEIN[:3:-1])
    again = by_label(read_structure(turned))
    assert again["A:12"].name == "THR"
    kept = dict(zip(again["A:11"].atoms, again["A:11"].x.tolist(), strict=True))
    assert kept == place


def test_the_same_from_path_bytes_packed_and_mmcif(tmp_path):
    text = pdb(*LOST, *PROTEIN, *REST)
    plain, packed = tmp_path / "9xyz.pdb", tmp_path / "9xyz.pdb.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    for source in (plain, str(plain), packed, text.encode()):
        found = read_structure(source)
        assert found.missing == SMALL.missing and len(found.hetero) == 4
        assert all(
            torch.equal(a.x, b.x) for a, b in zip(found.residues, SMALL.residues, strict=True)
        )
    assert content_of(text) is text
    with pytest.raises(FileNotFoundError):
        read_structure(tmp_path / "absent.pdb")


CIF = """data_9XYZ
_entry.id 9XYZ
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.auth_seq_id
_atom_site.auth_asym_id
_atom_site.pdbx_PDB_model_num
ATOM 1 N N . GLY X 1 ? 0.0 0.0 0.0 1.0 10 A 1
ATOM 2 C CA . GLY X 1 ? 1.5 0.0 0.0 1.0 10 A 1
HETATM 3 C C1 . LIG Y . ? 5.0 4.0 0.0 1.0 90 A 1
ATOM 4 N N . GLY X 1 ? 9.0 0.0 0.0 1.0 10 A 2
ATOM 5 C CA . GLY X 1 ? 9.5 0.0 0.0 1.0 10 A 2
loop_
_pdbx_unobs_or_zero_occ_residues.id
_pdbx_unobs_or_zero_occ_residues.PDB_model_num
_pdbx_unobs_or_zero_occ_residues.polymer_flag
_pdbx_unobs_or_zero_occ_residues.auth_asym_id
_pdbx_unobs_or_zero_occ_residues.auth_comp_id
_pdbx_unobs_or_zero_occ_residues.auth_seq_id
_pdbx_unobs_or_zero_occ_residues.PDB_ins_code
1 1 Y A LYS 20 ?
2 1 Y A GLU 21 A
#
"""


def test_mmcif_is_read_by_the_authors_numbers_and_models_are_chosen():
    found = read_structure(CIF)
    assert [r.label for r in found.residues] == ["A:10"] and found.hetero[0].label == "A:90"
    assert found.missing == {"A:20": "LYS", "A:21A": "GLU"} and found.name == "9XYZ"
    assert read_structure(CIF, model=2).residues[0].x[0].tolist() == [9, 0, 0]
    models = ["MODEL        1", PROTEIN[1], "ENDMDL", "MODEL        2", PROTEIN[4], "ENDMDL"]
    assert read_structure(pdb(*models), model=2).residues[0].name == "SER"
    with pytest.raises(ValueError, match="model 3: 9XYZ has 2 of them, from 1"):
        read_structure(pdb(*models), model=3)


@pytest.mark.parametrize(
    "text, words",
    [
        ("no atoms\nhere\n", "no atom was found: is this a PDB"),
        (pdb(PROTEIN[0][:30] + "  what  " + PROTEIN[0][38:]), "line 2 of this PDB file is damaged"),
        (pdb(PROTEIN[0][:50]), "line 2 of this PDB file is damaged"),
        ("data_x\n_a 'b\n", "this mmCIF file is damaged"),
        (pdb(*REST), "9XYZ has no amino acid: a protein is needed"),
    ],
)
def test_other_files_are_refused_in_words(text, words):
    with pytest.raises(ValueError, match=words):
        read_structure(text)


# --- binding.py ---------------------------------------------------------------------------------
def test_a_pocket_by_list_has_the_atoms_of_its_residues_or_their_alpha_carbons():
    pocket = pocket_by_residues(SMALL, ["A:12B", "A:10", "A:10"])
    assert pocket.residues == ("A:12B", "A:10") and pocket.names == ("MET", "MET", "GLY", "GLY")
    assert pocket.elements == ("C", "S", "N", "C")  # Se of MSE counts as S of MET
    alpha = pocket_by_residues(SMALL, ["A:12B", "A:11"], "ca")
    assert alpha.atoms == ("CA", "CA") and alpha.x.tolist() == [[12, 0, 0], [4, 0, 0]]


def test_a_pocket_by_distance_takes_whole_residues_with_one_atom_near():
    # C of SER is 2.24 Å away from C1, the others are further: the residue is in with all.
    assert pocket_by_ligand(SMALL, "LIG", 2.25).residues == ("A:11",)
    assert len(pocket_by_ligand(SMALL, "LIG", 2.25).x) == 4
    with pytest.raises(ValueError, match="no residue of 9XYZ is within 2.2 Å: the nearest is 2.2"):
        pocket_by_ligand(SMALL, "LIG", 2.2)
    wider = pocket_by_ligand(SMALL, "A:90", 5.5, "ca")
    assert wider.residues == ("A:10", "A:11", "A:12")
    assert pocket_by_points(SMALL, torch.tensor([[60.0, 1, 0]]), 2.0).residues == ("B:10",)


def test_a_pocket_by_sdf_is_that_of_the_same_ligand(tmp_path):
    x = ligand_of(SMALL, "LIG").x * 1.0
    x[1, 0] = 6.2  # a bond of 1.2 Å: C=O
    path = write_sdf(tmp_path / "lig.sdf", [molecule(x, torch.tensor([0, 2]))])
    assert (
        pocket_by_sdf(SMALL, path, 5.5, "ca").residues
        == pocket_by_ligand(SMALL, "LIG", 5.5).residues
    )


@pytest.mark.parametrize(
    "ask, words",
    [
        (lambda: pocket_by_residues(SMALL, ["11"]), "a residue is asked for as chain:number"),
        (lambda: pocket_by_residues(SMALL, ["A:20"]), "LYS A:20 is part of the protein but was"),
        (lambda: pocket_by_residues(SMALL, ["A:21A"]), "GLU A:21A is part of the protein but"),
        (lambda: pocket_by_residues(SMALL, ["C:1"]), "no residue C:1; it has A 10 to 12, B 10 to"),
        (lambda: pocket_by_ligand(SMALL, "XYZ"), "no hetero group XYZ; there are: LIG A:90, ZN"),
        (lambda: pocket_by_ligand(SMALL, "ZN"), "ZN stands 2 times in 9XYZ: choose A:91, B:92"),
        (lambda: pocket_by_ligand(SMALL, "LIG", 0.0), "how far a pocket reaches, in Å, must be"),
        (lambda: pocket_by_ligand(SMALL, "A:91", 8.0), "the nearest is 17.0 Å away. Do protein"),
        (lambda: pocket_of(SMALL.residues, "cb"), "a pocket is given by atoms or ca"),
        (lambda: pocket_of(SMALL.hetero[:1]), "LIG A:90 is no known amino acid"),
    ],
)
def test_what_cannot_be_a_pocket_is_said(ask, words):
    with pytest.raises(ValueError, match=words):
        ask()


def test_what_a_pocket_leaves_out_or_lacks_is_named():
    assert hetero_near(SMALL, "LIG", 24.4) == ("ZN A:91",)
    assert hetero_near(SMALL, "LIG", 8.0) == ()
    names = ["N", "CA", "C", "O", "CB"]
    lines = [atom(n, "ALA", "A:1", k, 0, 0) for k, n in enumerate(names)]
    lines += [atom(n, "SER", "A:2", k, 5, 0) for k, n in enumerate(names)]
    pocket = pocket_of(read_structure(pdb(*lines)).residues)
    assert incomplete(pocket) == ("SER A:2",)


def test_a_chain_without_a_name_can_be_asked_for():
    found = read_structure(pdb(atom("CA", "GLY", " :-3", 0, 0, 0)))
    assert pocket_by_residues(found, ["_:-3"], "ca").names == ("GLY",)


def test_what_is_empty_is_said():
    with pytest.raises(ValueError, match="an empty list of residues is no pocket: name them"):
        pocket_by_residues(SMALL, [])
    with pytest.raises(ValueError, match="no atom was found in this mmCIF file: it lacks the"):
        read_structure("data_x\n_a 1\n")


def test_residues_that_lack_or_hold_something_are_named():
    x = torch.zeros(2, 3)
    lacking = Residue("A", 5, "", "ALA", ("N", "C"), ("N", "C"), x)
    with pytest.raises(ValueError, match="ALA A:5 has no Cα in the file"):
        pocket_of([lacking], "ca")
    strange = Residue("A", 6, "", "SEP", ("CA", "P"), ("C", "P"), x)
    with pytest.raises(ValueError, match="P of SEP A:6 is P; a pocket is made of C, N, O, S"):
        pocket_of([strange])
    assert pocket_of([strange], "ca").names == ("SER",)  # its Cα is fine
    assert spans(SMALL) == "A 10 to 12, B 10 to 10"


# --- roles.py -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name, donors, acceptors",
    [("ASN", {"N", "ND2"}, {"O", "OD1"}), ("SER", {"N", "OG"}, {"O"}), ("PRO", set(), {"O"}),
     ("ASP", {"N"}, {"O", "OD1", "OD2"}), ("LYS", {"N", "NZ"}, {"O"}), ("MET", {"N"}, {"O"})],
)  # fmt: skip
def test_roles_are_those_of_the_textbook(name, donors, acceptors):
    sides = {
        "ASN": ["OD1", "ND2"],
        "SER": ["OG"],
        "ASP": ["OD1", "OD2"],
        "LYS": ["NZ"],
        "MET": ["SD"],
    }
    atoms = ["N", "CA", "C", "O", *sides.get(name, [])]
    found = {a: role_of(name, a, a[0]) for a in atoms}
    assert {a for a in atoms if found[a] == DONOR} == donors
    assert {a for a in atoms if found[a] == ACCEPTOR} == acceptors
    assert {found[a] for a in set(atoms) - donors - acceptors} == {HYDROPHOBIC}


def test_features_are_one_hot_in_the_order_of_their_names():
    pocket = pocket_by_residues(SMALL, ["A:10", "A:12B"])
    assert features(pocket).tolist() == torch.eye(len(ATOMS))[[1, 0, 0, 3]].tolist()
    assert features(pocket, "residues").argmax(1).tolist() == [
        RESIDUES.index(name) for name in ("GLY", "GLY", "MET", "MET")
    ]
    assert [SITES[k] for k in features(pocket, "sites").argmax(1)] == ["donor"] + 3 * [
        "hydrophobic"
    ]
    graph = as_graph(pocket, "sites")
    assert graph.n_graphs == 1 and torch.equal(graph.x, pocket.x) and graph.h.shape == (4, 3)
    with pytest.raises(ValueError, match="the features are elements, residues, sites"):
        features(pocket, "colour")


def test_a_pocket_thins_to_sites_polar_ones_first():
    lines = [
        atom("N", "LYS", "A:1", 0, 2.9, 0), atom("CA", "LYS", "A:1", 0, 4.0, 1),
        atom("CB", "LYS", "A:1", 3.9, 0, 0), atom("CG", "LYS", "A:1", 3.9, 1.0, 0),
        atom("CD", "LYS", "A:1", -3.9, 0, 0), atom("O", "LYS", "A:1", 0, -4.5, 0),
        atom("NZ", "LYS", "A:1", 1.0, 3.0, 0),
    ]  # fmt: skip
    pocket = pocket_of(read_structure(pdb(*lines)).residues)
    sites = as_sites(pocket, torch.zeros(1, 3))
    # NZ stands 1 Å from N, CA and CG next to what is taken, O is too far to bind.
    assert sites.types.tolist() == [DONOR, HYDROPHOBIC, HYDROPHOBIC]
    assert sites.x[0].tolist() == pytest.approx([0, 2.9, 0])
    assert torch.pdist(sites.x).min() >= 3.0
    with pytest.raises(ValueError, match="no atom of the pocket is within 5.0 Å of the ligand"):
        as_sites(pocket, torch.full((1, 3), 50.0))


# --- a real entry -------------------------------------------------------------------------------
@pytest.mark.skipif(
    not (Path(os.environ.get("COURSE_DATA", "")) / "3rfm.pdb").is_file(),
    reason="COURSE_DATA holds no 3rfm.pdb: the real entry is not read",
)
def test_caffeine_in_the_adenosine_receptor(monkeypatch):
    folder = Path(os.environ["COURSE_DATA"])
    structure = read_structure(fetch_entry("3RFM"))
    assert structure.name == "3RFM" and len(structure.residues) == 291
    assert structure.missing["A:150"] == "LYS" and len(structure.missing) > 26
    caffeine = ligand_of(structure, "CFF")
    mol = molecule(caffeine.x, torch.tensor([ELEMENTS.index(e) for e in caffeine.elements]))
    assert Chem.MolToSmiles(mol) == "Cn1c(=O)c2c(ncn2C)n(C)c1=O"
    near = pocket_by_ligand(structure, "CFF", 5.0)
    # Known from the literature on this receptor: Phe 168 stacks, Asn 253 holds the ligand.
    assert {"A:168", "A:253"} <= set(near.residues) and len(near.residues) == 11
    assert incomplete(near) == () == hetero_near(structure, "CFF")
    # Every residue of this protein is whole, and none has more atoms than the table says.
    everything = pocket_of(structure.residues)
    assert incomplete(everything) == () and set(everything.names) == set(RESIDUES)
    expected = sum(HEAVY[RESIDUES.index(r.name)] for r in structure.residues)
    assert len(everything.x) == expected
    assert pocket_by_sdf(structure, folder / "3rfm_B_CFF.sdf", 5.0).residues == near.residues
    x, types = from_mol(read_sdf(folder / "3rfm_B_CFF.sdf")[0])
    ligand = pack_graphs([(x, torch.eye(10)[types])])
    sites = as_sites(pocket_by_ligand(structure, "CFF"), x)
    fit = fit_of(ligand, sites)
    assert fit.donors.value == 1 and fit.clear.value == 1  # ND2 of Asn 253 faces an O


# --- entries.py ---------------------------------------------------------------------------------
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        body = pdb(*PROTEIN).encode() if self.path.endswith(".pdb") else CIF.encode()
        if self.server.manner == "missing":
            self.send_error(404)
            return
        body = body[: len(body) // 2] if self.server.manner == "short" else body
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_STATIC", "1")
    for variable in ("COURSE_DATA", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.manner, running.requests = "whole", 0
    running.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.mark.parametrize("kind", ["pdb", "cif"])
def test_an_entry_is_fetched_once_and_kept(server, kind):
    first = fetch_entry("9xyz", kind, server.url)
    assert fetch_entry("9XYZ", kind, server.url) == first and server.requests == 1
    assert [p.name for p in cache_folder().iterdir()] == [f"9xyz.{kind}"]
    assert read_structure(first).name == "9XYZ"
    # A cached file without its end is fetched anew.
    (cache_folder() / f"9xyz.{kind}").write_bytes(first[:200])
    assert fetch_entry("9xyz", kind, server.url) == first and server.requests == 2


def test_troubles_of_a_download_are_said_and_nothing_is_kept(server, monkeypatch, tmp_path):
    server.manner = "short"
    with pytest.raises(
        ValueError, match="is truncated: its end is missing. Nothing was kept. Try again"
    ):
        fetch_entry("9xyz", site=server.url)
    server.manner = "missing"
    with pytest.raises(ConnectionError, match="The Protein Data Bank does not hand out 9xyz.pdb"):
        fetch_entry("9xyz", site=server.url)
    assert list(cache_folder().iterdir()) == []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectionError, match="9xyz.pdb could not be downloaded: is there a net"):
        fetch_entry("9xyz", site=nobody)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="9xyz.pdb cannot be kept in"):
        fetch_entry("9xyz", site=server.url)


def test_a_local_copy_comes_first_and_must_be_whole(server, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    (tmp_path / "9xyz.pdb.gz").write_bytes(gzip.compress(pdb(*PROTEIN).encode()))
    assert whole(fetch_entry("9xyz", site=server.url), "pdb") and server.requests == 0
    (tmp_path / "9abc.pdb").write_text("ATOM")
    with pytest.raises(ValueError, match=r"9abc.pdb is truncated: its end is missing"):
        fetch_entry("9abc", site=server.url)
    with pytest.raises(ValueError, match="'xyz' is no PDB code: a digit and three"):
        fetch_entry("xyz")
    with pytest.raises(ValueError, match="an entry is there as pdb or cif"):
        fetch_entry("9xyz", "mol2")
