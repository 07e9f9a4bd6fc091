"""Times as loggers write them, in microseconds since the Unix epoch."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_ISO = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"\s*(Z|UTC|[+-]\d\d:?\d\d)?"
)
_DOTTED = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?()")
_SECONDS = re.compile(r"\d{9,10}(?:[.,]\d+)?")
_MILLISECONDS = re.compile(r"\d{12,13}")
_MICROSECOND = timedelta(microseconds=1)


class TimeParser:
    """Parses one column's times: ISO 8601, ``31.12.2026 14:00:05,5``, seconds or milliseconds since
    1970, or a stated format. Days and months that could be the other way round have to be stated.
    """

    def __init__(
        self, zone: str | None = None, format: str | None = None, *, after_us: int = 0
    ) -> None:
        """``zone``: of times that name none (``Europe/Berlin``); None: the machine's. ``format``:
        as ``strptime`` takes it. ``after_us``: the time before the first.

        Raises:
            ValueError: there is no such zone.
        """
        self._zone: tzinfo | None = None
        self._format = format
        self._last = after_us
        if zone is not None:
            try:
                self._zone = ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ValueError(
                    f"zone {zone!r} is not known, as Europe/Berlin and UTC are"
                ) from error

    def parse(self, text: str) -> int | None:
        """Microseconds since the epoch; None where the text is no time.

        In the hour that comes twice when summer time ends, the second is meant once time would
        otherwise go back.
        """
        cell = text.strip()
        moment = self._formatted(cell) if self._format else _known(cell)
        if moment is None:
            return None
        if isinstance(moment, int):
            found = moment
        elif moment.tzinfo is not None:
            found = _since_epoch(moment)
        else:
            found = self._local(moment)
            if found < self._last:
                later = self._local(moment.replace(fold=1))
                found = later if later > found else found
        self._last = found
        return found

    def _local(self, moment: datetime) -> int:
        zoned = moment.astimezone() if self._zone is None else moment.replace(tzinfo=self._zone)
        return _since_epoch(zoned)

    def _formatted(self, text: str) -> datetime | None:
        try:
            return datetime.strptime(text, self._format or "")
        except ValueError:
            return None


def _since_epoch(moment: datetime) -> int:
    return (moment.astimezone(timezone.utc) - _EPOCH) // _MICROSECOND


def _known(text: str) -> datetime | int | None:
    if _SECONDS.fullmatch(text):
        return round(float(text.replace(",", ".")) * 1e6)
    if _MILLISECONDS.fullmatch(text):
        return int(text) * 1000
    if found := _ISO.fullmatch(text):
        year, month, day, *rest = found.groups()
    elif found := _DOTTED.fullmatch(text):
        day, month, year, *rest = found.groups()
    else:
        return None
    hour, minute, second, fraction, zone = rest
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
    except ValueError:
        return None
    moment += timedelta(microseconds=int((fraction or "").ljust(6, "0")[:6]))
    return moment.replace(tzinfo=_offset(zone)) if zone else moment


def _offset(zone: str) -> timezone:
    if zone in ("Z", "UTC"):
        return timezone.utc
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))
