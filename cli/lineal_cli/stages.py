"""``lineal stages``: lists the installed stages with their inputs, outputs and versions."""

from __future__ import annotations

from lineal_cli.options import JsonOption
from lineal_cli.printing import print_json, print_table


def stages(as_json: JsonOption = False) -> None:
    """List the installed stages."""
    from lineal.stages.discovery import installed_stages

    found = installed_stages().values()
    if as_json:
        print_json(
            [
                {
                    "name": stage.name,
                    "version": stage.version,
                    "consumes": stage.consumes.type,
                    "consumes_too": [payload.type for payload in stage.inputs[1:]],
                    "produces": [payload.type for payload in stage.produces],
                    "gathers": stage.fan_in,
                    "code": stage.code_digest,
                }
                for stage in found
            ]
        )
        return
    print_table(
        ("name", "version", "consumes", "produces", "code"),
        [
            (
                stage.name,
                stage.version,
                ", ".join(payload.type for payload in stage.inputs),
                ", ".join(payload.type for payload in stage.produces),
                stage.code_digest[:12],
            )
            for stage in found
        ],
    )
