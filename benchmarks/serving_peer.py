"""The peer of ``serving.requests``: a model in a Starlette handler, and nothing else."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def main(model: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        Path(model).read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    async def ready(request: Request) -> Response:
        return JSONResponse({"ready": True})

    async def infer(request: Request) -> Response:
        (given,) = orjson.loads(await request.body())["inputs"]
        array = np.array(given["data"], np.float32).reshape(given["shape"])
        found = session.run(names, {given["name"]: array})
        outputs = [
            {"name": name, "shape": list(one.shape), "datatype": "FP32",
             "data": one.ravel().tolist()}
            for name, one in zip(names, found, strict=True)
        ]  # fmt: skip
        answer = {"model_name": "churn", "model_version": "1", "outputs": outputs}
        return Response(orjson.dumps(answer), media_type="application/json")

    routes = [
        Route("/v2/health/ready", ready),
        Route("/v2/models/churn/infer", infer, methods=["POST"]),
    ]
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}"}), flush=True)
    config = uvicorn.Config(
        Starlette(routes=routes), http="h11", loop="uvloop", access_log=False, log_config=None
    )
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main(sys.argv[1])
