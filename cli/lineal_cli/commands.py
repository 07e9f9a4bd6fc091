"""The table of commands, known by name and help text before they are imported.

Another package adds commands under the entry points ``lineal.commands``: a :class:`Command`, or
several.
"""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command before it is imported."""

    name: str
    target: str
    """``module:name`` of its function, or of the typer app that holds its own commands."""
    panel: str
    """Under which heading ``lineal --help`` lists it."""
    help: str
    """The first line of its docstring, so that ``lineal --help`` imports nothing."""


_SYSTEM, _DOCUMENTS, _EVENTS, _STAGES = "System", "Documents", "Events", "Stages"
_DEVICES = "Devices"

COMMANDS = (
    Command("up", "lineal_cli.up:up", _SYSTEM, "Start everything: inbox, HTTP and all stages."),
    Command("run", "lineal_cli.run:run", _SYSTEM, "Run chosen stages as a daemon."),
    Command(
        "produce",
        "lineal_cli.produce:produce",
        _SYSTEM,
        "Run chosen producers as a daemon: http, folder.",
    ),
    Command(
        "bridge",
        "lineal_cli.bridge:bridge",
        _SYSTEM,
        "Publish what devices send over MQTT on the bus.",
    ),
    Command(
        "doctor", "lineal_cli.doctor:doctor", _SYSTEM, "Check that this machine can do it all."
    ),
    Command(
        "migrate",
        "lineal_cli.migrate:migrate",
        _SYSTEM,
        "Copy everything to another bus, store or bucket.",
    ),
    Command(
        "backup",
        "lineal_cli.backup:app",
        _SYSTEM,
        "Back up everything to a folder, while daemons work, and verify backups.",
    ),
    Command("restore", "lineal_cli.restore:restore", _SYSTEM, "Make a data folder of a backup."),
    Command(
        "salvage",
        "lineal_cli.salvage:salvage",
        _SYSTEM,
        "Take what can be read of a damaged data folder into a new one.",
    ),
    Command(
        "user", "lineal_cli.user:app", _SYSTEM, "Users and their roles, and an address to log in."
    ),
    Command("token", "lineal_cli.token:app", _SYSTEM, "API tokens: create, list and revoke."),
    Command(
        "verify",
        "lineal_cli.verify:verify",
        _SYSTEM,
        "Check that nobody edited the ledger, or what follows from it.",
    ),
    Command(
        "log",
        "lineal_cli.log:app",
        _SYSTEM,
        "Sign the ledger, publish its log, and rotate the key.",
    ),
    Command(
        "witness",
        "lineal_cli.witness:app",
        _SYSTEM,
        "Cosign checkpoints of logs that were not tampered with.",
    ),
    Command("put", "lineal_cli.put:put", _DOCUMENTS, "Put files on the bus."),
    Command(
        "sync",
        "lineal_cli.sync:sync",
        _DOCUMENTS,
        "Put the documents of a bucket or a folder tree on the bus.",
    ),
    Command("search", "lineal_cli.search:search", _DOCUMENTS, "Find pages by their text."),
    Command(
        "documents",
        "lineal_cli.documents:documents",
        _DOCUMENTS,
        "List documents with their status.",
    ),
    Command(
        "show",
        "lineal_cli.show:show",
        _DOCUMENTS,
        "Show a document, or give it out in one of its forms.",
    ),
    Command(
        "lineage",
        "lineal_cli.lineage:lineage",
        _DOCUMENTS,
        "Show every step that led to a document's outputs.",
    ),
    Command(
        "prove",
        "lineal_cli.prove:prove",
        _DOCUMENTS,
        "Write evidence of what happened to something.",
    ),
    Command(
        "device",
        "lineal_cli.device:app",
        _DEVICES,
        "List and show devices, and give new ones their certificates.",
    ),
    Command(
        "label", "lineal_cli.label:label", _DOCUMENTS, "Say what kind a document is, to learn from."
    ),
    Command(
        "erase",
        "lineal_cli.erase:erase",
        _DOCUMENTS,
        "Erase documents everywhere, and record that it was done.",
    ),
    Command("topics", "lineal_cli.topics:app", _EVENTS, "List topics with their groups and lag."),
    Command("tail", "lineal_cli.tail:tail", _EVENTS, "Follow the events of a topic."),
    Command(
        "emit", "lineal_cli.emit:emit", _EVENTS, "Publish events from a file or standard input."
    ),
    Command(
        "dead",
        "lineal_cli.dead:app",
        _EVENTS,
        "List, show, redrive and drop what could not be handled.",
    ),
    Command(
        "model",
        "lineal_cli.model:app",
        _DEVICES,
        "Trained models: list, show, train, evaluate, promote, and go back.",
    ),
    Command(
        "simulate",
        "lineal_cli.simulate:simulate",
        _DEVICES,
        "Simulate turbines that send readings.",
    ),
    Command(
        "deploy",
        "lineal_cli.deploy:app",
        _DEVICES,
        "Bring models to devices, in rings; look on, or stop it.",
    ),
    Command("stages", "lineal_cli.stages:stages", _STAGES, "List the installed stages."),
    Command(
        "replay",
        "lineal_cli.replay:replay",
        _STAGES,
        "Handle events again: all, some, or what is stale.",
    ),
    Command(
        "rebuild",
        "lineal_cli.rebuild:rebuild",
        _STAGES,
        "Make the metadata tables again from the ledger.",
    ),
    Command(
        "schema",
        "lineal_cli.schema:app",
        _STAGES,
        "Publish the JSON Schemas and keep them compatible.",
    ),
)
"""Those of lineal itself."""
