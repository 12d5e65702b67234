"""The pocket models of chapter 08: trains the committed weights, or compares short trainings.

    python -m benchmarks.diffsbdd                       both networks, into helpers/weights
    python -m benchmarks.diffsbdd --only joint
    python -m benchmarks.diffsbdd --compare --seeds 3   symmetry and Lennard-Jones, prints a table
    python -m benchmarks.diffsbdd --full                a GPU: the large recipe, into this folder

2000 made complexes from seed 0; tests are on 100 others, from seed 1, whose molecules the training
did not see. One thread, CPU seconds. Settings were chosen on other seeds and fewer complexes.
--full has 6000; a stopped run goes on from its file. `benchmarks.full` says how several processes
share it.
"""

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.full import add_full, announce, shortened
from helpers.disk import save_whole
from helpers.evaluate.molecules import judge
from helpers.evaluate.pockets import fit_of, placed_at_random, shuffled
from helpers.learn import Trained
from helpers.learn.parallel import join
from helpers.matter.complexes import Complexes, complexes
from helpers.matter.graphs import Graphs
from helpers.matter.molecules import molecules
from helpers.models.diffsbdd import PocketDenoiser
from helpers.models.pocket_sampling import draw, draw_jointly
from helpers.models.pocket_training import CONDITIONAL, FULL, JOINT, WEIGHTS, Recipe, train_pocket


def data(n: int) -> tuple[Complexes, Complexes]:
    """n complexes to learn from, and 100 whose molecules are not among them."""
    training, more = complexes(n, seed=0), complexes(200, seed=1)
    seen = set(training.smiles)
    new = [k for k, smiles in enumerate(more.smiles) if smiles not in seen][:100]
    return training, more.take(torch.tensor(new))


def line(name: str, ligand: Graphs, pocket: Graphs, known: list[str]) -> str:
    """One row of the table, in percent."""
    fit, found = fit_of(ligand, pocket), judge(molecules(ligand), known)
    shares = [*fit, found.valid, found.connected]
    words = "".join(f"{100 * s.value:6.0f} ±{100 * s.error:3.0f}" for s in shares)
    scores = (found.unique, found.novel.value, found.qed.value, found.sa.value)
    return f"{name:24s}{words}   " + " ".join(f"{value:5.2f}" for value in scores)


HEAD = (
    f"{'':24s}{'donors':>8s}{'accept.':>10s}{'hydroph.':>10s}{'clashing':>10s}{'clear':>9s}"
    f"{'valid':>10s}{'connected':>11s}  unique novel  QED   SA"
)


def write(network: nn.Module, path: Path) -> dict[str, Tensor]:
    """Keep the weights in a file, in half precision, and return them."""
    half = {key: value.half() for key, value in network.state_dict().items()}
    save_whole(half, path)
    return half


def save(name: str, recipe: Recipe, training: Complexes) -> PocketDenoiser:
    """Train one network and write its weights, in half precision."""
    torch.manual_seed(recipe.seed)
    start = PocketDenoiser(joint=name == "joint", hidden=recipe.hidden, layers=recipe.layers)
    done = train_pocket(start, training.ligand, training.pocket, recipe)
    WEIGHTS.mkdir(exist_ok=True)
    half = write(done.model, WEIGHTS / f"diffsbdd_{name}.pt")
    print(
        f"{name}: {done.seconds:.0f} CPU seconds, loss {done.losses[-100:].mean():.3f}", flush=True
    )
    for key, value in half.items():
        done.model.state_dict()[key].copy_(value.float())
    return done.model  # type: ignore[return-value]


def rows(name: str, network: PocketDenoiser, test: Complexes, known: list[str]) -> None:
    """Prints what the network does beside the data and three controls."""
    g = torch.Generator().manual_seed(7)
    ligand, pocket = test.ligand, test.pocket
    start = time.process_time()
    if network.joint:
        drawn = draw_jointly(network, pocket, ligand.sizes, g, n_steps=50, resample=4).ligand
    else:
        drawn = draw(network, pocket, ligand.sizes, g, n_steps=50).ligand
    spent = time.process_time() - start
    print(line(name, drawn, pocket, known), f"{spent:5.1f} s", flush=True)
    if not network.joint:
        print(line("  in others' pockets", shuffled(drawn, g), pocket, known))
        print(
            line("  placed at random", placed_at_random(drawn, pocket, generator=g), pocket, known)
        )
        alone = draw(network, pocket, ligand.sizes, g, n_steps=50, known=False).ligand
        print(line("  not told of pockets", alone, pocket, known), flush=True)


def compare(training: Complexes, test: Complexes, seeds: int, n_steps: int) -> None:
    """Short trainings with and without symmetry and the Lennard-Jones term."""
    for seed in range(10, 10 + seeds):
        for name, look_alike, lj in (
            ("equivariant", False, 0.0),
            ("look-alike", True, 0.0),
            ("LJ 0.001", False, 1e-3),
            ("LJ 0.03", False, 3e-2),
        ):
            torch.manual_seed(seed)
            network = PocketDenoiser(look_alike=look_alike)
            recipe = Recipe(n_steps, batch=32, seed=seed)
            done = train_pocket(network, training.ligand, training.pocket, recipe, lj=lj)
            g = torch.Generator().manual_seed(seed)
            drawn = draw(done.model, test.pocket, test.ligand.sizes, g, n_steps=50).ligand  # type: ignore[arg-type]
            print(line(f"{name}, seed {seed}", drawn, test.pocket, training.smiles), flush=True)


def full(names: list[str], updates: int | None) -> None:
    """The large recipe, for each of these networks; weights go to the working folder. With
    `updates` a trial on 64 complexes."""
    team, recipe = join(), shortened(FULL, updates)

    def ready() -> tuple[Complexes, Complexes]:
        announce(recipe, team, updates)
        training, test = data(recipe.n_complexes if updates is None else 64)
        return training, test if updates is None else test.take(torch.arange(8))

    training, test = team.first(ready)
    ligand, pocket = (
        Graphs(*(column.to(team.device) for column in part))
        for part in (training.ligand, training.pocket)
    )
    for name in names:
        torch.manual_seed(recipe.seed)
        network = PocketDenoiser(joint=name == "joint", hidden=recipe.hidden, layers=recipe.layers)
        kept = f"pocket-{name}.pt" if updates is None else None
        done = train_pocket(network.to(team.device), ligand, pocket, recipe, resume=kept)

        def finish(name: str = name, done: Trained = done) -> None:
            network = done.model.cpu()
            assert isinstance(network, PocketDenoiser)
            print(f"{name}: {done.seconds:.0f} CPU s, loss {done.losses[-100:].mean():.3f}")
            if updates is None:
                write(network, Path(f"diffsbdd_{name}_full.pt"))
            print(HEAD)
            rows(name, network, test, training.smiles)

        team.first(finish)


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("conditional", "joint"))
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--seeds", type=int, default=2)
    add_full(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.full:
        names = ["conditional", "joint"] if options.only is None else [options.only]
        return full(names, options.updates)
    training, test = data(CONDITIONAL.n_complexes)
    print(HEAD)
    print(line("data", test.ligand, test.pocket, training.smiles))
    if options.compare:
        compare(training, test, options.seeds, options.updates or 300)
        return
    for name, recipe in (("conditional", CONDITIONAL), ("joint", JOINT)):
        if options.only in (None, name):
            rows(name, save(name, recipe, training), test, training.smiles)


if __name__ == "__main__":
    main()
