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
    Command(
        "examples",
        "lineal_cli.examples.command:app",
        _SYSTEM,
        "Examples that run in an empty folder: list them, and run one.",
    ),
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
        "link",
        "lineal_cli.link:app",
        _SYSTEM,
        "Links: bring events from one region's bus to another's: run, status.",
    ),
    Command(
        "regions",
        "lineal_cli.regions:app",
        _SYSTEM,
        "Regions: send the jobs of a manifest to them, and gather the answers.",
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
    Command(
        "crawl",
        "lineal_cli.crawl:crawl",
        _DOCUMENTS,
        "Crawl web pages, and put the images on them on the bus.",
    ),
    Command(
        "diagram",
        "lineal_cli.diagram:app",
        _DOCUMENTS,
        "Diagrams of architectures: search by use case and services, show, correct.",
    ),
    Command("search", "lineal_cli.search:search", _DOCUMENTS, "Find pages by their text."),
    Command(
        "ask",
        "lineal_cli.ask:ask",
        _DOCUMENTS,
        "Quote the sentences that answer a question, with document, page and place.",
    ),
    Command(
        "graph",
        "lineal_cli.graph:app",
        _DOCUMENTS,
        "What documents mention: concepts, whose documents mention them, and SPARQL.",
    ),
    Command(
        "match",
        "lineal_cli.match:match",
        _DOCUMENTS,
        "Find the sentences of a text that say the same as SENTENCE.",
    ),
    Command(
        "summarize",
        "lineal_cli.summarize:summarize_documents",
        _DOCUMENTS,
        "Quote the main sentences, dated facts and topics of documents.",
    ),
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
        "labels",
        "lineal_cli.labels:app",
        _DOCUMENTS,
        "Labelling jobs: label many things, verify and adjust the labels.",
    ),
    Command(
        "review",
        "lineal_cli.review:app",
        _DOCUMENTS,
        "Look at what machines are not sure of, and say what is right.",
    ),
    Command(
        "transcribe",
        "lineal_cli.transcribe:transcribe",
        _DOCUMENTS,
        "Transcribe a recording, and print what is said while it is understood.",
    ),
    Command(
        "article",
        "lineal_cli.article:app",
        _DOCUMENTS,
        "Articles read aloud: publish one, list what can be listened to, write a feed.",
    ),
    Command(
        "device",
        "lineal_cli.device:app",
        _DEVICES,
        "List and show devices, and give new ones their certificates.",
    ),
    Command(
        "machine",
        "lineal_cli.machine:app",
        _DEVICES,
        "Machines of your own: propose a description, check it, list what there is, mark times.",
    ),
    Command(
        "label", "lineal_cli.label:label", _DOCUMENTS, "Say what kind a document is, to learn from."
    ),
    Command(
        "class",
        "lineal_cli.document_class:app",
        _DOCUMENTS,
        "Classes of documents: teach them by examples, and list them.",
    ),
    Command(
        "tag",
        "lineal_cli.tag:app",
        _DOCUMENTS,
        "Tags and labels of documents: give them, take them away, list tags.",
    ),
    Command(
        "field",
        "lineal_cli.field:app",
        _DOCUMENTS,
        "Fields of documents: show them, say what is right, list what is declared.",
    ),
    Command(
        "package",
        "lineal_cli.package:app",
        _DOCUMENTS,
        "Packages of documents of one case: list and show them, and have them checked.",
    ),
    Command(
        "erase",
        "lineal_cli.erase:erase",
        _DOCUMENTS,
        "Erase documents everywhere, and record that it was done.",
    ),
    Command(
        "redact",
        "lineal_cli.redact:redact",
        _DOCUMENTS,
        "Have a copy of a document made without what you name.",
    ),
    Command(
        "deidentify",
        "lineal_cli.deidentify:deidentify",
        _DOCUMENTS,
        "Make a copy of health records without what identifies a person.",
    ),
    Command(
        "split",
        "lineal_cli.split:split",
        _DOCUMENTS,
        "Split a file that holds several documents into them.",
    ),
    Command("topics", "lineal_cli.topics:app", _EVENTS, "List topics with their groups and lag."),
    Command("tail", "lineal_cli.tail:tail", _EVENTS, "Follow the events of a topic."),
    Command(
        "schedule",
        "lineal_cli.schedule:app",
        _EVENTS,
        "Events that are published later: set, list and end schedules.",
    ),
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
        "retry",
        "lineal_cli.retry:app",
        _EVENTS,
        "Failed events that wait for their next attempt: list, try now, drop.",
    ),
    Command(
        "model",
        "lineal_cli.model:app",
        _DEVICES,
        "Trained models: list, show, train, evaluate, promote, and go back.",
    ),
    Command(
        "photo",
        "lineal_cli.photo:app",
        _DEVICES,
        "Photos of inspection lines: list, show, and say what is on them.",
    ),
    Command(
        "slide",
        "lineal_cli.slide:app",
        _DEVICES,
        "Slides of billions of pixels: put one, list scores, show where they come from.",
    ),
    Command(
        "table",
        "lineal_cli.table:app",
        _DEVICES,
        "Tables: put rows on the bus to learn from and score, and read predictions.",
    ),
    Command("talk", "lineal_cli.talk:talk", _EVENTS, "Talk with a dialogue in the terminal."),
    Command(
        "dialogue",
        "lineal_cli.dialogue:app",
        _EVENTS,
        "Dialogues that people talk with: list, check, and learn from their examples.",
    ),
    Command(
        "ticket",
        "lineal_cli.ticket:app",
        _EVENTS,
        "What conversations left to people: list, and answer.",
    ),
    Command(
        "sweep",
        "lineal_cli.sweep:app",
        _DEVICES,
        "Sweeps: try many settings of a model side by side: start, status, stop.",
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
    Command(
        "restyle",
        "lineal_cli.restyle:restyle",
        _DOCUMENTS,
        "Find a part of images by a box, a colour or words, and remove, recolour or redraw it.",
    ),
    Command(
        "serve",
        "lineal_cli.serve_model:serve_model",
        _DEVICES,
        "Serve models over HTTP, new versions by growing shares of the requests.",
    ),
    Command(
        "serving",
        "lineal_cli.serving:app",
        _DEVICES,
        "Models that are served: status, and pause, resume or abort a rollout.",
    ),
    Command("stages", "lineal_cli.stages:stages", _STAGES, "List the installed stages."),
    Command(
        "size",
        "lineal_cli.size:size",
        _SYSTEM,
        "Say what a rate of events takes: workers, partitions, brokers, logs, disk.",
    ),
    Command(
        "new",
        "lineal_cli.new:new",
        _STAGES,
        "Make a package of your own: events, stages and more, with its tests.",
    ),
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
