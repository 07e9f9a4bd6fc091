// An article is read along: the sentence that is spoken is marked, and one that is chosen is heard.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const audio = document.querySelector("audio[data-listen]");
  const sentences = [...document.querySelectorAll("button.sentence")];
  if (!audio) {
    for (const sentence of sentences) sentence.disabled = true;
    return;
  }
  for (const sentence of sentences) {
    sentence.addEventListener("click", () => {
      audio.currentTime = Number(sentence.dataset.start);
      // A browser may want to be asked by a person first; then the button of the player does it.
      audio.play().catch(() => {});
    });
  }
  audio.addEventListener("timeupdate", () => {
    const time = audio.currentTime;
    for (const sentence of sentences) {
      const spoken = time >= Number(sentence.dataset.start) && time < Number(sentence.dataset.end);
      if (spoken) sentence.setAttribute("aria-current", "true");
      else sentence.removeAttribute("aria-current");
    }
  });
});
