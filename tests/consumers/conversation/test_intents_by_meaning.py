"""Intents are told by meaning beside words, where MiniLM is installed: foreign requests are known
to be foreign, and a model says which vectors it needs."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from lineal import Reject
from lineal_catalog.meaning import minilm
from lineal_consumers.conversation.config import IntentsModel
from lineal_consumers.conversation.intent_model import load_model
from lineal_consumers.conversation.learner import fit_examples

KNOWN = [
    (text, intent)
    for intent, texts in {
        "renew": [
            "I want to keep this book longer", "renew my loans please",
            "can I extend the novel I borrowed", "another two weeks for my books",
            "please prolong my loan", "extend everything on my card",
        ],
        "hours": [
            "when do you open", "opening hours of the reading room", "are you open on Sunday",
            "until when can I come tonight", "what time do you close on Friday",
            "is the library open today",
        ],
        "fines": [
            "how much do I owe", "I want to pay my fine", "what is the charge for late books",
            "do I have any fees", "settle my overdue fees", "is there a penalty on my account",
        ],
    }.items()
    for text in texts
]  # fmt: skip
FOREIGN = ("is the coffee here any good", "do you have a lift", "my car broke down")
needs_minilm = pytest.mark.skipif(not minilm.is_installed(), reason="MiniLM is not installed")


@needs_minilm
def test_what_asks_for_something_else_in_known_words_is_unknown() -> None:
    by_meaning = load_model(fit_examples(KNOWN, IntentsModel()).to_bytes())
    by_words = fit_examples(KNOWN, IntentsModel(engine="classical"))
    assert by_meaning.engine is not None
    assert by_words.engine is None
    assert [by_meaning.classify(text).confidence for text in FOREIGN] == [0.0, 0.0, 0.0]
    assert any(by_words.classify(text).confidence > 0 for text in FOREIGN)
    # In no word of the examples.
    found = by_meaning.classify("at which hour do your doors shut")
    assert (found.intent, found.confidence > 0.5) == ("hours", True)


def test_a_model_whose_vectors_cannot_be_made_here_says_what_to_install() -> None:
    data = fit_examples(KNOWN, IntentsModel(engine="classical")).to_bytes()
    with np.load(io.BytesIO(data)) as arrays:
        kept = dict(arrays)
    header = json.loads(kept["header"].tobytes())
    header |= {"format": "lineal-intents-2", "engine": "minilm:0000000000000000"}
    kept["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    kept["meaning"] = np.zeros((len(KNOWN), 384), np.float32)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, array in kept.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array)
            archive.writestr(f"{name}.npy", content.getvalue())
    with pytest.raises(Reject, match=r"minilm:0000.*pip install 'lineal.meaning.'"):
        load_model(out.getvalue()).classify("when do you open")


def test_a_model_of_words_alone_is_as_it_was() -> None:
    model = fit_examples(KNOWN, IntentsModel(engine="classical"))
    again = load_model(model.to_bytes())
    assert b"meaning.npy" not in model.to_bytes()
    assert again.classify("are you open on Saturdays") == model.classify(
        "are you open on Saturdays"
    )
