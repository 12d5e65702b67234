"""A joint generator of crystals on one core: its weights, its hull, and what was measured with it.

    python -m benchmarks.mattergen --hull       energies of 277 small crystals, 2 CPU minutes
    python -m benchmarks.mattergen --train      helpers/weights/mattergen.pt, 4 to 5 CPU minutes
    python -m benchmarks.mattergen --measure    S.U.N., corrector, guidance, time conditioning
    python -m benchmarks.mattergen --full       a GPU: the large recipe on the published split

Trained on the elements and binary prototypes that ASE and pymatgen carry and on the published
validation split of Perov-5 (3787 perovskites), half of all draws each. Settings were chosen on
seeds from 100 on; what is printed uses seeds 0, 1 and 2. CPU seconds, one thread.
`benchmarks.full` says how several processes share --full.
"""

import argparse
import os
import time
import warnings
from itertools import product

import torch
from torch import Tensor

from benchmarks.full import add_full, announce, shortened
from helpers.evaluate.hull import Phase, load_hull, save_hull, shares_of
from helpers.evaluate.relax import Potential, chgnet, relax, relax_each
from helpers.evaluate.sun import Library, judge, random_crystals, unique, validity
from helpers.learn.parallel import join
from helpers.matter import Crystals, load_perov5, take, unpack
from helpers.matter.library import small_crystals
from helpers.matter.symmetry import space_groups
from helpers.models.conditions import Condition, chemical_system
from helpers.models.mattergen import MatterGen, generate
from helpers.models.mattergen_data import TrainingSet, training_set
from helpers.models.mattergen_training import ADAPT, FAST, FULL, Recipe, train_mattergen
from helpers.models.mattergen_weights import WEIGHTS, Kept, load_mattergen, save_mattergen

SEEDS = (0, 1, 2)


def everything() -> TrainingSet:
    """The training set of the committed weights."""
    return training_set([one.crystal for one in small_crystals()], load_perov5("val"))


def build_hull(potential: Potential, n_steps: int = 8) -> list[Phase]:
    """The lowest energy of each composition among the small crystals, relaxed."""
    small = small_crystals()
    best: dict[str, Phase] = {}
    for lo in range(0, len(small), 40):
        part = small[lo : lo + 40]
        done = relax_each([one.crystal for one in part], potential, n_steps)
        for one, energy in zip(part, done.energy.tolist(), strict=True):
            shares = shares_of(one.crystal.species.tolist())
            key = str(sorted(shares.items()))
            if key not in best or energy < best[key].energy:
                best[key] = Phase(shares, energy, one.name)
    return sorted(best.values(), key=lambda phase: phase.name)


