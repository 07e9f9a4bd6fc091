"""Fields are declared in files; what is wrong in one is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal_consumers.fields.config import FieldsConfig, settings_of_fields
from lineal_consumers.fields.definition import BadFields, read_class_fields

ORDER = """
[fields.number]
type = "id"
labels = ["order no"]
required = true

[fields.total]
type = "amount"
"""


def test_a_file_declares_the_fields_of_a_class_beside_the_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "order.toml").write_text(ORDER)
    derived = settings_of_fields({"fields": {"folder": str(tmp_path)}})
    config = FieldsConfig.model_validate(derived["stages"]["fields"])
    assert list(config.classes["order"].fields) == ["number", "total"]
    assert config.classes["invoice"].fields["iban"].checksum == "iban"


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ('type = "id"', 'type = "serial"', 3, "Input should be"),
        ('type = "id"', 'type = "id"\npattern = "("', 4, "no regular expression"),
        ("required", "requierd", 5, "Extra inputs"),
        ('type = "amount"', 'type = "amount"\nsum_of = ["net"]', 9, "no declared amount"),
        ('type = "amount"', "", 7, "Field required"),
        ("[fields.total]", "[fields.total", 7, "this is no TOML"),
    ],
)
def test_an_error_says_the_file_the_line_and_why(
    tmp_path: Path, old: str, new: str, line: int, why: str
) -> None:
    (tmp_path / "order.toml").write_text(ORDER.replace(old, new))
    with pytest.raises(BadFields) as raised:
        read_class_fields(tmp_path)
    assert "order.toml" in str(raised.value)
    assert f"line {line}" in str(raised.value)
    assert why in str(raised.value)
