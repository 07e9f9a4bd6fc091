// Small additions to pages that work without them. Nothing here evaluates strings.
"use strict";

const language = document.documentElement.lang;
/** As the reader's part of the world writes times, where it speaks the language of the page. */
const region = navigator.languages.find((name) => name.split("-")[0] === language) || language;

/** A text in which characters that turn the order of what follows are seen, as the service does it. */
function visible(text) {
  return String(text).replace(/[\u202a-\u202e\u2066-\u2069]/g,
    (character) => `[U+${character.charCodeAt(0).toString(16).toUpperCase()}]`);
}

/** Show times in the reader's own time zone. */
function localTimes(root) {
  const full = new Intl.DateTimeFormat(region, { dateStyle: "medium", timeStyle: "medium" });
  const own = root.matches && root.matches("time[datetime]") ? [root] : [];
  for (const element of [...own, ...root.querySelectorAll("time[datetime]")]) {
    const time = new Date(element.getAttribute("datetime"));
    if (Number.isNaN(time.getTime())) continue;
    if (element.hasAttribute("data-relative")) element.title = full.format(time);
    else element.textContent = full.format(time);
  }
}

/** On a narrow screen the menu begins closed. */
function foldMenu() {
  const menu = document.querySelector("details.menu");
  if (menu && window.matchMedia("(max-width: 48rem)").matches) menu.open = false;
}

/** Close an open account panel by Escape or by a click elsewhere. */
function closePanels() {
  const panel = document.querySelector("details.account");
  if (!panel) return;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && panel.open) {
      panel.open = false;
      panel.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (panel.open && !panel.contains(event.target)) panel.open = false;
  });
}

/** Ask before an act that cannot be undone. */
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    event.stopPropagation();
  }
}, true);

/** Select all rows of a list at once. */
document.addEventListener("change", (event) => {
  const box = event.target;
  if (!box.matches("input[data-select-all]")) return;
  for (const each of box.form.querySelectorAll("input[name=" + CSS.escape(box.dataset.selectAll) + "]")) {
    each.checked = box.checked;
  }
});

/** Show why a request of htmx was refused, and have the answer of an error swapped nowhere else. */
document.addEventListener("htmx:responseError", (event) => {
  const place = document.getElementById("problem");
  const answer = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  const message = document.createElement("p");
  message.className = "problem";
  message.textContent = answer.body.textContent.trim() || String(event.detail.xhr.status);
  place.replaceChildren(message);
});

/** Say where a request did not reach the service: the page stays as it is. */
document.addEventListener("htmx:sendError", (event) => {
  const form = event.target.closest("form");
  const state = form && event.detail.target && event.detail.target.id === "draft-state" && event.target === form
    ? event.detail.target : null;
  if (state) {
    // A draft: it is sent again until it is kept.
    state.textContent = state.dataset.away;
    setTimeout(() => { if (form.isConnected) form.dispatchEvent(new Event("change", { bubbles: true })); }, 5000);
    return;
  }
  const place = document.getElementById("problem");
  const message = document.createElement("p");
  message.className = "problem";
  message.textContent = place.dataset.away;
  place.replaceChildren(message);
});
document.addEventListener("htmx:afterOnLoad", (event) => {
  const place = document.getElementById("problem");
  if (event.detail.successful !== false && place.textContent === place.dataset.away) place.replaceChildren();
});

/** A picture that cannot be had (a page that nothing draws) leaves an empty place. */
document.addEventListener("error", (event) => {
  if (event.target.matches && event.target.matches(".thumbnail img")) event.target.remove();
}, true);

/**
 * Parts of a page that the service keeps up to date: an element with `data-live=ADDRESS` is
 * connected while the page is seen, since a browser has few connections for all its windows.
 * Each event replaces the content of the element below it whose `data-part` is the event's name.
 */
function connectLive(element) {
  let source = null;
  const update = () => {
    if (!element.isConnected || document.hidden) {
      if (source) source.close();
      source = null;
      return;
    }
    if (source) return;
    source = new EventSource(element.dataset.live);
    for (const part of element.querySelectorAll("[data-part]")) {
      source.addEventListener(part.dataset.part, (event) => {
        if (part.dataset.as === "graph") {
          showGraph(part, JSON.parse(event.data));
          return;
        }
        const focused = part.contains(document.activeElement) && document.activeElement.id;
        part.innerHTML = event.data;
        localTimes(part);
        htmx.process(part);
        if (focused) document.getElementById(focused)?.focus();
        part.dispatchEvent(new CustomEvent("live", { bubbles: true, detail: event.data }));
      });
    }
    source.addEventListener("end", () => { source.close(); });
  };
  document.addEventListener("visibilitychange", update);
  update();
}

/** Parts that are asked for again every `data-refresh` seconds, while the page is seen. */
let seconds = 0;
setInterval(() => {
  seconds += 1;
  if (document.hidden) return;
  for (const part of document.querySelectorAll("[data-refresh]")) {
    if (seconds % Number(part.dataset.refresh) === 0) part.dispatchEvent(new Event("refresh"));
  }
}, 1000);

document.addEventListener("htmx:load", (event) => localTimes(event.target));
document.addEventListener("DOMContentLoaded", () => {
  localTimes(document);
  foldMenu();
  closePanels();
  document.querySelectorAll("[data-live]").forEach(connectLive);
});

/** A line that was said is taken out of its field, and the newest is seen. */
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.matches("form[data-clear]") && event.detail.successful) event.target.reset();
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target && event.detail.target.id === "talk") event.detail.target.scrollTop = event.detail.target.scrollHeight;
});
