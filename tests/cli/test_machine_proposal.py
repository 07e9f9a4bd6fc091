"""``lineal machine new``: what a CSV file says of its machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal_cli.header_units import is_unit, without_unit
from lineal_cli.machine_proposal import propose
from lineal_scoring.machine import Machine, read_machine


@pytest.mark.parametrize(
    ("column", "name", "unit"),
    [
        ("Druck (bar)", "Druck", "bar"),
        ("flow [l/min]", "flow", "l/min"),
        ("Durchfluss[m³/h]", "Durchfluss", "m³/h"),
        ("Vibration (mm/s^2)", "Vibration", "mm/s^2"),
        ("Leitfähigkeit (µS/cm)", "Leitfähigkeit", "µS/cm"),
        ("Drehzahl (1/min)", "Drehzahl", "1/min"),
        ("humidity (%)", "humidity", "%"),
        ("temp (inlet) (°C)", "temp (inlet)", "°C"),
        ("Druck (bar)_2", "Druck_2", "bar"),
        ("bearing (left)", "bearing (left)", ""),
        ("sensor (1)", "sensor (1)", ""),
        ("(bar)", "(bar)", ""),
        ("hours", "hours", ""),
    ],
)
def test_a_unit_in_brackets_is_no_part_of_the_name(column: str, name: str, unit: str) -> None:
    assert without_unit(column) == (name, unit)


@pytest.mark.parametrize("text", ["kg/m3", "N·m", "W/m²", "dB", "m s-1", "kWh", "U/min", "mbar"])
def test_units_are_symbols_with_powers(text: str) -> None:
    assert is_unit(text)


@pytest.mark.parametrize("text", ["", "2", "3.5", "left", "raw", "Pumpe", "m//s", "2026"])
def test_other_texts_are_no_units(text: str) -> None:
    assert not is_unit(text)


def test_units_of_a_header_are_those_of_the_channels(tmp_path: Path) -> None:
    header = "Zeit;Druck (bar);Druck (psi);Temperatur [°C];Ventil (links);Durchfluss"
    below = ";;;;;l/min"
    rows = [f"2026-11-28 09:00:{n:02};{n % 7},5;{n}.5;2{n % 10},1;0,{n};{n % 9},25"
            for n in range(30)]  # fmt: skip
    (tmp_path / "p.csv").write_text("\n".join([header, below, *rows]) + "\n", encoding="cp1252")
    file = tmp_path / "p.toml"
    file.write_text(propose(tmp_path / "p.csv", "pump-*").text)
    channels = read_machine(file).channels
    assert {name: (channel.unit, channel.column) for name, channel in channels.items()} == {
        # two names that would be one stay as they are
        "Druck (bar)": ("bar", None),
        "Druck (psi)": ("psi", None),
        "Temperatur": ("°C", "Temperatur [°C]"),
        "Ventil (links)": ("", None),
        "Durchfluss": ("l/min", None),
    }


@pytest.mark.parametrize(
    "times",
    [
        [
            f"28.11.2026 09:00:{n / 4:09.6f}".replace(".", ",").replace(",", ".", 2)
            for n in range(40)
        ],
        [f"11/28/2026 09:00:{n // 4:02}.{25 * (n % 4):02}" for n in range(40)],
        [str(1764320400000 + 250 * n) for n in range(40)],
        [f"{n / 4:.2f}" for n in range(40)],
        [f"28.11.2026 09:00:{10 - n / 4:05.2f}" for n in range(40)],
    ],
    ids=["German", "American", "milliseconds since 1970", "seconds", "the newest first"],
)
def test_the_rate_follows_from_times_however_they_are_written(
    tmp_path: Path, times: list[str]
) -> None:
    rows = "".join(f"{time};{n % 7},5\n" for n, time in enumerate(times))
    (tmp_path / "p.csv").write_text(f"time;p\n{rows}")
    assert "rate_hz = 4\n" in propose(tmp_path / "p.csv", "p-1").text


def proposed(folder: Path, text: str) -> tuple[str, Machine]:
    (folder / "p.csv").write_text(text)
    file = folder / "p.toml"
    file.write_text(propose(folder / "p.csv", "p-1").text)
    return file.read_text(), read_machine(file)


@pytest.mark.parametrize(
    ("header", "times", "rate"),
    [
        ("Date Time", [f"{45_900 + n / 86_400 / 2:.9f}" for n in range(40)], "2"),
        ("time", [f"05/03/2026 {n + 1:02}:00 AM" for n in range(11)], "0.000278"),
        ("time", ["noon", "later"] * 20, "1  # no times of the file are understood"),
    ],
    ids=["a spreadsheet's days", "no seconds, but AM", "not understood"],
)  # fmt: skip
def test_a_rate_is_never_guessed_silently(
    tmp_path: Path, header: str, times: list[str], rate: str
) -> None:
    text, machine = proposed(
        tmp_path, f"{header};p\n" + "".join(f"{time};{n % 7}.5\n" for n, time in enumerate(times))
    )
    assert f"rate_hz = {rate}" in text
    assert list(machine.channels) == ["p"]


def test_counters_are_those_that_begin_anew_too(tmp_path: Path) -> None:
    def row(n: int) -> str:
        hours = 1200 + n / 360 if n < 150 else (n - 150) / 360
        full = (65_000 + 7 * n) % 65_536
        tank = 60 + n % 40 if n % 80 < 40 else 100 - n % 40
        level = 4 + (n * 7_919 % 101) / 100
        return f"{n},{hours:.4f},{full},{n % 97},{tank},{level}"

    names = "time,hours,pulses,strokes,tank,level"
    _, machine = proposed(tmp_path, "\n".join([names, *(row(n) for n in range(300))]) + "\n")
    kinds = {name: channel.kind for name, channel in machine.channels.items()}
    counters = dict.fromkeys(("hours", "pulses", "strokes"), "counter")
    assert kinds == {**counters, "tank": "level", "level": "level"}


def test_an_angle_in_degrees_is_not_scored_as_a_level(tmp_path: Path) -> None:
    rows = "".join(f"{n},{(340 + n * 3) % 360},{n % 7}.5\n" for n in range(100))
    text, machine = proposed(tmp_path, "time,wind direction (°),p\n" + rows)
    assert machine.scored == ("p",)
    assert "only one in radians can be scored" in text


def test_any_header_makes_a_file_that_can_be_read(tmp_path: Path) -> None:
    header = 'time,"two\nlines",temp,temp,temp_2,"a ""b"" \\ c\x01",name\n'
    _, machine = proposed(
        tmp_path, header + "".join(f"{n},1.5,2.5,3.5,4.5,5.5,6.5\n" for n in range(12))
    )
    assert len(machine.channels) == 6
    assert {"two\nlines", "temp", "temp_3", "temp_2"} < set(machine.channels)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PK\x03\x04" + bytes(60), "save it as CSV"),
        (b"\x1f\x8b\x08" + bytes(60), "unpack it first"),
        (bytes(range(256)) * 4, "binary data"),
        (
            b"time,sensor,value\n"
            + b"".join(
                b"2026-11-0%d,%b,1.5\n" % (n, name) for n in range(1, 9) for name in (b"p", b"q")
            ),
            "one of several sensors, which the column 'sensor' names",
        ),
    ],
    ids=["spreadsheet", "compressed", "binary", "a row for each sensor"],
)
def test_what_is_no_table_of_readings_is_refused_with_the_reason(
    tmp_path: Path, data: bytes, why: str
) -> None:
    (tmp_path / "p.csv").write_bytes(data)
    with pytest.raises(ValueError, match=why):
        propose(tmp_path / "p.csv", "p-1")


@pytest.mark.parametrize(("period", "said"), [(150, True), (2000, False)])
def test_a_machine_with_several_operating_points_is_told_what_has_to_be_learnt_from(
    tmp_path: Path, period: int, said: bool
) -> None:
    def pressure(n: int) -> float:
        return 4 + (n // period) % 2 + (n * 7_919 % 101) / 1000

    rows = "".join(f"{n},{pressure(n):.3f}\n" for n in range(1200))
    text, machine = proposed(tmp_path, f"time,p\n{rows}")
    assert ("# To and fro between levels: p" in text) is said
    assert machine.normal.baseline == "moving"
