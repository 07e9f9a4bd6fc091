"""``lineal machine new``: what a CSV file says of its machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal_cli.header_units import is_unit, without_unit
from lineal_cli.machine_proposal import propose
from lineal_scoring.machine import read_machine


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
    ],
    ids=["German", "American", "milliseconds since 1970", "seconds"],
)
def test_the_rate_follows_from_times_however_they_are_written(
    tmp_path: Path, times: list[str]
) -> None:
    rows = "".join(f"{time};{n % 7},5\n" for n, time in enumerate(times))
    (tmp_path / "p.csv").write_text(f"time;p\n{rows}")
    assert "rate_hz = 4\n" in propose(tmp_path / "p.csv", "p-1").text
