"""What is sent to AWS is what its own library would send."""

from __future__ import annotations

from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from lineal.bus.aws.calls import encoded_form


@given(st.dictionaries(st.text(), st.text() | st.integers()))
def test_a_form_is_encoded_as_by_the_standard_library(fields: dict[str, str | int]) -> None:
    assert encoded_form(fields) == urlencode(list(fields.items())).encode()
