// Files that are dropped onto the page, or chosen, are sent one after the other; a stream says how
// far each is. Without this script the form sends them as any form does.
"use strict";

(() => {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const section = document.querySelector("section.uploads");
  const list = section.querySelector("ul");
  const hint = document.querySelector(".drop-hint");
  const rows = new Map();
  const waiting = [];
  let sending = 0;
  let source = null;

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function addRow(file) {
    const row = element("li", "upload-row");
    const name = element("bdi", "name", visible(file.name));
    const bar = element("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", visible(file.name));
    row.append(name, bar, element("span", "stages"), element("span", "status"));
    list.prepend(row);
    section.hidden = false;
    return row;
  }

  function fail(row, message) {
    row.querySelector("progress").remove();
    const status = row.querySelector(".status");
    status.className = "status status-failed";
    status.textContent = message || form.dataset.failed;
  }

  function send() {
    while (sending < 3 && waiting.length) {
      const { file, row } = waiting.shift();
      sending += 1;
      const body = new FormData();
      body.append("file", file, file.name);
      const request = new XMLHttpRequest();
      request.open("POST", form.action);
      request.responseType = "json";
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) row.querySelector("progress").value = 0.2 * event.loaded / event.total;
      });
      request.addEventListener("loadend", () => {
        sending -= 1;
        const answer = request.response;
        if (request.status === 202) {
          for (const item of answer) rows.set(item.document_id, row);
          follow();
        } else {
          fail(row, answer && answer.error);
        }
        send();
      });
      request.send(body);
    }
  }

  let following = null;
  function follow() {
    clearTimeout(following);
    following = setTimeout(() => {
      if (source) source.close();
      const query = new URLSearchParams();
      for (const [id, row] of rows) if (!row.dataset.done) query.append("id", id);
      if (![...query].length) return;
      source = new EventSource(form.dataset.progress + "?" + query);
      source.addEventListener("progress", (event) => show(JSON.parse(event.data)));
      source.addEventListener("done", () => {
        source.close();
        document.body.dispatchEvent(new CustomEvent("arrived"));
      });
    }, 200);
  }

  function show(state) {
    const row = rows.get(state.id);
    if (!row) return;
    const stages = row.querySelector(".stages");
    stages.replaceChildren(
      ...state.done.map((name) => element("span", "stage done", name)),
      ...state.ahead.map((name) => element("span", "stage", name)),
    );
    const bar = row.querySelector("progress");
    const all = state.done.length + state.ahead.length;
    const status = row.querySelector(".status");
    status.className = "status status-" + state.status;
    status.textContent = state.shown;
    status.title = state.reason || "";
    if (bar) bar.value = 0.2 + 0.8 * (all ? state.done.length / all : 0);
    if (["indexed", "rejected", "failed"].includes(state.status)) {
      row.dataset.done = "1";
      if (bar) bar.remove();
      if (state.reason) row.append(element("span", "reason", state.reason));
      const name = row.querySelector(".name");
      if (!name.closest("a")) {
        const link = element("a");
        link.href = "/console/documents/" + encodeURIComponent(state.id);
        name.replaceWith(link);
        link.append(name);
      }
    }
  }

  function add(files) {
    for (const file of files) waiting.push({ file, row: addRow(file) });
    send();
  }

  const input = form.querySelector("input[type=file]");
  input.addEventListener("change", () => {
    add(input.files);
    input.value = "";
  });
  let inside = 0;
  const carriesFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    inside += 1;
    hint.hidden = false;
  });
  document.addEventListener("dragleave", () => {
    inside = Math.max(0, inside - 1);
    if (!inside) hint.hidden = true;
  });
  document.addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    inside = 0;
    hint.hidden = true;
    add(event.dataTransfer.files);
  });
})();
