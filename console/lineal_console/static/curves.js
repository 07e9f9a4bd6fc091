// Draws the readings of a device: a curve for each feature, with anomalies and marked times as
// bands and gaps as lines. A time of some minutes is asked for again and again while it is seen.
"use strict";

(() => {
  const COLOURS = ["#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2", "#65a30d", "#dc2626"];
  const ANOMALY = "rgba(220, 38, 38, 0.18)";
  const GAP = "rgba(217, 119, 6, 0.8)";
  const NORMAL = "rgba(5, 150, 105, 0.15)";
  const FAULT = "rgba(124, 58, 237, 0.18)";

  /** What people said of times, as the page lists it. */
  function marks() {
    return [...document.querySelectorAll("[data-mark-from]")].map((item) => ({
      begin: Number(item.dataset.markFrom) / 1e6,
      end: Number(item.dataset.markTo) / 1e6,
      colour: item.dataset.markFault ? FAULT : NORMAL,
    }));
  }

  function bands(data) {
    return {
      hooks: {
        drawClear: (plot) => {
          const { left, top, width, height } = plot.bbox;
          const area = plot.ctx;
          const band = (begin, end, colour) => {
            const from = plot.valToPos(begin, "x", true);
            const to = end ? plot.valToPos(end, "x", true) : left + width;
            area.fillStyle = colour;
            area.fillRect(from, top, Math.max(3, to - from), height);
          };
          area.save();
          area.beginPath();
          area.rect(left, top, width, height);
          area.clip();
          for (const mark of marks()) band(mark.begin, mark.end, mark.colour);
          for (const anomaly of data.anomalies) band(anomaly.begin, anomaly.end, ANOMALY);
          area.fillStyle = GAP;
          for (const gap of data.gaps) area.fillRect(plot.valToPos(gap.time, "x", true), top, 2, height);
          area.restore();
        },
      },
    };
  }

  function message(element, text) {
    const shown = document.createElement("p");
    shown.className = "empty";
    shown.textContent = text;
    element.replaceChildren(shown);
  }

  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function draw(element, data) {
    if (!data.times.length) {
      message(element, element.dataset.empty);
      return;
    }
    element.replaceChildren();
    // Times as the reader's part of the world writes them: the day where it begins, seconds if near.
    const clock = (seconds) => new Intl.DateTimeFormat(region, { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined });
    const day = new Intl.DateTimeFormat(region, { dateStyle: "short" });
    const full = new Intl.DateTimeFormat(region, { dateStyle: "short", timeStyle: "medium" });
    const number = new Intl.NumberFormat(region, { maximumSignificantDigits: 5 });
    const moment = (time) => new Date(time * 1000);
    const times = (_, splits, __, ___, step) => splits.map((time, place) => {
      const date = day.format(moment(time));
      const dayBegins = !place || date !== day.format(moment(splits[place - 1]));
      if (step >= 86400) return date;
      return clock(step < 60).format(moment(time)) + (dayBegins ? "\n" + date : "");
    });
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    // A drawing for each feature: their units differ, and on one scale the small ones are flat.
    data.features.forEach((label, place) => {
      new uPlot({
        width: Math.max(280, element.clientWidth - 16),
        height: 150,
        cursor: { sync: { key: "device" } },
        plugins: [bands(data)],
        axes: [{ ...axis, values: times }, { ...axis, size: 60, values: (_, splits) => splits.map((value) => number.format(value)) }],
        series: [{ label: element.dataset.time, value: (_, time) => time == null ? "–" : full.format(moment(time)) }, { value: (_, value) => value == null ? "–" : number.format(value), label: visible(data.units[place] ? `${label} [${data.units[place]}]` : label), stroke: COLOURS[place % COLOURS.length], width: 1.5 }],
      }, [data.times, data.values[place]], element);
    });
  }

  /** Put a time into the form that marks times; its fields are in UTC. */
  function fillForm(begin, end) {
    const form = document.getElementById("mark");
    const text = (time) => new Date(time * 1000).toISOString().slice(0, 19);
    form.elements.from.value = text(Math.floor(begin));
    form.elements.to.value = text(Math.ceil(end) + 1);
    form.elements.fault.focus();
  }

  function list(element, data) {
    const place = document.querySelector(".anomalies");
    if (!place) return;
    const time = new Intl.DateTimeFormat(region, { timeStyle: "medium", dateStyle: "short" });
    const items = data.anomalies.map((anomaly) => {
      const item = document.createElement("li");
      const end = anomaly.end ? time.format(new Date(anomaly.end * 1000)) : element.dataset.open;
      item.textContent = `${element.dataset.anomaly}: ${time.format(new Date(anomaly.begin * 1000))} – ${end}, ${anomaly.score.toPrecision(3)} / ${anomaly.threshold.toPrecision(3)} (${visible(anomaly.features.join(", "))})`;
      if (anomaly.fault) item.textContent += `; ${element.dataset.fault} ${visible(anomaly.fault)}`;
      if (document.getElementById("mark")) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "link";
        button.textContent = element.dataset.mark;
        button.addEventListener("click", () => fillForm(anomaly.begin, anomaly.end || Date.now() / 1000));
        item.append(" ", button);
      }
      return item;
    });
    for (const each of data.outside) {
      const item = document.createElement("li");
      item.textContent = visible(`${each.feature}: ${each.count} ${element.dataset.outside} (${each.range[0]} – ${each.range[1]} ${each.unit})`);
      items.push(item);
    }
    if (!items.length) {
      const none = document.createElement("li");
      none.textContent = element.dataset.none;
      items.push(none);
    }
    // What has not changed stays, with the focus on it; and nothing is read aloud again.
    const texts = (all) => [...all].map((each) => each.textContent).join("\n");
    if (texts(place.children) !== texts(items)) place.replaceChildren(...items);
  }

  async function show(element) {
    try {
      const answer = await fetch(element.dataset.curves);
      if (!answer.ok) throw new Error(String(answer.status));
      const data = await answer.json();
      draw(element, data);
      list(element, data);
    } catch {
      if (!element.querySelector("canvas")) message(element, element.dataset.failed);
    }
    const again = Number(element.dataset.again);
    if (again) setTimeout(() => showWhenSeen(element), again * 1000);
  }

  function showWhenSeen(element) {
    if (!document.hidden) show(element);
    else document.addEventListener("visibilitychange", () => showWhenSeen(element), { once: true });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-curves]").forEach(show);
  });
})();
