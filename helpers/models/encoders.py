"""Networks that others trained on chemistry, behind one small interface: crystals in, one row of
numbers for each atom out.

CHGNet's weights come with its package, so it works offline. MACE's are downloaded on first use.
Beside them stand two encoders that know no chemistry: CHGNet's architecture with random weights,
and a random row for each element.
"""

import importlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, Protocol

import torch
from torch import Tensor

from helpers.matter import Crystals, to_ase, to_pymatgen, unpack

MACE = "mace.calculators"  # no part of the course, so it is named and not imported


class Encoder(Protocol):
    """Features of atoms: `width` numbers each, blind to rotations and to the origin."""

    width: int

    def encode(self, crystals: Crystals) -> Tensor:
        """Features (B, N, width) in float32; zeros at padding, and no gradient."""
        ...


class EncoderUnavailable(RuntimeError):
    """The package or the weights of an encoder are not here; the message says what to do."""


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread: the small graphs of a few atoms are many times slower on several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def padded(rows: list[Tensor], crystals: Crystals) -> Tensor:
    """Features of each structure's real atoms (n, width), set into (B, N, width) with zeros."""
    out = torch.zeros(*crystals.mask.shape, rows[0].shape[-1])
    out[crystals.mask.cpu()] = torch.cat(rows).float().cpu()
    return out.to(crystals.frac.device)


class ChgnetEncoder:
    """Features of CHGNet's last but one layer, those that its magnetic moments are read from.

    The network is frozen: in eval mode, and its weights take no gradient. About 10 ms a structure
    of five atoms on one core, with the graph of its neighbours. Raises CHGNet's ValueError when an
    atom has no neighbour within 6 Å.
    Source: Deng et al., Nature Machine Intelligence 5, 1031 (2023).
    """

    def __init__(self, net: Any, batch: int = 32) -> None:
        self.net = net.eval().requires_grad_(False)
        self.width: int = net.atom_fea_dim
        self.batch = batch

    def encode(self, crystals: Crystals) -> Tensor:
        structures = [to_pymatgen(c) for c in unpack(crystals)]
        device = next(self.net.parameters()).device
        rows: list[Tensor] = []
        with one_thread(), torch.no_grad():
            for i in range(0, len(structures), self.batch):
                graphs = [self.net.graph_converter(s) for s in structures[i : i + self.batch]]
                for graph in graphs:  # made for forces, which nobody asks for here
                    graph.atom_frac_coord.requires_grad_(False)
                    graph.lattice.requires_grad_(False)
                graphs = [graph.to(device) for graph in graphs]
                # `forward`, unlike `predict_graph`, leaves the mode of the network as it is.
                rows += self.net.forward(graphs, task="e", return_atom_feas=True)["atom_fea"]
        return padded(rows, crystals)


def load_chgnet(device: torch.device | str = "cpu") -> ChgnetEncoder:
    """CHGNet 0.3.0 as an encoder, with the weights of its package; nothing is downloaded.

    Raises EncoderUnavailable when the package is not installed.
    """
    with redirect_stdout(io.StringIO()):  # it announces itself
        net = _chgnet().load(verbose=False, use_device=str(device))
    return ChgnetEncoder(net)


def random_chgnet(seed: int = 0) -> ChgnetEncoder:
    """CHGNet's architecture with random weights: graphs, distances and angles, and no chemistry.

    Raises EncoderUnavailable when the package is not installed.
    """
    chgnet = _chgnet()
    with redirect_stdout(io.StringIO()), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = chgnet(**chgnet.load(verbose=False, use_device="cpu").model_args)
    return ChgnetEncoder(net)


def _chgnet() -> Any:
    """The class CHGNet. One of its dependencies has an invalid escape in a string, of which Python
    3.12 warns once, when it compiles that file; this warning alone is silenced."""
    with warnings.catch_warnings():
        for kind in (SyntaxWarning, DeprecationWarning):
            warnings.filterwarnings("ignore", "invalid escape sequence", kind)
        try:
            from chgnet.model import CHGNet
        except ModuleNotFoundError as error:
            raise EncoderUnavailable(
                f"CHGNet is not installed ({error}): pip install chgnet, and run this again"
            ) from error
    return CHGNet


class MaceEncoder:
    """Invariant features of a MACE model, from its ASE calculator; frozen, in eval mode.

    `width` is known after the first structure, so one is encoded at the start: a silicon cell.
    Source: Batatia et al., NeurIPS 2022 and arXiv 2401.00096.
    """

    def __init__(self, calculator: Any) -> None:
        self.calculator = calculator
        for net in calculator.models:
            net.eval().requires_grad_(False)
        eye, frac = 5.43 * torch.eye(3)[None], torch.zeros(1, 1, 3)
        probe = Crystals(eye, frac, torch.full((1, 1), 14), torch.ones(1, 1, dtype=torch.bool))
        self.width: int = self.encode(probe).shape[-1]

    def encode(self, crystals: Crystals) -> Tensor:
        with one_thread():
            rows = [
                torch.as_tensor(self.calculator.get_descriptors(to_ase(c), invariants_only=True))
                for c in unpack(crystals)
            ]
        return padded(rows, crystals)


def load_mace(model: str = "small", device: torch.device | str = "cpu") -> MaceEncoder:
    """A MACE foundation model as an encoder: "small", "medium", another name that mace-torch
    knows, or the path of a model file. The first use of a name downloads its weights.

    Raises EncoderUnavailable, in words, when mace-torch is not installed or the weights cannot be
    had; the course then goes on with CHGNet.
    """
    try:
        mace_mp = importlib.import_module(MACE).mace_mp
    except ModuleNotFoundError as error:
        raise EncoderUnavailable(
            f"MACE is not installed ({error}). To use it: pip install mace-torch, in an "
            "environment of its own if e3nn is needed in a newer version. CHGNet does the same work"
        ) from error
    try:
        with redirect_stdout(io.StringIO()):
            calculator = mace_mp(model=model, device=str(device), default_dtype="float32")
    except (OSError, RuntimeError) as error:  # no network, a broken download, an absent file
        raise EncoderUnavailable(
            f"the weights of MACE {model!r} could not be had ({error}). Is there a network? A "
            "model file that is here already can be named by its path. CHGNet does the same work"
        ) from error
    return MaceEncoder(calculator)


class ElementEncoder:
    """One random row for each element, the same in every crystal: composition and nothing else."""

    def __init__(self, width: int = 64, seed: int = 0) -> None:
        self.width = width
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.empty(119, width).normal_(generator=generator)
        self.table[0] = 0.0  # padding

    def encode(self, crystals: Crystals) -> Tensor:
        return self.table.to(crystals.frac.device)[crystals.species]
