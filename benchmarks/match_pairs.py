"""Writes the frozen pairs of ``quality.match``: ``python -m benchmarks.match_pairs FILE``.

The rules. Forty findings have two names each; five frames say them of the patient (affirmed,
negated, historical, of the family, uncertain). A pair is a sentence in one frame, and a text of
nine sentences: the right one says the same of the same finding, by its other name and in another
frame of the same kind; one says the opposite, by the very name that is asked for; where the frame
is neither affirmed nor negated a second one says it plainly; the rest are about other findings, in
all frames. The order is drawn from a seed.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

FINDINGS = [tuple(line.split(" | ")) for line in """
chest pain | pain in the chest
shortness of breath | difficulty breathing
abdominal pain | pain in the abdomen
a productive cough | cough with sputum
swelling of the legs | leg swelling
loss of appetite | poor appetite
night sweats | sweating at night
blurred vision | blurry vision
a skin rash | a rash on the skin
joint stiffness | stiff joints
weight loss | loss of weight
back pain | pain in the lower back
an ear infection | an infection of the ear
blood in the urine | bloody urine
a stomach ulcer | an ulcer of the stomach
a fracture of the hip | a hip fracture
kidney stones | stones in the kidney
liver disease | disease of the liver
lung cancer | cancer of the lung
breast cancer | cancer of the breast
high blood pressure | elevated blood pressure
heart failure | failure of the heart
a heart murmur | a murmur of the heart
difficulty swallowing | trouble swallowing
sleep disturbance | disturbed sleep
memory loss | loss of memory
tingling of the fingers | tingling fingers
hearing loss | loss of hearing
an allergy to penicillin | a penicillin allergy
an enlarged thyroid | thyroid enlargement
a urinary tract infection | an infection of the urinary tract
muscle weakness | weakness of the muscles
an irregular heartbeat | irregular beating of the heart
vomiting of blood | bloody vomiting
a sore throat | soreness of the throat
a blood clot in the leg | a clot in a leg vein
tiredness | fatigue
fainting | syncope
itching | pruritus
a stroke | a cerebrovascular accident
""".strip().splitlines()]  # fmt: skip
ASKED = {
    "affirmed": ("The patient reports {}.", "She complains of {}.", "He has {}."),
    "negated": ("Patient denies {}.", "There is no evidence of {}.", "He has no {bare}."),
    "historical": ("History of {}.", "She had {} in the past."),
    "family": ("Family history of {}.", "Her mother had {}."),
    "uncertain": ("Possible {bare}.", "{} is suspected."),
}
SAID = {
    "affirmed": ("Patient presents with {}.", "On admission there was {}.", "{} since yesterday."),
    "negated": ("She does not have {}.", "Negative for {}.", "{} was ruled out.", "Without {}."),
    "historical": ("Past medical history of {}.", "He previously had {}.", "{} two years ago."),
    "family": ("His father suffered from {}.", "{} in the sister.", "Mother with {}."),
    "uncertain": ("We cannot exclude {}.", "Findings may represent {}.", "Concern for {}."),
}
PAIRS, SENTENCES = 200, 9


def make_pairs(seed: int = 2026) -> list[dict[str, Any]]:
    """The pairs: ``sentence``, its ``polarity``, ``text`` as sentences, ``right`` and ``wrong``
    (those about the same finding in another polarity) as indices of these."""
    chosen = random.Random(seed)
    pairs = []
    for number in range(PAIRS):
        finding, other_name = FINDINGS[number % len(FINDINGS)]
        polarity = list(ASKED)[number // len(FINDINGS)]
        right = _say(chosen.choice(SAID[polarity]), other_name)
        wrong = [_say(chosen.choice(SAID[_opposite(polarity)]), finding)]
        if polarity not in ("affirmed", "negated"):
            wrong.append(_say(chosen.choice(SAID["affirmed"]), finding))
        others = chosen.sample([pair for pair in FINDINGS if pair[0] != finding], SENTENCES)
        rest = [
            _say(chosen.choice(SAID[chosen.choice(list(SAID))]), chosen.choice(names))
            for names in others[: SENTENCES - 1 - len(wrong)]
        ]
        text = [right, *wrong, *rest]
        chosen.shuffle(text)
        pairs.append(
            {
                "sentence": _say(chosen.choice(ASKED[polarity]), finding),
                "polarity": polarity,
                "text": text,
                "right": text.index(right),
                "wrong": sorted(text.index(item) for item in wrong),
            }
        )
    return pairs


def _opposite(polarity: str) -> str:
    return "affirmed" if polarity == "negated" else "negated"


def _say(frame: str, finding: str) -> str:
    bare = finding.removeprefix("an ").removeprefix("a ")
    text = frame.format(finding, bare=bare)
    return text[0].upper() + text[1:]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(make_pairs(), indent=1) + "\n")
