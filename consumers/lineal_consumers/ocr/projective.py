"""Maps points between a sheet and a photo of it that was taken at an angle."""

from __future__ import annotations

from typing import NamedTuple

from lineal_catalog.file_formats.affine import Affine


class Projective(NamedTuple):
    """A view at an angle: the rows of a matrix of three by three."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float
    g: float
    h: float
    i: float

    @classmethod
    def of(cls, way: Affine) -> Projective:
        return cls(way.a, way.c, way.e, way.b, way.d, way.f, 0, 0, 1)

    def point(self, x: float, y: float) -> tuple[float, float]:
        depth = self.g * x + self.h * y + self.i
        return (
            (self.a * x + self.b * y + self.c) / depth,
            (self.d * x + self.e * y + self.f) / depth,
        )

    def box(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[float, float, float, float]:
        """The upright box around a transformed box, as left, top, right, bottom."""
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        xs, ys = zip(*(self.point(x, y) for x, y in corners), strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def after(self, first: Affine | Projective) -> Projective:
        """The transformation that does ``first`` and then this one."""
        return self._times(first if isinstance(first, Projective) else Projective.of(first))

    def before(self, then: Affine) -> Projective:
        """The transformation that does this one and then ``then``."""
        return Projective.of(then)._times(self)

    def _times(self, first: Projective) -> Projective:
        rows = (self[0:3], self[3:6], self[6:9])
        columns = (first[0::3], first[1::3], first[2::3])
        return Projective(
            *(
                sum(one * other for one, other in zip(row, column, strict=True))
                for row in rows
                for column in columns
            )
        )
