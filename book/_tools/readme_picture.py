"""Draw the picture on top of the README: from any start, noise leads to one and the same law.

python book/_tools/readme_picture.py    writes book/_static/readme.png
"""

import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from PIL import Image

from helpers.noise import OrnsteinUhlenbeck
from helpers.sample import simulate
from helpers.show import COLORS

TARGET = Path(__file__).parents[1] / "_static" / "readme.png"


def main() -> None:
    torch.set_num_threads(1)
    process = OrnsteinUhlenbeck(theta=1.0, sigma=1.0)
    generator = torch.Generator().manual_seed(3)
    halves = torch.randn(4000, 1, generator=generator)
    start = torch.cat([2.2 + 0.16 * halves[:2000], -1.5 + 0.3 * halves[2000:]])
    run = simulate(process.sde(), start, 0.005, 700, keep=2, generator=generator)
    times, x = run.times, run.states[..., 0]

    fig, (data, paths, noise) = plt.subplots(
        1, 3, sharey=True, figsize=(11, 4), width_ratios=(1, 5, 1), dpi=110
    )
    paths.plot(times, x[:, ::40], "-", color=COLORS["data"], lw=0.7, alpha=0.55)
    paths.set(xlim=(0, 3.5), ylim=(-3, 3), xlabel="time", title="dx = −θ x dt + σ dW")
    for ax, values, color in ((data, x[0], "model"), (noise, x[-1], "noise")):
        ax.hist(
            values.numpy(),
            60,
            range=(-3, 3),
            density=True,
            orientation="horizontal",
            color=COLORS[color],
            alpha=0.75,
        )
        ax.set(xticks=[])
        ax.grid(False)
    grid = torch.linspace(-3, 3, 300)
    noise.plot(process.density(grid, 0.0, math.inf), grid, "-", color=COLORS["exact"])
    data.invert_xaxis()
    data.set(title="data", ylabel="position x")
    noise.set_title("noise")
    fig.savefig(TARGET, metadata={"Software": None})
    plt.close(fig)
    # A hundred colours are enough for three, and a third of the bytes.
    Image.open(TARGET).convert("RGB").quantize(100).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
