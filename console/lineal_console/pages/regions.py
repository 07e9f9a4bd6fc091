"""Links between regions: how far each is."""

from __future__ import annotations

from starlette.responses import Response

from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_producers.regions.link_status import link_statuses

REGIONS = Page("regions", "Regions", act="replay", section="flow", order=70)


@REGIONS.get()
async def list_links(request: PageRequest) -> Response:
    """All links of the settings."""
    return request.render("regions.html", links=await link_statuses(request.runtime))
