"""The admission policy of each ingress: HTTP, ``lineal emit``, files and the MQTT bridge."""

from __future__ import annotations

from dataclasses import replace

from lineal.admission import AdmissionPolicy
from lineal_schemas.anomalies import (
    AnomalyClosed,
    AnomalyOpened,
    AnomalyUpdated,
    FaultRecognised,
)
from lineal_schemas.articles import ArticlePublished
from lineal_schemas.clicks import ClickReceived, VisitLabelled
from lineal_schemas.conversations import FulfilmentCompleted, UtteranceReceived
from lineal_schemas.deployments import DeploymentJobUpdated
from lineal_schemas.diagrams import ImageFound, ImageGone
from lineal_schemas.documents import DocumentArrived, DocumentSourceDeleted
from lineal_schemas.photos import PhotoCaptured
from lineal_schemas.speech import AudioChunk
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceDeath,
    DeviceHealth,
    TelemetryGap,
    TelemetryReadings,
)

ELSEWHERE = {
    "deployment.job_updated": "the MQTT bridge, which devices report to",
    "deployment.": "`lineal deploy`",
    "model.": "`lineal model`",
    "region.": "`lineal regions run` or POST /regions/runs",
    "slide.": "`lineal slide put`",
    "style.": "`lineal restyle` or POST /restylings",
    "serving.": "`lineal serve` and `lineal serving`",
    "document.labelled": "`lineal label`",
    "document.described": "`lineal tag` or POST /documents/ID/description",
    "ticket.": "`lineal ticket answer` or POST /tickets/ID/answer",
    "dialogue.": "`lineal dialogue learn`",
    "review.": "`lineal review` or POST /reviews",
    "label.": "`lineal labels` or POST /label-jobs",
    "package.": "the stages that gather packages, and `lineal package check`",
    "webhook.": "`lineal up` with [webhooks]",
    "notification.": "`lineal up` with [notifications]",
    "anomaly.reviewed": "`lineal review`",
    "machine.marked": "`lineal machine mark`",
    "fault.": "the stage that recognises faults",
    "document.": "POST /documents or `lineal put`",
    "telemetry.": "the MQTT bridge, which devices send to",
    "device.": "the MQTT bridge, which devices send to",
    "anomaly.": "the MQTT bridge, which devices send to",
    "article.": "POST /articles or `lineal article publish`",
    "image.": "`lineal crawl` or [[crawl.sites]]",
    "diagram.corrected": "`lineal diagram correct` or POST /diagrams",
    "audio.chunk": "the WebSocket /transcripts or `lineal transcribe`",
}
"""The ingress that is meant for an event type of ours, by its beginning; the first that fits."""

HTTP = AdmissionPolicy(
    name="http",
    types=frozenset(
        payload.type
        for payload in (
            DocumentArrived,
            UtteranceReceived,
            FulfilmentCompleted,
            ClickReceived,
            VisitLabelled,
        )
    ),
    reserved_sources=("lineal:", "http:upload", "document:", "file:", "imap:", "imaps:", "s3:"),
    elsewhere=ELSEWHERE,
)
"""``POST /events``."""

EMIT = replace(HTTP, name="emit", reserved_sources=(), accepts_invalid=True)
"""``lineal emit``."""

OPERATOR = AdmissionPolicy(name="operator", operator=True, accepts_invalid=True, bounded=False)
"""``lineal emit --as-operator``."""

FILES = AdmissionPolicy(
    name="files",
    types=frozenset((DocumentArrived.type, DocumentSourceDeleted.type)),
    own_types=False,
)
"""Watched folders, uploads, ``lineal put``, mailboxes and S3: they make the event of a file
themselves."""

SPEECH = AdmissionPolicy(name="speech", types=frozenset((AudioChunk.type,)), own_types=False)
"""The WebSocket ``/transcripts`` and ``lineal transcribe``: they number the chunks of a session
themselves."""

ARTICLES = AdmissionPolicy(
    name="articles", types=frozenset((ArticlePublished.type,)), own_types=False
)
"""``POST /articles`` and ``lineal article publish``: they store the text themselves."""

CRAWL = AdmissionPolicy(
    name="crawl", types=frozenset((ImageFound.type, ImageGone.type)), own_types=False
)
"""Crawls: they fetch and store the images themselves."""

BRIDGE = AdmissionPolicy(
    name="bridge",
    types=frozenset(
        payload.type
        for payload in (
            TelemetryReadings, TelemetryGap, DeviceBirth, DeviceDeath, DeviceHealth,
            AnomalyOpened, AnomalyUpdated, AnomalyClosed, FaultRecognised, DeploymentJobUpdated,
            PhotoCaptured, UtteranceReceived,
        )
    ),
    own_types=False,
    bounded=False,  # messages have a largest size, and of their data only numbers are many
)  # fmt: skip
"""The MQTT bridge: what devices may send."""
