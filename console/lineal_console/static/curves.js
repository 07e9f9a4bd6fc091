// Draws the readings of a device: a curve for each feature, with anomalies as bands and gaps as lines.
"use strict";

const COLOURS = ["#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2", "#65a30d", "#dc2626"];

function bands(data) {
  return {
    hooks: {
      drawClear: (plot) => {
        const { left, top, width, height } = plot.bbox;
        const area = plot.ctx;
        area.save();
        area.beginPath();
        area.rect(left, top, width, height);
        area.clip();
        for (const anomaly of data.anomalies) {
          const from = plot.valToPos(anomaly.begin, "x", true);
          const to = anomaly.end ? plot.valToPos(anomaly.end, "x", true) : left + width;
          area.fillStyle = "rgba(220, 38, 38, 0.18)";
          area.fillRect(from, top, Math.max(3, to - from), height);
        }
        area.fillStyle = "rgba(217, 119, 6, 0.8)";
        for (const gap of data.gaps) area.fillRect(plot.valToPos(gap.time, "x", true), top, 2, height);
        area.restore();
      },
    },
  };
}

async function drawCurves(element) {
  const answer = await fetch(element.dataset.curves);
  if (!answer.ok) return;
  const data = await answer.json();
  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  element.replaceChildren();
  if (!data.times.length) {
    const empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = element.dataset.empty;
    element.append(empty);
  } else {
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    // A drawing for each feature: their units differ, and on one scale the small ones are flat.
    data.features.forEach((label, place) => {
      new uPlot({
        width: Math.max(280, element.clientWidth - 16),
        height: 150,
        cursor: { sync: { key: "device" } },
        plugins: [bands(data)],
        axes: [axis, { ...axis, size: 60 }],
        series: [{}, { label, stroke: COLOURS[place % COLOURS.length], width: 1.5 }],
      }, [data.times, data.values[place]], element);
    });
  }
  const list = document.querySelector(".anomalies");
  const time = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium", dateStyle: "short" });
  list.replaceChildren(...data.anomalies.map((anomaly) => {
    const item = document.createElement("li");
    const end = anomaly.end ? time.format(new Date(anomaly.end * 1000)) : element.dataset.open;
    item.textContent = `${element.dataset.anomaly}: ${time.format(new Date(anomaly.begin * 1000))} – ${end}, ${anomaly.score.toPrecision(3)} / ${anomaly.threshold.toPrecision(3)} (${anomaly.features.join(", ")})`;
    if (anomaly.fault) item.textContent += `; ${element.dataset.fault} ${anomaly.fault}`;
    return item;
  }));
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-curves]").forEach(drawCurves);
});
