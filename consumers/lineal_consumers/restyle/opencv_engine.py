"""The engine without models: boxes and colours by OpenCV, filled from what is around."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal_consumers.restyle.colours import colour_mask, named_colour_mask, rgb_of, to_lab
from lineal_consumers.restyle.engine import CannotRestyle, RestyleEngine
from lineal_schemas.restyling import Box, Fill, MaskPrompt

if TYPE_CHECKING:
    from lineal_consumers.restyle.engine import Image, Mask

_ROUNDS = 5
_CUT_PIXELS = 1_000_000
"""An object is told from what is around it on at most so many; more are no better."""
_RADIUS = 5.0
_MAX_SHARE = 0.9
"""Of an image that may be filled from what is around it."""


class OpencvEngine(RestyleEngine):
    """An object in a box by GrabCut (Rother, Kolmogorov and Blake 2004), a colour by its distance
    in CIE L*a*b*, or by its name; filled by inpainting, in another colour, or blurred."""

    def find(self, image: Image, prompt: MaskPrompt) -> Mask:
        import cv2
        import numpy as np

        mask = np.ones(image.shape[:2], np.bool_)
        if prompt.box is not None:
            box = _clipped(prompt.box, image)
            mask[:] = False
            mask[box.y : box.y + box.height, box.x : box.x + box.width] = True
        if prompt.colour is not None:
            mask &= colour_mask(image, prompt.colour, prompt.tolerance)
        elif prompt.words is not None:
            mask &= named_colour_mask(image, prompt.words)
        elif not prompt.entire_box:
            assert prompt.box is not None
            mask = _cut_out(image, _clipped(prompt.box, image))
        if not mask.any():
            raise CannotRestyle("nothing was found there: name another box, colour or tolerance")
        if prompt.grow and not prompt.entire_box:
            size = 2 * prompt.grow + 1
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
            mask = cv2.dilate(mask.astype(np.uint8), kernel) > 0
        return mask

    def fill(self, image: Image, mask: Mask, fill: Fill) -> Image:
        import cv2
        import numpy as np

        if fill.kind == "words":
            raise CannotRestyle(
                "this engine does not draw: fill by remove, colour or blur, or ask for the engine "
                "diffusers"
            )
        if fill.kind == "colour":
            assert fill.colour is not None
            made = _coloured(image, mask, fill.colour)
        elif fill.kind == "blur":
            side = max(image.shape[:2]) / 40
            made = np.asarray(cv2.GaussianBlur(image, (0, 0), max(side, 1.0)), np.uint8)
        else:
            if mask.mean() > _MAX_SHARE:
                raise CannotRestyle(
                    f"{mask.mean():.0%} of the image is meant: too little is left to fill it from"
                )
            method = cv2.INPAINT_TELEA if fill.method == "telea" else cv2.INPAINT_NS
            made = np.asarray(
                cv2.inpaint(image, mask.astype(np.uint8) * 255, _RADIUS, method), np.uint8
            )
        return np.where(mask[:, :, None], made, image)


def _clipped(box: Box, image: Image) -> Box:
    """The part of a box that is within an image.

    Raises:
        CannotRestyle: none is.
    """
    rows, columns = image.shape[:2]
    if box.x >= columns or box.y >= rows:
        raise CannotRestyle(f"the box begins outside of the image, {columns} by {rows} pixels")
    width, height = min(box.width, columns - box.x), min(box.height, rows - box.y)
    return Box(x=box.x, y=box.y, width=width, height=height)


def _cut_out(image: Image, box: Box) -> Mask:
    """The object in a box."""
    import cv2
    import numpy as np

    rows, columns = image.shape[:2]
    if box.width * box.height >= rows * columns:
        raise CannotRestyle("the box is the whole image: leave a margin, or say entire_box")
    scale = min(1.0, (_CUT_PIXELS / (rows * columns)) ** 0.5)
    size = max(2, round(columns * scale)), max(2, round(rows * scale))
    small = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    across, down = size[0] / columns, size[1] / rows
    x, y = int(box.x * across), int(box.y * down)
    rectangle = (x, y, max(1, min(round(box.width * across), size[0] - x)),
                 max(1, min(round(box.height * down), size[1] - y)))  # fmt: skip
    marks = np.zeros(small.shape[:2], np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    # GrabCut draws its first clusters: the same image is to give the same mask.
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(
            np.ascontiguousarray(small[:, :, ::-1]), marks, rectangle, *models, _ROUNDS,
            cv2.GC_INIT_WITH_RECT,
        )  # fmt: skip
    except cv2.error as error:
        raise CannotRestyle("the object cannot be told from what is around it") from error
    found = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    if scale < 1.0:
        large = cv2.resize(found.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST)
        found = large > 0
    return np.asarray(found, np.bool_)


def _coloured(image: Image, mask: Mask, colour: str) -> Image:
    """What is meant in another colour: its own light and shade about the lightness of the new
    one."""
    import cv2
    import numpy as np

    lab = to_lab(image)
    wanted = to_lab(np.array([[rgb_of(colour)]], np.uint8))[0, 0]
    light = lab[:, :, 0]
    lab[:, :, 0] = np.clip(light - light[mask].mean() + wanted[0], 0, 100)
    lab[:, :, 1:] = wanted[1:]
    made = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.clip(np.rint(made * 255), 0, 255).astype(np.uint8)
