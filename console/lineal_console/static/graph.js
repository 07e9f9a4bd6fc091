// Draws a graph of nodes and edges: dagre says where, SVG elements are made here.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const CHARACTER = 7.2;
const LINE = 16;
const PADDING = 10;
const LONGEST = 30;
const SMALLEST = 0.62;

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shortened(given) {
  const text = visible(given);
  return text.length > LONGEST ? text.slice(0, LONGEST - 1) + "…" : text;
}

/** Place nodes and edges; the answer is the drawing as one SVG element. */
function drawGraph(data, direction) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: direction, nodesep: 18, ranksep: 44, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of data.nodes) {
    const lines = [node.label, ...(node.lines || [])].map(shortened);
    const width = Math.max(60, ...lines.map((line) => line.length * CHARACTER)) + 2 * PADDING;
    graph.setNode(node.id, { width, height: lines.length * LINE + 2 * PADDING - 4, lines, node });
  }
  for (const edge of data.edges) {
    if (!graph.hasNode(edge.from) || !graph.hasNode(edge.to)) continue;
    const label = edge.label ? shortened(edge.label) : "";
    // A way back does not turn the order around: it is placed as if it led forwards.
    const [from, to] = edge.back ? [edge.to, edge.from] : [edge.from, edge.to];
    graph.setEdge(from, to, {
      edge, label, width: label.length * CHARACTER, height: label ? LINE : 0, labelpos: "c",
    }, edge.from + ">" + edge.to + ">" + (edge.title || label));
  }
  dagre.layout(graph);
  const size = graph.graph();
  const width = Math.max(1, Math.ceil(size.width || 1));
  const height = Math.max(1, Math.ceil(size.height || 1));
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "drawing" });
  const arrow = svg("marker", { id: "arrow", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" });
  arrow.append(svg("path", { d: "M0 0 10 5 0 10z", class: "arrow" }));
  drawing.append(svg("defs", {}, arrow));
  for (const key of graph.edges()) {
    const { points, edge, label, x, y } = graph.edge(key);
    if (edge.back) points.reverse();
    const path = points.map((point, place) => `${place ? "L" : "M"}${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join("");
    const group = svg(edge.href ? "a" : "g", { class: `edge edge-${edge.kind || "plain"} ${edge.state ? "state-" + edge.state : ""}` });
    if (edge.href) {
      group.setAttribute("href", edge.href);
      if (!label) group.setAttribute("aria-label", visible(edge.title));
    }
    if (edge.title && !label) group.append(svg("title", {}, visible(edge.title)));
    group.append(svg("path", { d: path, class: "reach" }));
    group.append(svg("path", { d: path, "marker-end": "url(#arrow)" }));
    if (label) {
      group.append(svg("rect", { x: x - label.length * CHARACTER / 2 - 3, y: y - 9, width: label.length * CHARACTER + 6, height: 18, rx: 4, class: "edge-ground" }));
      group.append(svg("text", { x, y: y + 4, "text-anchor": "middle" }, label));
    }
    drawing.append(group);
  }
  for (const id of graph.nodes()) {
    const { x, y, width: w, height: h, lines, node } = graph.node(id);
    const group = svg(node.href ? "a" : "g", {
      class: `node node-${node.kind} ${node.state ? "state-" + node.state : ""} ${node.proof ? "proof-" + node.proof : ""}`,
      transform: `translate(${(x - w / 2).toFixed(1)} ${(y - h / 2).toFixed(1)})`,
    });
    if (node.href) group.setAttribute("href", node.href);
    group.append(svg("title", {}, visible([node.label, ...(node.lines || [])].join("\n"))));
    group.append(svg("rect", { width: w, height: h, rx: node.kind === "object" ? h / 2 : 6 }));
    lines.forEach((line, place) => {
      group.append(svg("text", { x: PADDING, y: PADDING + 9 + place * LINE, class: place ? "line" : "label" }, line));
    });
    drawing.append(group);
  }
  return drawing;
}

/** Draw into an element what its address answers; kinds that it hides are bridged over. */
async function loadGraph(element) {
  const answer = await fetch(element.dataset.graph);
  if (!answer.ok) return;
  const data = await answer.json();
  showGraph(element, data);
}

function showGraph(element, data) {
  const box = document.getElementById(element.dataset.quietUnless);
  const all = !box || box.checked;
  const drawn = JSON.stringify([all, data]);
  if (element.drawn === drawn) return;
  element.drawn = drawn;
  if (box) box.onchange = () => showGraph(element, data);
  const hidden = new Set((element.dataset.hide || "").split(" ").filter(Boolean));
  const nodes = data.nodes.filter((node) => !hidden.has(node.kind) && (all || !node.quiet));
  const edges = data.edges.filter((edge) => all || !edge.quiet);
  if (!nodes.length && element.dataset.empty) {
    const empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = element.dataset.empty;
    element.replaceChildren(empty);
    return;
  }
  const narrow = element.clientWidth < 700;
  const left = element.scrollLeft;
  const drawing = drawGraph({ nodes, edges }, element.dataset.direction || (narrow ? "TB" : "LR"));
  // As large as fits, but never too small to read: what is left is scrolled.
  const natural = Number(drawing.getAttribute("width"));
  const scale = Math.min(1, Math.max(SMALLEST, (element.clientWidth - 4) / natural));
  drawing.setAttribute("width", Math.round(natural * scale));
  drawing.setAttribute("height", Math.round(Number(drawing.getAttribute("height")) * scale));
  element.replaceChildren(drawing);
  element.scrollLeft = left;
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-graph]").forEach(loadGraph);
});
