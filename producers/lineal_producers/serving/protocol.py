"""The Open Inference Protocol (KServe, version 2) with tensors as JSON: requests and answers.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lineal.errors import LinealError
from lineal_learning.engines import DATATYPES
from lineal_learning.trial import shape_fits
from lineal_schemas.serving import ServingPackage, Tensor

if TYPE_CHECKING:
    from lineal_learning.engines import Array


_MAX_TEXT, _MAX_TEXTS = 1_000_000, 16_000_000
"""Characters of a text, and of all when each takes as much room as the longest."""


class WrongRequest(LinealError, ValueError):
    """A request is not what the model takes; says why."""


class _Input(BaseModel):
    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=8)]
    datatype: str
    data: list[Any]


class _Output(BaseModel):
    name: str


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(max_length=256)] | None = None
    inputs: Annotated[list[_Input], Field(min_length=1)]
    outputs: list[_Output] | None = None


class InferenceRequest(NamedTuple):
    """A request that fits its model."""

    id: str | None
    inputs: dict[str, Array]
    outputs: tuple[str, ...]
    rows: int


def read_request(body: bytes, package: ServingPackage, max_rows: int) -> InferenceRequest:
    """The tensors of a request.

    Raises:
        WrongRequest: it is not what the model takes.
    """
    try:
        asked = _Request.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise WrongRequest(f"the body is no JSON: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WrongRequest(f"the body does not fit: {where}: {first['msg']}") from error
    known = {tensor.name: tensor for tensor in package.inputs}
    given = [item.name for item in asked.inputs]
    if sorted(given) != sorted(known):
        raise WrongRequest(f"the model takes {', '.join(known)}; given: {', '.join(given)}")
    inputs = {item.name: _array(item, known[item.name]) for item in asked.inputs}
    counts = {len(array) for array in inputs.values()}
    if len(counts) != 1:
        raise WrongRequest("all inputs have the same number of rows, their first dimension")
    (rows,) = counts
    if not 0 < rows <= max_rows:
        raise WrongRequest(f"a request has 1 to {max_rows} rows; given: {rows}")
    return InferenceRequest(asked.id, inputs, _wanted(asked, package), rows)


def _wanted(asked: _Request, package: ServingPackage) -> tuple[str, ...]:
    there_are = [tensor.name for tensor in package.outputs]
    wanted = [item.name for item in asked.outputs or ()] or there_are
    if unknown := sorted(set(wanted) - set(there_are)):
        raise WrongRequest(f"the model has no output {', '.join(unknown)}: {', '.join(there_are)}")
    return tuple(dict.fromkeys(wanted))


def _array(item: _Input, tensor: Tensor) -> Array:
    import numpy as np

    if item.datatype != tensor.datatype:
        raise WrongRequest(f"{item.name} is {tensor.datatype}; given: {item.datatype}")
    shape = tuple(item.shape)
    if not shape_fits(tensor.shape, shape):
        raise WrongRequest(
            f"{item.name} has the shape {list(tensor.shape)} (-1: any); given: {item.shape}"
        )
    try:
        if tensor.datatype == "BYTES":
            flat = _flat(item.data)
            if not all(isinstance(one, str) for one in flat):
                raise ValueError("BYTES are texts")
            longest = max(map(len, flat), default=0)
            if longest > _MAX_TEXT or longest * len(flat) > _MAX_TEXTS:
                raise ValueError(f"a text has at most {_MAX_TEXT} characters")
            array: Any = np.array(flat, np.str_)
        else:
            array = _numbers(item.data, tensor.datatype)
        if array.size != math.prod(shape):
            raise ValueError(f"{array.size} values, and the shape {item.shape}")
        found: Array = array.reshape(shape)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise WrongRequest(f"the data of {item.name} does not fit: {error}") from error
    return found


def _numbers(data: list[Any], datatype: str) -> Any:
    """Numbers of a datatype; in one of floating point null stands for what is missing."""
    import numpy as np

    kind = np.dtype(DATATYPES[datatype])
    given = np.array(data)
    if kind.kind == "f":
        if given.dtype.kind not in "fiub" and not (given.dtype == object and _numeric(data)):
            raise ValueError(f"they are no numbers for {datatype}")
        return np.array(data, np.float64).astype(kind)
    if given.dtype.kind not in ("b" if kind.kind == "b" else "iu"):
        raise ValueError(f"they are not all {datatype}")
    if kind.kind != "b" and given.size:
        ends = np.iinfo(kind)
        if given.min() < ends.min or given.max() > ends.max:
            raise ValueError(f"{datatype} goes from {ends.min} to {ends.max}")
    return given.astype(kind)


def _numeric(data: list[Any]) -> bool:
    return all(one is None or isinstance(one, int | float) for one in _flat(data))


def _flat(data: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for one in data:
        if isinstance(one, list):
            found += _flat(one)
        else:
            found.append(one)
    return found


def write_answer(
    package: ServingPackage, request: InferenceRequest, outputs: Mapping[str, Array]
) -> bytes:
    """The body of an answer."""
    datatypes = {tensor.name: tensor.datatype for tensor in package.outputs}
    answer: dict[str, Any] = {
        "model_name": package.model.name,
        "model_version": str(package.model.version),
        "outputs": [
            {
                "name": name,
                "shape": list(outputs[name].shape),
                "datatype": datatypes[name],
                "data": outputs[name].ravel().tolist(),
            }
            for name in request.outputs
        ],
    }
    if request.id is not None:
        answer["id"] = request.id
    return orjson.dumps(answer)


def describe(package: ServingPackage, versions: Sequence[int]) -> dict[str, Any]:
    """The metadata of a model."""

    def tensors(of: Sequence[Tensor]) -> list[dict[str, Any]]:
        return [tensor.model_dump(mode="json") for tensor in of]

    return {
        "name": package.model.name,
        "versions": [str(version) for version in versions],
        "platform": package.artifact.media_type,
        "inputs": tensors(package.inputs),
        "outputs": tensors(package.outputs),
    }
