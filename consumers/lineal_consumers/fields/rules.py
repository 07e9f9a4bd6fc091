"""Rules that values have to keep: patterns, check digits, sums of other fields and of columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import combinations, product

from lineal_consumers.fields.candidates import Candidate
from lineal_consumers.fields.definition import ClassFields, FieldDefinition
from lineal_consumers.fields.memory import Example, Surroundings
from lineal_consumers.fields.segments import words_of
from lineal_consumers.fields.values import decimal_of, is_iban
from lineal_schemas.results import Table

_CENT = Decimal("0.02")
"""By how much a sum may be off: amounts are rounded one by one."""
NOT_FOUND = "it is required, and was not found"
NO_BOX = "its label is there, and no box was found beside it"
_OUT_OF_ORDER, _NOT_LARGEST_FIRST = 0.5, 0.8
_SAME_ROW = 0.008
"""Of the page's height."""
_MOST = 6
"""Possible values of a field that are tried in a sum."""


def amount(value: str | None) -> Decimal | None:
    """An amount as a number; None where there is none."""
    if not value:
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def chosen(
    declared: ClassFields,
    found: Mapping[str, Sequence[Candidate]],
    amounts: Sequence[Candidate] = (),
    examples: Sequence[Example] = (),
) -> dict[str, Candidate]:
    """One of the possible values of each field: the likeliest, where fields add up the likeliest of
    those that do. One place on a page is the value of one field.

    Args:
        amounts: all amounts of the document. One of them is taken where it alone makes a sum hold,
            whatever it stands beside.
        examples: of the same layout, the most similar first: where nothing else tells the parts of
            a sum apart, they stand in the same order as there.
    """
    best: dict[str, Candidate] = {}
    for name, field in declared.fields.items():
        names = [name, *field.sum_of]
        if not field.sum_of or not found.get(name):
            continue
        taught = next(filter(None, (_places(field.sum_of, one) for one in examples)), None)
        choice = _summing([[*found.get(one, ())][:_MOST] for one in names], amounts, taught)
        if choice is not None:
            best |= dict(zip(names, choice, strict=True))
    taken = {one.tokens for one in best.values() if one.tokens is not None}
    left = [
        (candidate.score, name, candidate)
        for name, many in found.items()
        if name not in best
        for candidate in many
    ]
    for _, name, candidate in sorted(left, key=lambda one: -one[0]):
        if name not in best and (candidate.tokens is None or candidate.tokens not in taken):
            best[name] = candidate
            if candidate.tokens is not None:
                taken.add(candidate.tokens)
    return best


def _summing(
    options: Sequence[Sequence[Candidate]],
    amounts: Sequence[Candidate],
    taught: Sequence[Surroundings] | None,
) -> tuple[Candidate, ...] | None:
    """The likeliest combination of a sum and its parts that adds up; None where none does."""
    filled = [options[0], *([*many, *amounts] for many in options[1:])]
    top, choice = 0.0, None
    for combination in product(*filled):
        if not _adds_up(combination[0].value, [one.value for one in combination[1:]]):
            continue
        places = [one.tokens for one in combination if one.tokens is not None]
        if len(set(places)) < len(places):
            continue
        score = _arranged(combination[1:], taught)
        for one in combination:
            score *= max(one.score, 0.01)
        if score > top:
            top, choice = score, combination
    return choice


def _places(names: Sequence[str], example: Example) -> list[Surroundings] | None:
    """Where an example has the parts of a sum; None where it does not say it of all."""
    known = {one.name: one.surroundings for one in example.fields}
    found = [place for name in names if (place := known.get(name)) is not None]
    return found if len(found) == len(names) else None


def _arranged(parts: Sequence[Candidate], taught: Sequence[Surroundings] | None) -> float:
    """What becomes of a combination's score: two parts that change places add up as well. They
    stand in the order that examples have taught; without any the largest is declared first."""
    if taught is None:
        sizes = [amount(one.value) or Decimal(0) for one in parts]
        return 1.0 if sizes == sorted(sizes, reverse=True) else _NOT_LARGEST_FIRST
    factor = 1.0
    for (one, there), (other, beyond) in combinations(zip(parts, taught, strict=True), 2):
        if _stands_before(one, other) != _was_before(there, beyond):
            factor *= _OUT_OF_ORDER
    return factor


