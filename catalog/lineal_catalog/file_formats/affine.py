"""Affine transformations of a page's coordinates."""

from __future__ import annotations

from typing import NamedTuple


class Affine(NamedTuple):
    """``x' = a x + c y + e``, ``y' = b x + d y + f``: the order of a PDF matrix."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f

    def box(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[float, float, float, float]:
        """The upright box around a transformed box, as left, top, right, bottom."""
        if self.b == 0 and self.c == 0 and self.a > 0 and self.d > 0:
            a, d, e, f = self.a, self.d, self.e, self.f
            return a * left + e, d * top + f, a * right + e, d * bottom + f
        corners = [
            self.point(x, y)
            for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
        ]
        xs = [x for x, _ in corners]
        ys = [y for _, y in corners]
        return min(xs), min(ys), max(xs), max(ys)

    def inverse(self) -> Affine:
        """Raises ZeroDivisionError for a page without an area."""
        determinant = self.a * self.d - self.b * self.c
        a, b = self.d / determinant, -self.b / determinant
        c, d = -self.c / determinant, self.a / determinant
        return Affine(a, b, c, d, -(a * self.e + c * self.f), -(b * self.e + d * self.f))

    def after(self, first: Affine) -> Affine:
        """The transformation that does ``first`` and then this one."""
        return Affine(
            self.a * first.a + self.c * first.b,
            self.b * first.a + self.d * first.b,
            self.a * first.c + self.c * first.d,
            self.b * first.c + self.d * first.d,
            self.a * first.e + self.c * first.f + self.e,
            self.b * first.e + self.d * first.f + self.f,
        )


IDENTITY = Affine(1, 0, 0, 1, 0, 0)