def make(data: TrainingSet, seed: int = 0, base: Recipe = FAST, adapt: Recipe = ADAPT) -> Kept:
    """The recipe of the committed weights: a base, then adapters on the frozen base."""
    first = train_mattergen(data.crystals, base, odds=data.odds, seed=seed)
    assert isinstance(first.model, MatterGen)
    second = train_mattergen(
        data.crystals, adapt, odds=data.odds, cond=data.cond, base=first.model, seed=seed
    )
    assert isinstance(second.model, MatterGen)
    for name, trained in (("base", first), ("adapters", second)):
        tenths = trained.losses[: len(trained.losses) // 10 * 10].view(10, -1).mean(1)
        curve = " ".join(f"{x:.2f}" for x in tenths.tolist())
        print(f"{name}: {trained.seconds:.0f} CPU s, loss {curve}", flush=True)
    note = f"seed {seed}, {base.n_steps} + {adapt.n_steps} updates of {base.batch}"
    return Kept(second.model, data.mean, data.std, note)


def report(name: str, crystals: Crystals, known: Library | None, judges: tuple) -> None:
    """One row: the five shares, the space groups that are not P1, and CPU seconds."""
    start = time.process_time()
    phases, potential = judges
    found = judge(crystals, known, phases, potential)
    symmetric = float((found.groups > 2).double().mean())
    shares = "  ".join(
        f"{key} {100 * e.value:4.0f} ± {100 * e.error:.0f}"
        for key, e in zip(("valid", "unique", "novel", "stable", "SUN"), found[:5], strict=True)
    )
    above = found.above[found.above.isfinite()]
    middle = float(above.median()) if len(above) else float("nan")
    seconds = time.process_time() - start
    print(f"{name:34} {shares}  above hull {middle:5.2f} eV  symmetric {100 * symmetric:3.0f} %"
          f"  {seconds:.0f} s", flush=True)  # fmt: skip


def measure_sun(model: MatterGen, data: TrainingSet, n: int) -> None:
    """S.U.N. of the generator, with and without corrector at equal calls, and of both controls."""
    judges = (load_hull(), chgnet())
    known = Library(unpack(data.crystals))
    for seed in SEEDS:
        g = torch.Generator().manual_seed(seed)
        rows = torch.multinomial(data.odds, n, True, generator=g)
        like = take(data.crystals, rows)
        sizes = like.mask.sum(-1)
        report(f"seed {seed}: training set", like, None, judges)
        report(f"seed {seed}: random", random_crystals(like, g), known, judges)
        for steps, corrections in ((100, 0), (50, 1)):
            made = generate(model, sizes, steps, corrections=corrections, generator=g)
            report(f"seed {seed}: {steps} steps, {corrections} corrections", made, known, judges)


def validity_at_equal_calls(model: MatterGen, data: TrainingSet, n: int = 64) -> None:
    """Valid, spaced and symmetric shares for as many network calls, with and without corrector."""
    for calls in (20, 50, 100):
        for corrections, snr in ((0, (0.4, 0.2)), (1, (0.4, 0.2)), (1, (0.2, 0.1))):
            values = []
            for seed in SEEDS:
                g = torch.Generator().manual_seed(seed)
                sizes, steps = data.sizes(n, g), calls // (corrections + 1)
                made = generate(model, sizes, steps, corrections=corrections, snr=snr, generator=g)
                flags = (validity(made).all, space_groups(made, 0.2) > 2)
                values.append([float(flag.double().mean()) for flag in flags])
            row = torch.tensor(values)
            print(f"{calls:4} calls, {corrections} corrections, snr {snr}: valid "
                  f"{spread(row[:, 0])}, symmetric {spread(row[:, 1])}", flush=True)  # fmt: skip


def spread(values: Tensor) -> str:
    """Mean over seeds and the standard error, in percent."""
    return f"{100 * values.mean():.0f} ± {100 * values.std() / len(values) ** 0.5:.0f} %"


def targets(data: TrainingSet, n: int, g: torch.Generator) -> dict[str, Condition]:
    """What to ask for: the chemical systems of n training perovskites, P m -3 m, a low heat."""
    perov = (data.crystals.mask.sum(-1) == 5) & ~data.cond["scalar"].isnan()
    rows = perov.nonzero().flatten()
    rows = rows[torch.randint(len(rows), (n,), generator=g)]
    return {
        "chemical_system": {"chemical_system": data.cond["chemical_system"][rows]},
        "space_group": {"space_group": torch.full((n,), 221)},
        "scalar": {"scalar": torch.full((n,), -1.0)},
    }


def heat_of(data: TrainingSet, made: Crystals) -> Tensor:
    """A rule for the standardised heat of formation from counts of elements alone, (M,).

    Ridge regression on the training perovskites; it explains some 40 % of the variance, so that
    its means say more than its single values.
    """
    known = ~data.cond["scalar"].isnan()
    x, y = counts(data.crystals.species[known]), data.cond["scalar"][known].double()
    weights = torch.linalg.solve(x.T @ x + torch.eye(x.shape[1]).double(), x.T @ y)
    return counts(made.species) @ weights


def counts(species: Tensor) -> Tensor:
    """How often each element occurs, and a one, (M, 102)."""
    found = torch.nn.functional.one_hot(species, 102)[..., 1:].sum(-2).double()
    return torch.cat([found, torch.ones(len(found), 1).double()], 1)


def measure_guidance(model: MatterGen, data: TrainingSet, n: int = 64) -> None:
    """Hit rates and diversity against the guidance weight, seeds 0–2.

    Elements hit when they are exactly those asked for; "masked" forbids all others, which is an
    algorithm and needs no condition. Groups are those of valid structures after eight steps of
    CHGNet, within 0.2 Å, of half as many.
    """
    known = ~data.cond["scalar"].isnan()
    share = float((data.cond["space_group"][known] == 221).double().mean())
    print(f"training share of group 221 among perovskites: {100 * share:.0f} %")
    potential = chgnet()
    for name, w in product(("chemical_system", "masked", "scalar", "space_group"), (0, 1, 2, 4)):
        hits, kinds, fine, atoms = [], [], [], []
        for seed in SEEDS:
            g = torch.Generator().manual_seed(seed)
            m = n // 2 if name == "space_group" else n
            cond = targets(data, m, g)["chemical_system" if name == "masked" else name]
            allowed = cond["chemical_system"] > 0 if name == "masked" else None
            made = generate(
                model, [5] * m, 30, corrections=0, cond=cond, w=w, allowed=allowed, generator=g
            )
            good = validity(made).all
            fine.append(float(good.double().mean()))
            kinds.append(float(unique(unpack(take(made, good.nonzero().flatten()))).sum()) / m)
            if name == "space_group":
                done = relax(take(made, good.nonzero().flatten()), potential, 8)
                hits.append(float((space_groups(done.crystals, 0.2) == 221).sum()) / m)
            elif name == "scalar":
                hits.append(float(heat_of(data, made).mean()))
            else:
                asked = cond["chemical_system"]
                same = chemical_system(made.species) == asked
                atoms.append(float(asked.gather(1, made.species - 1).mean()))
                hits.append(float(same.all(-1).double().mean()))
        rows = [torch.tensor(v) for v in (hits, kinds, fine)]
        unit = "mean heat" if name == "scalar" else "hits"
        value = f"{rows[0].mean():.2f} ± {rows[0].std() / 3**0.5:.2f}"
        if atoms:
            value += f", atoms of the system {spread(torch.tensor(atoms))}"
        print(f"{name:16} w = {w}: {unit} {value}, valid and unique {spread(rows[1])}, valid "
              f"{spread(rows[2])}", flush=True)  # fmt: skip


def measure_time(data: TrainingSet, n_steps: int = 200) -> None:
    """Short trainings with and without the noise level, seed by seed."""
    for seed, told in product(SEEDS, (True, False)):
        recipe = FAST._replace(n_steps=n_steps)
        trained = train_mattergen(data.crystals, recipe, odds=data.odds, seed=seed, time=told)
        g = torch.Generator().manual_seed(100 + seed)
        made = generate(trained.model, data.sizes(64, g), 30, generator=g)  # type: ignore
        share = float(validity(made).all.double().mean())
        last = float(trained.losses[-n_steps // 5 :].mean())
        print(f"seed {seed}, told the time {told}: loss {last:.3f}, valid {100 * share:.0f} %",
              flush=True)  # fmt: skip


def full(updates: int | None, resume: str | None) -> None:
    """The large recipe on the published training split, into mattergen_full.pt; with `updates` a
    trial on the smaller training set of the committed weights."""
    team, recipe = join(), shortened(FULL, updates)

    def ready() -> TrainingSet:
        announce(recipe, team, updates)
        if updates is not None:
            return everything()
        return training_set([one.crystal for one in small_crystals()], load_perov5("train"))

    large = team.first(ready)
    kept = resume if updates is None else None
    trained = train_mattergen(
        large.crystals, recipe, odds=large.odds, device=team.device, checkpoint=kept
    )

    def finish() -> None:
        last = float(trained.losses[-recipe.n_steps // 10 :].mean())
        print(f"{trained.seconds:.0f} CPU s in this process, loss {last:.2f}")
        assert isinstance(trained.model, MatterGen)
        if updates is None:
            save_mattergen("mattergen_full.pt", Kept(trained.model, large.mean, large.std, "full"))

    team.first(finish)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_full(parser)
    for name in ("hull", "train", "sun", "corrector", "guidance", "time", "measure"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--structures", type=int, default=32, help="for each row of S.U.N.")
    parser.add_argument("--resume", help="a file from which --full goes on")
    ask = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["COURSE_STATIC"] = "1"
    warnings.filterwarnings("ignore")
    if ask.full:
        return full(ask.updates, ask.resume)
    if ask.hull:
        save_hull(build_hull(chgnet()))
    data = everything()
    if ask.train:
        save_mattergen(WEIGHTS, make(data))
    if not (ask.measure or ask.sun or ask.corrector or ask.guidance or ask.time):
        return
    kept = load_mattergen()
    print(kept.note)
    if ask.measure or ask.sun:
        measure_sun(kept.model, data, ask.structures)
    if ask.measure or ask.corrector:
        validity_at_equal_calls(kept.model, data)
    if ask.measure or ask.guidance:
        measure_guidance(kept.model, data)
    if ask.measure or ask.time:
        measure_time(data)


if __name__ == "__main__":
    main()
