"""Balls and sticks as a picture: every pixel looks along its own ray, so that what is in front
hides what is behind, whatever crosses what.

The viewer looks down the z axis from far away (no perspective); x runs right, y up, lengths in Å.
"""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

LIGHT = np.array([-0.42, 0.55, 0.72]) / np.linalg.norm([-0.42, 0.55, 0.72])
HALFWAY = (LIGHT + [0, 0, 1]) / np.linalg.norm(LIGHT + [0, 0, 1])  # where highlights sit
HAZE = 0.34  # how far the most distant things fade into the paper


class Balls(NamedTuple):
    """n balls: centres (n, 3), radii (n,), colours (n, 3) in [0, 1], opacity (n,) in (0, 1]."""

    centre: np.ndarray
    radius: np.ndarray
    colour: np.ndarray
    opacity: np.ndarray


class Sticks(NamedTuple):
    """n sticks between the points start and end (n, 3), with radii (n,) and colours (n, 3)."""

    start: np.ndarray
    end: np.ndarray
    radius: np.ndarray
    colour: np.ndarray


class Canvas:
    """Colours (h, w, 3), coverage (h, w) and the height of what is seen (h, w), in Å.

    `window` is (left, right, bottom, top) in Å, `pixels` the number along the longer side,
    `depth` the lowest and highest z, between which things fade.
    """

    def __init__(
        self, window: tuple[float, float, float, float], pixels: int, depth: tuple[float, float]
    ) -> None:
        left, right, bottom, top = window
        self.step = max(right - left, top - bottom) / pixels
        shape = max(1, round((top - bottom) / self.step)), max(1, round((right - left) / self.step))
        self.x = left + (np.arange(shape[1]) + 0.5) * self.step
        self.y = top - (np.arange(shape[0]) + 0.5) * self.step
        self.colour, self.cover = np.ones((*shape, 3)), np.zeros(shape)
        self.height = np.full(shape, -np.inf)
        self.depth = depth

    def part(self, low: np.ndarray, high: np.ndarray) -> tuple[slice, slice]:
        """The rows and columns whose pixels lie between two corners (x, y)."""
        columns = slice(*np.searchsorted(self.x, [low[0], high[0]]))
        rows = slice(*np.searchsorted(-self.y, [-high[1], -low[1]]))
        return rows, columns

    def lay(
        self,
        part: tuple[slice, slice],
        z: np.ndarray,
        normal: np.ndarray,
        colour: np.ndarray,
        opacity: float = 1.0,
    ) -> None:
        """Paint what stands at height z (nan: nothing) with these normals (…, 3), where it is in
        front."""
        seen = z > self.height[part]  # nan compares as False
        if not seen.any():
            return
        far = np.clip((self.depth[1] - z) / max(self.depth[1] - self.depth[0], 1e-9), 0, 1)
        paint = 1 + (lit(normal, colour) - 1) * (1 - HAZE * far[..., None])
        at = seen[..., None] * opacity
        self.colour[part] = np.where(seen[..., None], 0, self.colour[part]) + np.where(
            seen[..., None], paint * at + self.colour[part] * (1 - at), 0
        )
        self.cover[part] = np.where(
            seen, opacity + self.cover[part] * (1 - opacity), self.cover[part]
        )
        if opacity >= 1:
            self.height[part] = np.where(seen, z, self.height[part])


