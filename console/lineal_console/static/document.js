// Joins what is listed beside a page with its place on the page.
"use strict";

(() => {
  function mark(id, on) {
    for (const each of document.querySelectorAll(`[data-box="${CSS.escape(id)}"]`)) {
      each.classList.toggle("hot", on);
    }
  }
  for (const [begin, end] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    document.addEventListener(begin, (event) => {
      const element = event.target.closest("[data-box]");
      if (element) mark(element.dataset.box, true);
    });
    document.addEventListener(end, (event) => {
      const element = event.target.closest("[data-box]");
      if (element) mark(element.dataset.box, false);
    });
  }
  // A page that nothing draws still has its text and boxes.
  document.addEventListener("error", (event) => {
    if (event.target.matches && event.target.matches(".sheet img")) event.target.classList.add("missing");
  }, true);
})();
