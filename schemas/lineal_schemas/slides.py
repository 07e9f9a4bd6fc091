"""Payloads of slides: pyramidal images of billions of pixels, their tiles, and their scores.

A slide is cut into square tiles, counted from the top left by rows: tile ``n`` is in row
``n // columns`` and column ``n % columns``.
"""

from __future__ import annotations

from math import ceil, log2
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.parts import Part
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import Micros

SlideId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
SlideLabel = Literal["positive", "negative"]
SlideScore = Annotated[float, Field(ge=0, le=1)]
HEAT_MAP_TILE = 256
"""Pixels of each side of a file of a heat map."""
_HEAT_MAP_PER_TILE, _HEAT_MAP_SIDE = 16, 4096


class Slide(BaseModel):
    """A slide's file, and what is known of it."""

    model_config = ConfigDict(frozen=True)

    slide_id: SlideId
    content: ObjectRef
    patient: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Whose it is: slides of one patient are not independent of each other."""
    label: SlideLabel | None = None
    """What a person has found on it."""
    arrived_us: Micros


class TileGrid(BaseModel):
    """How a slide is cut."""

    model_config = ConfigDict(frozen=True)

    width: Annotated[int, Field(ge=1)]
    """Pixels at full resolution."""
    height: Annotated[int, Field(ge=1)]
    tile: Annotated[int, Field(ge=16)] = 512
    """Pixels of each side of a tile; those at the right and the bottom are filled up with white."""

    @property
    def columns(self) -> int:
        return -(-self.width // self.tile)

    @property
    def rows(self) -> int:
        return -(-self.height // self.tile)

    @property
    def heat_map_pixels(self) -> int:
        """Pixels of each side of a tile on the heat map at its largest."""
        return max(1, min(_HEAT_MAP_PER_TILE, _HEAT_MAP_SIDE // max(self.columns, self.rows)))

    @property
    def heat_map_size(self) -> tuple[int, int]:
        """Width and height of the heat map at its largest, in pixels."""
        return self.columns * self.heat_map_pixels, self.rows * self.heat_map_pixels

    @property
    def heat_map_max_zoom(self) -> int:
        """The largest zoom: at 0 one file shows the whole slide."""
        return max(0, ceil(log2(max(self.heat_map_size) / HEAT_MAP_TILE)))

    def origin(self, number: int) -> tuple[int, int]:
        """Pixels of a tile's top left corner from the slide's: x and y."""
        row, column = divmod(number, self.columns)
        return column * self.tile, row * self.tile


class TileScore(BaseModel):
    """A tile by its top left corner, in pixels at full resolution, and its score."""

    model_config = ConfigDict(frozen=True)

    x: Annotated[int, Field(ge=0)]
    y: Annotated[int, Field(ge=0)]
    score: SlideScore


class SlideEvent(Payload):
    """What all events of one slide have in common."""

    model_config = ConfigDict(protected_namespaces=())

    slide: Slide

    def partition_key(self) -> str:
        return self.slide.slide_id

    def correlation_key(self) -> str:
        return f"slide:{self.slide.slide_id}"


class SlideArrived(SlideEvent, type="slide.arrived", version=1):
    """A slide is there to be scored."""


class TilesRequested(Part, type="slide.tiles_requested", version=1):
    """Some tiles of a slide are to be scored."""

    group_id: str
    slide: Slide
    grid: TileGrid
    tiles: Annotated[tuple[int, ...], Field(min_length=1)]
    """Numbers of tiles that are not background by the small picture of the slide."""

    def partition_key(self) -> str:
        return f"{self.group_id}/{self.index}"

    def correlation_key(self) -> str:
        return f"slide:{self.slide.slide_id}"


class TilesScored(Part, type="slide.tiles_scored", version=1):
    """Some tiles of a slide were scored."""

    group_id: str
    slide: Slide
    grid: TileGrid
    shard: ObjectRef
    """NumPy arrays (npz): ``tiles``, numbers of tiles that are not background; ``scores`` of each
    from 0 to 1; ``features``, tiles × what the scorer says of each."""
    scored: Annotated[int, Field(ge=0)]
    background: Annotated[int, Field(ge=0)]
    """Tiles of the part that turned out to be background at full resolution."""
    scorer: str
    """Name and version of what scored."""

    def partition_key(self) -> str:
        return f"{self.group_id}/{self.index}"

    def correlation_key(self) -> str:
        return f"slide:{self.slide.slide_id}"


class SlideScored(SlideEvent, type="slide.scored", version=1):
    """All tiles of a slide were scored, and with them the slide."""

    grid: TileGrid
    score: SlideScore
    """By ``model`` how likely the slide is positive; without one the mean of the tiles' scores."""
    model: ModelRef | None = None
    """What the slide was scored by, learnt from labelled slides of other patients."""
    tile_mean: SlideScore | None = None
    """The mean of the tiles' scores, where ``model`` scored."""
    scorer: str
    """Name and version of what scored the tiles."""
    scored: Annotated[int, Field(ge=1)]
    background: Annotated[int, Field(ge=0)]
    """Tiles that are background, by the small picture or at full resolution."""
    highest: tuple[TileScore, ...]
    """The tiles with the highest scores, the highest first."""
    scores: ObjectRef
    """NumPy arrays (npz) as of a shard, of all tiles."""
    features: ObjectRef
    """JSON: by name, of each feature of the tiles the mean, the deviation, and the mean of the
    highest 2 %."""
    heat_map: ObjectRef
    """ZIP of PNG files ``Z/X/Y.png`` of 256 by 256 pixels; at zoom 0 one shows the whole slide, and
    each further zoom doubles it."""