def lit(normal: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The colour of a smooth surface with these unit normals (…, 3), in soft light."""
    toward = np.clip(0.5 + 0.5 * normal @ LIGHT, 0, 1)
    rim = np.clip(normal[..., 2] / 0.45, 0, 1)
    shade = (0.30 + 0.80 * toward**1.5) * (0.58 + 0.42 * rim * (2 - rim))
    shine = 0.45 * np.clip(normal @ HALFWAY, 0, 1) ** 36
    return np.clip(shade[..., None] * colour + shine[..., None], 0, 1)


def lay_ball(
    canvas: Canvas, centre: np.ndarray, radius: float, colour: np.ndarray, opacity: float
) -> None:
    """Paint one ball."""
    part = canvas.part(centre[:2] - radius, centre[:2] + radius)
    x, y = canvas.x[part[1]][None] - centre[0], canvas.y[part[0]][:, None] - centre[1]
    z2 = radius**2 - x**2 - y**2
    z = np.sqrt(np.where(z2 > 0, z2, np.nan))
    parts = np.broadcast_arrays(x, y, np.nan_to_num(z))
    canvas.lay(part, centre[2] + z, np.stack(parts, -1) / radius, colour, opacity)


def lay_stick(
    canvas: Canvas, start: np.ndarray, end: np.ndarray, radius: float, colour: np.ndarray
) -> None:
    """Paint one stick without caps; one that points at the viewer shows nothing."""
    length = float(np.linalg.norm(end - start))
    if length < 1e-9:
        return
    u = (end - start) / length
    a = 1 - u[2] ** 2
    if a < 1e-6:
        return
    part = canvas.part(np.minimum(start, end)[:2] - radius, np.maximum(start, end)[:2] + radius)
    x, y = canvas.x[part[1]][None] - start[0], canvas.y[part[0]][:, None] - start[1]
    along = x * u[0] + y * u[1]
    # |w − (w·u)u| = radius, solved for the height of w = (x, y, z) above the start.
    b, c = -along * u[2], x**2 + y**2 - along**2 - radius**2
    inside = b**2 - a * c
    z = (np.sqrt(np.where(inside > 0, inside, np.nan)) - b) / a
    t = along + z * u[2]
    z = np.where((t >= 0) & (t <= length), z, np.nan)
    point = np.stack([*np.broadcast_arrays(x, y), np.nan_to_num(z)], -1)
    normal = (point - np.nan_to_num(t)[..., None] * u) / radius
    canvas.lay(part, start[2] + z, normal, colour)


def raster(
    balls: Balls,
    sticks: Sticks,
    window: tuple[float, float, float, float],
    *,
    pixels: int = 480,
    smooth: int = 2,
) -> np.ndarray:
    """The picture (h, w, 4), red to opacity as bytes, of `window` = (left, right, bottom, top).

    The longer side has `pixels`; each is the mean of smooth² rays. Balls that are not opaque are
    laid over the rest from back to front.
    Raises ValueError when the window is empty or the numbers are not finite.
    """
    left, right, bottom, top = window
    if not (right > left and top > bottom):
        raise ValueError(f"the window {window} is empty: need left < right and bottom < top")
    heights = np.concatenate([balls.centre[:, 2], sticks.start[:, 2], sticks.end[:, 2], [0.0]])
    if not all(np.isfinite(part).all() for part in (*balls, *sticks)):
        raise ValueError("balls and sticks need finite numbers, got nan or infinity")
    canvas = Canvas(window, pixels * smooth, (float(heights.min()), float(heights.max())))
    for stick in zip(*sticks, strict=True):
        lay_stick(canvas, *stick)
    order = np.lexsort((balls.centre[:, 2], balls.opacity < 1))  # solid first, then back to front
    for k in order:
        lay_ball(canvas, *(part[k] for part in balls))
    h, w = (size // smooth * smooth for size in canvas.cover.shape)
    rgba = np.concatenate([canvas.colour, canvas.cover[..., None]], -1)[:h, :w]
    rgba[..., :3] *= rgba[..., 3:]  # edges: colours count as much as they cover
    rgba = rgba.reshape(h // smooth, smooth, w // smooth, smooth, 4).mean((1, 3))
    rgba[..., :3] /= np.maximum(rgba[..., 3:], 1e-9)
    return (np.clip(rgba, 0, 1) * 255).round().astype(np.uint8)


def draw_scene(
    ax: Axes,
    balls: Balls,
    sticks: Sticks,
    window: tuple[float, float, float, float],
    pixels: int,
) -> None:
    """Put the picture of `window` into `ax`, without frame; axes count Å. Errors: see `raster`."""
    picture = raster(balls, sticks, window, pixels=pixels)
    ax.imshow(picture, extent=window, interpolation="antialiased")
    ax.set(xlim=window[:2], ylim=window[2:], aspect="equal")
    ax.set_axis_off()