def _stands_before(one: Candidate, other: Candidate) -> bool:
    if one.box is None or other.box is None:
        return (one.tokens or (0, 0)) < (other.tokens or (0, 0))
    return _is_before(
        (one.box.page, one.box.top, one.box.left), (other.box.page, other.box.top, other.box.left)
    )


def _was_before(one: Surroundings, other: Surroundings) -> bool:
    return _is_before((one.page, one.top, one.begins), (other.page, other.top, other.begins))


def _is_before(one: tuple[int, float, float], other: tuple[int, float, float]) -> bool:
    """Whether a place (page, top, left) comes before another as one reads, in rows."""
    if one[0] != other[0]:
        return one[0] < other[0]
    return one[2] < other[2] if abs(one[1] - other[1]) < _SAME_ROW else one[1] < other[1]


def _adds_up(total: str, parts: Sequence[str]) -> bool:
    numbers = [amount(total), *(amount(part) for part in parts)]
    if any(number is None for number in numbers):
        return False
    whole, *rest = [number for number in numbers if number is not None]
    return abs(whole - sum(rest)) <= _CENT


def broken(
    name: str, field: FieldDefinition, values: Mapping[str, str | None], tables: Sequence[Table]
) -> Iterator[str]:
    """The rules that the value of a field breaks, each in words."""
    value = values.get(name)
    if value is None:
        if field.required:
            yield NOT_FOUND
        return
    if field.pattern is not None and re.fullmatch(field.pattern, value) is None:
        yield f"it does not match {field.pattern}"
    if field.checksum is not None and not has_valid_checksum(field.checksum, value):
        yield f"its check digits are wrong ({field.checksum})"
    parts = [values.get(part) for part in field.sum_of]
    if parts and all(part is not None for part in parts):
        known = [part for part in parts if part is not None]
        if not _adds_up(value, known):
            yield f"it is not the sum of {' and '.join(field.sum_of)}: {' + '.join(known)}"
    if field.sum_of_column is not None:
        total = column_sum(field.sum_of_column, tables)
        own = amount(value)
        if total is not None and own is not None and abs(total - own) > _CENT:
            yield f"it is not the sum of the column {field.sum_of_column}, {total}"


def checked(field: FieldDefinition, name: str, values: Mapping[str, str | None]) -> bool:
    """Whether a value has passed a rule that a wrong one would hardly pass."""
    value = values.get(name)
    if value is None:
        return False
    parts = [values.get(part) for part in field.sum_of]
    known = [part for part in parts if part is not None]
    if parts and len(known) == len(parts) and _adds_up(value, known):
        return True
    return field.checksum is not None and has_valid_checksum(field.checksum, value)


def has_valid_checksum(kind: str, value: str) -> bool:
    """Whether the check digits of a number are right."""
    from stdnum import luhn
    from stdnum.eu import vat

    if kind == "iban":
        return is_iban(value)
    if kind == "luhn":
        return bool(luhn.is_valid(value))
    return bool(vat.is_valid(value))


def column_sum(heading: str, tables: Sequence[Table]) -> Decimal | None:
    """The sum of a column that tables of a document have; None where there is no such column, or
    one of its cells is no amount."""
    wanted, total, seen = words_of(heading), Decimal(0), False
    for table in tables:
        for number, row in enumerate(table.rows):
            place = next((at for at, cell in enumerate(row) if words_of(cell) == wanted), None)
            if place is None:
                continue
            for cells in table.rows[number + 1 :]:
                cell = cells[place].strip(" $€£")
                if not cell:
                    continue
                value = decimal_of(cell)
                if value is None:
                    return None
                total, seen = total + Decimal(value), True
            break
    return total if seen else None
