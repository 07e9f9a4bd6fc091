"""Each rule of what may change in a published schema, one by one."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel, Field, create_model

from lineal_schemas.compatibility import NEW_READER, OLD_READER, incompatible_changes


class Inner(BaseModel):
    name: str
    note: str | None = None


class InnerWithNewRequired(Inner):
    size: int


class Point(NamedTuple):
    x: int
    y: int


class Point3(NamedTuple):
    x: int
    y: int
    z: int


class FloatPoint(NamedTuple):
    x: float
    y: int


class Tree(BaseModel):
    value: int
    children: tuple[Tree, ...] = ()


class TextTree(BaseModel):
    value: str
    children: tuple[TextTree, ...] = ()


def schema(**fields: Any) -> dict[str, Any]:
    """The schema of a model with these fields: a type, or (type, default)."""
    definitions: dict[str, Any] = {
        name: field if isinstance(field, tuple) else (field, ...) for name, field in fields.items()
    }
    model: type[BaseModel] = create_model("Sample", **definitions)
    return model.model_json_schema()


def renamed(model: type[BaseModel], name: str) -> type[BaseModel]:
    return type(name, (model,), {"__module__": __name__})


COMPATIBLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing changed": ({"a": int}, {"a": int}),
    "order of fields": ({"a": int, "b": str}, {"b": str, "a": int}),
    "optional field added": ({"a": int}, {"a": int, "b": (str, "x")}),
    "optional model added": ({"a": int}, {"a": int, "b": (Inner | None, None)}),
    "order of enum values": ({"a": Literal["x", "y"]}, {"a": Literal["y", "x"]}),
    "order of alternatives": ({"a": int | str | None}, {"a": None | str | int}),
    "description added": ({"a": int}, {"a": Annotated[int, Field(description="how many")]}),
    "model given another name": ({"a": Inner}, {"a": renamed(Inner, "Other")}),
    "recursive model kept": ({"a": Tree}, {"a": Tree}),
}

FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "required added": ({"a": int}, {"a": int, "b": str}, "b: required field added", NEW_READER),
    "required removed": ({"a": int, "b": str}, {"a": int}, "b: field removed", OLD_READER),
    "optional removed": ({"a": int, "b": (str, "")}, {"a": int}, "b: field removed", OLD_READER),
    "renamed": ({"a": int}, {"b": int}, "a: field removed", OLD_READER),
    "made required": ({"a": (int, 1)}, {"a": int}, "a: now required", NEW_READER),
    "made optional": ({"a": int}, {"a": (int, 1)}, "a: no longer required", OLD_READER),
    "default": ({"a": (int, 1)}, {"a": (int, 2)}, "a: default changed from 1 to 2", NEW_READER),
}

AtLeast0 = Annotated[int, Field(ge=0)]
AtLeast1 = Annotated[int, Field(ge=1)]
AtMost9 = Annotated[int, Field(le=9)]
Short = Annotated[str, Field(max_length=3)]
PatternX = Annotated[str, Field(pattern="^x")]
PatternY = Annotated[str, Field(pattern="^y")]
X = Literal["x"]
XorY = Literal["x", "y"]

INT_TO_TEXT = "type changed from integer to string"
INT_TO_FLOAT = "type changed from integer to number"

TYPES: dict[str, tuple[Any, Any, str, str]] = {
    "changed": (int, str, f"a: {INT_TO_TEXT}", NEW_READER),
    "narrowed": (float, int, "a: type changed from number to integer", NEW_READER),
    "widened": (int, float, f"a: {INT_TO_FLOAT}", OLD_READER),
    "null forbidden": (int | None, int, "a: null is no longer allowed", NEW_READER),
    "null allowed": (int, int | None, "a: null is newly allowed", OLD_READER),
    "alternative removed": (int | str, int, "a: string is no longer allowed", NEW_READER),
    "alternative added": (int | str, int | str | bool, "a: boolean is newly allowed", OLD_READER),
    "value removed": (XorY, X, "a: allowed values removed: y", NEW_READER),
    "value added": (X, XorY, "a: allowed values added: y", OLD_READER),
    "limited to values": (str, X, "a: is now limited to x", NEW_READER),
    "values opened": (X, str, "a: is no longer limited to x", OLD_READER),
    "lower bound raised": (AtLeast0, AtLeast1, "a: minimum changed from 0 to 1", NEW_READER),
    "lower bound lowered": (AtLeast1, AtLeast0, "a: minimum changed from 1 to 0", OLD_READER),
    "upper bound added": (int, AtMost9, "a: maximum 9 added", NEW_READER),
    "upper bound removed": (AtMost9, int, "a: maximum 9 removed", OLD_READER),
    "length limited": (str, Short, "a: maxLength 3 added", NEW_READER),
    "pattern added": (str, PatternX, "a: pattern ^x added", NEW_READER),
    "pattern changed": (PatternX, PatternY, "a: pattern changed from ^x to ^y", NEW_READER),
    "pattern removed": (PatternX, str, "a: pattern ^x removed", OLD_READER),
    "items": (tuple[int, ...], tuple[str, ...], f"a[]: {INT_TO_TEXT}", NEW_READER),
    "model of items": (
        tuple[Inner, ...],
        tuple[InnerWithNewRequired, ...],
        "a[].size: required field added",
        NEW_READER,
    ),
    "inner model": (InnerWithNewRequired, Inner, "a.size: field removed", OLD_READER),
    "optional inner model": (
        Inner | None,
        InnerWithNewRequired | None,
        "a.size: required field added",
        NEW_READER,
    ),
    "values of a map": (dict[str, int], dict[str, str], f"a{{}}: {INT_TO_TEXT}", NEW_READER),
    "tuple lengthened": (Point, Point3, "a: minItems changed from 2 to 3", NEW_READER),
    "tuple shortened": (Point3, Point, "a: minItems changed from 3 to 2", OLD_READER),
    "element of a tuple": (Point, FloatPoint, f"a[0]: {INT_TO_FLOAT}", OLD_READER),
    "recursive model": (Tree, TextTree, f"a.value: {INT_TO_TEXT}", NEW_READER),
}


@pytest.mark.parametrize("case", COMPATIBLE)
def test_compatible(case: str) -> None:
    old, new = COMPATIBLE[case]
    assert incompatible_changes(schema(**old), schema(**new)) == []


@pytest.mark.parametrize("case", FIELDS)
def test_incompatible_change_of_fields(case: str) -> None:
    old, new, said, breaks = FIELDS[case]
    changes = incompatible_changes(schema(**old), schema(**new))
    assert f"{said} ({breaks})" in [str(change) for change in changes]


@pytest.mark.parametrize("case", TYPES)
def test_incompatible_change_of_a_type(case: str) -> None:
    old, new, said, breaks = TYPES[case]
    changes = incompatible_changes(schema(a=old), schema(a=new))
    assert f"{said} ({breaks})" in [str(change) for change in changes]


ONE_SIDED = {
    "type widened": (int, float),
    "null allowed": (int, int | None),
    "alternative added": (int | str, int | str | bool),
    "value added": (X, XorY),
    "values opened": (X, str),
    "bound lowered": (AtLeast1, AtLeast0),
    "bound removed": (AtMost9, int),
    "pattern removed": (PatternX, str),
}


@pytest.mark.parametrize("case", ONE_SIDED)
def test_allowing_more_breaks_old_subscribers_only_and_less_new_readers_only(case: str) -> None:
    less, more = schema(a=ONE_SIDED[case][0]), schema(a=ONE_SIDED[case][1])
    assert {change.breaks for change in incompatible_changes(less, more)} == {OLD_READER}
    assert {change.breaks for change in incompatible_changes(more, less)} == {NEW_READER}


def test_forbidding_unknown_fields_breaks_new_readers() -> None:
    old, closed = schema(a=int), {**schema(a=int), "additionalProperties": False}
    [forbidden] = incompatible_changes(old, closed)
    assert str(forbidden) == f"unknown fields are no longer allowed ({NEW_READER})"
    [allowed] = incompatible_changes(closed, old)
    assert str(allowed) == f"unknown fields are newly allowed ({OLD_READER})"


@pytest.mark.parametrize("keyword", ["format", "multipleOf", "uniqueItems", "a-keyword-to-come"])
def test_what_is_not_understood_is_incompatible(keyword: str) -> None:
    old, new = schema(a=int), schema(a=int)
    new["properties"]["a"][keyword] = 1
    assert [change.what for change in incompatible_changes(old, new)] == [f"{keyword} 1 added"]
    assert [change.what for change in incompatible_changes(new, old)] == [f"{keyword} 1 removed"]
