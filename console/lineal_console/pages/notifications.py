"""What needs people now, by the rules of the settings, and what they were told."""

from __future__ import annotations

from starlette.responses import Response

from lineal_catalog.notifications.projection import recent_notifications
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_producers.notifications.conditions import find
from lineal_producers.notifications.settings import NotificationSettings

NOTIFICATIONS = Page("notifications", "Notifications", act="metrics", section="system", order=15)
_SHOWN = 100


@NOTIFICATIONS.get()
async def show(request: PageRequest) -> Response:
    """What the rules find at present, and what was sent."""
    settings = request.runtime.settings.section(NotificationSettings)
    rules = [
        (name, rule, await find(request.runtime, rule))
        for name, rule in settings.rules_in_force.items()
    ]
    sent = await request.runtime.store.read(lambda c: recent_notifications(c, _SHOWN))
    return request.render(
        "notifications.html", rules=rules, sent=sent, channels=settings.webhook or settings.mail
    )
