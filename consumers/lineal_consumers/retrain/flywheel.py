"""What an iteration does."""

from __future__ import annotations

from typing import Literal

Case = Literal["nothing_new", "only_test", "only_train", "both"]


def case_of(*, new_train: bool, new_test: bool) -> Case:
    """The flywheel's four cases: nothing is done, all are evaluated again, trained again and
    evaluated on the old test data, or both."""
    if new_train:
        return "both" if new_test else "only_train"
    return "only_test" if new_test else "nothing_new"
