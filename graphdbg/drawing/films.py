"""The walk as pictures: one file a step, or all of them as an animated gif."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import lazy
from ..errors import DrawingError
from ..files import writing
from .pictures import Studio

PAUSE, LAST_PAUSE = 1100, 3500  # milliseconds that a step is shown: time to read a sentence
MOST_FRAMES = 2_000  # of a gif; beyond, nobody looks to the end
COLOURS = 64  # of a gif; letters keep their soft edges
NO_PILLOW = (
    "an animated gif needs pillow: pip install 'graphdbg[pictures]'; "
    "--frames DIR writes one picture a step without it"
)
Told = Callable[[int, int], None]  # how many frames are done, of how many


def silent(done: int, count: int) -> None:
    """Tell nobody how far it is."""


def write_frames(
    studio: Studio, folder: Path, form: str, told: Told = silent, read: Sequence[str] = ()
) -> list[Path]:
    """The files of the walk's pictures, `step-00.svg` and so on, in `folder`, made if missing.

    Raises FileError where the folder cannot be written to or a picture would lie over a file of
    `read`, and what `Studio.picture` raises.
    """
    end = studio.moments.session.end
    digits = len(str(end))
    names = [f"step-{at:0{digits}}.{form}" for at in range(end + 1)]
    writing.ready_folder(folder, read, names)
    writing.make_folder(folder)
    paths = []
    for at, data in enumerate(studio.frames(form)):
        path = folder / names[at]
        writing.write(path, data)
        paths.append(path)
        told(at + 1, end + 1)
    return paths


def gif(studio: Studio, told: Told = silent) -> bytes:
    """The walk as an animated gif, which begins again at its end.

    Raises DrawingError where pillow is missing, or there are more than `MOST_FRAMES` steps.
    """
    if not lazy.is_installed("PIL"):
        raise DrawingError(NO_PILLOW)
    end = studio.moments.session.end
    if end >= MOST_FRAMES:
        raise DrawingError(
            f"the walk has {end + 1:,} steps, a gif at most {MOST_FRAMES:,}: "
            "--frames DIR writes them one by one, -o FILE.html steps through all"
        )
    image = lazy.pillow()
    frames = []
    for at, data in enumerate(studio.frames("png")):
        frame = image.open(io.BytesIO(data)).convert("RGB")
        frames.append(frame.quantize(COLOURS, dither=image.Dither.NONE))
        told(at + 1, end + 1)
    out = io.BytesIO()
    pauses = [PAUSE] * (len(frames) - 1) + [LAST_PAUSE]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=pauses, loop=0)
    return out.getvalue()
