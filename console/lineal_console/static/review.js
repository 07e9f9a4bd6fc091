// Boxes to redact, or to label, are drawn on the page; each becomes a field of the form, which works without this.
"use strict";

// The field that was last gone to is the one that a click on a word of the page fills.
let lastField = null;
document.addEventListener("focusin", (event) => {
  if (event.target.matches("#answer input[name^='field-'], #answer input[name='class']")) lastField = event.target;
});

function takeWord(sheet, [across, down], behind) {
  const view = sheet.querySelector("svg.boxes").viewBox.baseVal;
  const [x, y] = [across * view.width, down * view.height];
  for (const box of sheet.querySelectorAll(".words-to-take rect")) {
    const [left, top] = [box.x.baseVal.value, box.y.baseVal.value];
    if (x < left || y < top || x > left + box.width.baseVal.value || y > top + box.height.baseVal.value) continue;
    const field = lastField || document.querySelector("#answer .doubted input, #answer input[name^='field-']");
    if (!field) return;
    const word = box.textContent;
    field.value = behind && field.value ? `${field.value} ${word}` : word;
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return;
  }
}

function drawBoxes(sheet) {
  const list = document.getElementById(sheet.dataset.drawBoxes);
  const picture = sheet.querySelector("svg.boxes");
  if (!list || !picture) return;
  let begin = null;
  let shape = null;

  const place = (event) => {
    const area = sheet.querySelector("img").getBoundingClientRect();
    const within = (value) => Math.max(0, Math.min(1, value));
    return [within((event.clientX - area.left) / area.width), within((event.clientY - area.top) / area.height)];
  };
  const between = (end) => [
    Math.min(begin[0], end[0]), Math.min(begin[1], end[1]),
    Math.abs(end[0] - begin[0]), Math.abs(end[1] - begin[1]),
  ];
  const show = (box) => {
    const view = picture.viewBox.baseVal;
    shape.setAttribute("x", box[0] * view.width);
    shape.setAttribute("y", box[1] * view.height);
    shape.setAttribute("width", box[2] * view.width);
    shape.setAttribute("height", box[3] * view.height);
  };

  sheet.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    begin = place(event);
    shape = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    picture.querySelector(".layer-found").append(shape);
    sheet.setPointerCapture(event.pointerId);
  });
  sheet.addEventListener("pointermove", (event) => {
    if (begin) show(between(place(event)));
  });
  sheet.addEventListener("pointerup", (event) => {
    if (!begin) return;
    const box = between(place(event));
    begin = null;
    if (box[2] < 0.005 || box[3] < 0.005) {
      shape.remove();
      takeWord(sheet, place(event), event.shiftKey);
      return;
    }
    show(box);
    const field = list.querySelector("input:last-child").cloneNode();
    field.value = [sheet.dataset.page, ...box.map((side) => side.toFixed(4))].join(",");
    list.prepend(field);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

document.querySelectorAll("[data-draw-boxes]").forEach(drawBoxes);

// Where boxes have classes, what is chosen is written before those that are drawn from then on.
document.addEventListener("input", (event) => {
  const sheet = document.getElementById(event.target.dataset.namesBoxes);
  if (sheet) sheet.dataset.page = event.target.value;
});
