// One scan: what it is, its plot, settings, regions of interest, and its file.

import { ask, find, labelled, make, number, settled } from "./dom.js";
import { badge } from "./page.js";
import { draw, unpack } from "./plot.js";

let asking = null;

/** Nothing is chosen. */
export function closeScan() {
  asking?.abort();
  find("scan").replaceChildren();
}

/** Show a scan; `back` leads to the list where the window is narrow. */
export async function showScan(uid, back) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const place = find("scan");
  const leave = make("button", { id: "back", type: "button", textContent: "‹ Scans",
    onclick: back });
  place.setAttribute("aria-busy", "true");
  try {
    const scan = await ask(`scan/${encodeURIComponent(uid)}`, {}, signal);
    place.replaceChildren(...parts(scan, leave));
    place.scrollTop = 0;
    place.querySelector("canvas.plot")?.dispatchEvent(new Event("begin"));
  } catch (error) {
    if (error.name === "AbortError") return;
    place.replaceChildren(leave, make("p", { className: "error", textContent: error.message }));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

function parts(scan, leave) {
  const number_ = scan.scan_id === null ? "" : ` ${scan.scan_id}`;
  return [
    make("div", { className: "title" }, leave,
      make("h2", { textContent: `${scan.plan || "scan"}${number_}` }), badge(scan.status),
      make("span", { className: "faint date", textContent: scan.date })),
    facts(scan),
    actions(scan),
    plotPanel(scan),
    problemsPanel(scan.problems),
    roisPanel(scan.modules),
    settingsPanel(scan),
    picturesPanel(scan),
    treePanel("Metadata", { start: scan.metadata.start, stop: scan.metadata.stop }),
  ].filter(Boolean);
}

// ------------------------------------------------------------------------- in words

function facts(scan) {
  const { start, stop } = scan.metadata;
  const told = [
    ["Sample", scan.sample],
    ["Author", scan.author],
    ["Moved", (start.motors || []).join(", ")],
    ["Points", scan.shape.join(" × ")],
    ["Detectors", scan.detectors.join(", ")],
    ["Took", stop && stop.time > start.time + 0.01 ? lasted(stop.time - start.time) : ""],
    ["Reason", stop?.reason],
    ["File", `${scan.file} · ${scan.scan}`],
    ["Run", scan.uid],
  ];
  const shown = told.filter(([, words]) => words);
  return make("dl", { className: "facts" }, shown.flatMap(([name, words]) => [
    make("dt", { textContent: name }), make("dd", { textContent: String(words) })]));
}

function lasted(seconds) {
  if (seconds < 60) return `${number(Number(seconds.toPrecision(3)))} s`;
  const minutes = Math.floor(seconds / 60);
  const rest = Math.round(seconds % 60);
  return minutes < 60 ? `${minutes} min ${rest} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function actions(scan) {
  const file = scan.file.split("/").pop();
  const size = scan.bytes < 1e6 ? `${Math.ceil(scan.bytes / 1e3)} kB`
    : `${(scan.bytes / 1e6).toFixed(1)} MB`;
  const code = `catalog["${scan.uid}"]`;
  return make("div", { className: "actions" },
    make("a", { className: "button", href: `api/file/${encodeURIComponent(scan.uid)}`,
      download: file, textContent: `Download ${file} (${size})` }),
    make("button", { type: "button", textContent: "Copy the run's uid", title: code,
      onclick: async (event) => {
        await navigator.clipboard?.writeText(scan.uid);
        event.target.textContent = "Copied";
      } }));
}

function problemsPanel(problems) {
  if (!problems.length) return null;
  return make("details", { className: "panel" },
    make("summary", { textContent: `Remarks on this scan (${problems.length})` }),
    make("ul", {}, problems.map((words) => make("li", { textContent: words }))));
}

function roisPanel(modules) {
  const found = modules.flatMap((m) => m.rois.map((roi) => ({ ...roi, module: m.title })));
  if (!found.length) return null;
  const heads = ["ROI", "Detector", "Shape", "Centre", "Size", "Computes", "Of"];
  const line = (roi) => make("tr", {},
    make("td", { className: "tight" }, swatch(roi.color), roi.name, roi.enabled ? "" : " (off)"),
    make("td", { textContent: roi.module }),
    make("td", { textContent: roi.type + (roi.angle ? `, ${number(roi.angle)}°` : "") }),
    make("td", { className: "tight", textContent: roi.centre.map(number).join(", ") +
      (roi.unit === "pixel" ? " px" : "") }),
    make("td", { className: "tight", textContent: roi.size ? roi.size.map(number).join(" × ") : "" }),
    make("td", { textContent: roi.function }),
    make("td", { textContent: roi.of.join(", ") }));
  return make("details", { className: "panel", open: true },
    make("summary", { textContent: `Regions of interest (${found.length})` }),
    make("div", { className: "scroll" }, make("table", {},
      make("thead", {}, make("tr", {}, heads.map((textContent) =>
        make("th", { scope: "col", textContent })))),
      make("tbody", {}, found.map(line)))));
}

function swatch(color) {
  const made = make("span", { className: "swatch" });
  made.style.background = `rgb(${color.map(Number).join(",")})`;
  return made;
}

function picturesPanel(scan) {
  if (!scan.pictures) return null;
  const images = Array.from({ length: scan.pictures }, (_, n) => make("img", {
    className: "picture", alt: `Picture ${n + 1} that the file holds`, loading: "lazy",
    src: `api/picture/${encodeURIComponent(scan.uid)}?number=${n}` }));
  return make("details", { className: "panel" },
    make("summary", { textContent: `Pictures in the file (${scan.pictures})` }), images);
}

function settingsPanel(scan) {
  const told = scan.modules.filter((module) => module.settings);
  const trees = told.map((module) => branch(
    `${module.title} (${module.kind})`, module.settings.children, false));
  if (scan.settings) trees.push(branch("Scan", scan.settings.children, false));
  if (!trees.length) return null;
  return make("details", { className: "panel" },
    make("summary", { textContent: "Settings" }), trees);
}

function branch(title, children, open) {
  return make("details", { open }, make("summary", { textContent: title }),
    make("div", { className: "tree" }, children.map(twig)));
}

function twig(parameter) {
  if (parameter.children.length) return branch(parameter.title, parameter.children, true);
  const value = parameter.value ?? "";
  return leaf(parameter.title, parameter.units ? `${value} ${parameter.units}` : value);
}

const leaf = (name, value) => make("div", { className: "leaf" },
  make("span", { textContent: name }), make("span", { textContent: value }));

function treePanel(title, value) {
  return make("details", { className: "panel" }, make("summary", { textContent: title }),
    members(value));
}

function members(value) {
  return make("div", { className: "tree" }, Object.entries(value || {}).map(([key, item]) => {
    const nested = item !== null && typeof item === "object";
    const short = nested ? JSON.stringify(item) : "";
    if (!nested) return leaf(key, item === null ? "none" : String(item));
    if (short.length < 100 || Array.isArray(item)) return leaf(key, short.slice(0, 5000));
    return make("details", { open: true }, make("summary", { textContent: key }), members(item));
  }));
}

// --------------------------------------------------------------------------- its plot

function plotPanel(scan) {
  const channels = scan.streams.flatMap((stream, s) => stream.modules.flatMap((module, m) =>
    module.channels.filter((c) => c.arrays.length).map((channel) => ({
      ...channel, stream: stream.name, module: module.title, moved: module.kind === "actuator",
      place: [s, m, module.channels.indexOf(channel)].join(","),
    }))));
  if (!channels.length) {
    return make("p", { className: "faint", textContent: "There is nothing to plot." });
  }
  return new Plot(scan, channels).panel;
}

class Plot {
  constructor(scan, channels) {
    this.scan = scan;
    this.wanted = { channel: scan.first || channels[0].place, how: "", at: [], array: 0 };
    this.options = { log: false, clipped: false, rois: true };
    this.told = () => "";
    this.canvas = make("canvas", { className: "plot", tabIndex: 0 });
    this.canvas.setAttribute("role", "img");
    this.readout = make("div", { className: "readout small faint" });
    this.sliders = make("div");
    this.select = make("select", { ariaLabel: "What to plot",
      onchange: () => this.choose(this.select.value) }, groups(channels));
    this.select.value = this.wanted.channel;
    this.controls = make("div", { className: "controls" }, this.select);
    this.panel = make("section", { className: "panel", ariaLabel: "Plot" },
      this.controls, this.canvas, this.readout, this.sliders);
    this.canvas.addEventListener("begin", () => this.load());
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.say(""));
    new ResizeObserver(settled(() => this.redraw(), 50)).observe(this.canvas);
    this.reload = settled(() => this.load(), 60);
  }

  choose(channel) {
    Object.assign(this.wanted, { channel, how: "", at: [], array: 0 });
    this.load();
  }

  async load() {
    this.asking?.abort();
    this.asking = new AbortController();
    const { channel, how, at, array } = this.wanted;
    try {
      const plot = await ask(`plot/${encodeURIComponent(this.scan.uid)}`,
        { channel, how, at: at.join(","), array }, this.asking.signal);
      for (const series of plot.series) series.values = unpack(series);
      this.show(plot);
    } catch (error) {
      if (error.name !== "AbortError") this.fail(error.message);
    }
  }

  fail(words) {
    this.plot = null;
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.controls.replaceChildren(this.select);
    this.sliders.replaceChildren();
    this.readout.replaceChildren(make("span", { className: "error", textContent: words }));
  }

  show(plot) {
    this.plot = plot;
    this.note = plot.measured ? "" : "This point was not measured.";
    this.wanted.at = plot.sliders.map((slider) => slider.at);
    this.drawControls();
    this.drawSliders();
    this.redraw();
  }

  redraw() {
    if (!this.plot || !this.canvas.isConnected || !this.canvas.clientWidth) return;
    const words = this.plot.series.map(labelled).join(", ");
    const over = this.plot.axes.map(labelled).join(" and ");
    this.canvas.setAttribute("aria-label", `${words}${over ? ` over ${over}` : ""}`);
    this.told = draw(this.canvas, this.plot, this.options);
    this.say("");
  }

  drawControls() {
    const { how, ways, arrays, rois } = this.plot;
    const parts = [this.select];
    if (ways.length > 1) parts.push(make("span", { className: "choice" }, ways.map((way) => {
      const button = make("button", { type: "button", textContent: WAYS[way], onclick: () => {
        Object.assign(this.wanted, { how: way, at: [] });
        this.load();
      } });
      button.setAttribute("aria-pressed", String(way === how));
      return button;
    })));
    if (arrays.length > 1 && how !== "line" && how !== "value") {
      const select = make("select", { ariaLabel: "Which array", onchange: () => {
        this.wanted.array = Number(select.value);
        this.load();
      } }, arrays.map((name, n) => make("option", { value: n, textContent: name })));
      select.value = this.wanted.array;
      parts.push(select);
    }
    if (how !== "value") parts.push(this.tick("log", "log"));
    if (how === "image" || how === "points") parts.push(this.tick("clipped", "without outliers"));
    if (rois.length) parts.push(this.tick("rois", "ROIs"));
    const focused = this.controls.contains(document.activeElement)
      ? document.activeElement.textContent : null;
    this.controls.replaceChildren(...parts);
    if (focused !== null) Array.from(this.controls.querySelectorAll("button, select, input"))
      .find((one) => one.textContent === focused)?.focus();
  }

  tick(name, words) {
    const box = make("input", { type: "checkbox", checked: this.options[name],
      onchange: () => { this.options[name] = box.checked; this.redraw(); } });
    return make("label", {}, box, words);
  }

  drawSliders() {
    const { sliders } = this.plot;
    const fit = this.sliders.children.length === sliders.length &&
      sliders.every((s, n) => this.sliders.children[n].dataset.of === `${s.label} ${s.length}`);
    if (!fit) this.sliders.replaceChildren(...sliders.map((s, n) => this.slider(s, n)));
    sliders.forEach((slider, n) => {
      const words = `${number(slider.value)} ${slider.units} (${slider.at + 1}/${slider.length})`;
      this.sliders.children[n].querySelector("output").textContent = words;
    });
  }

  slider(about, n) {
    const input = make("input", { type: "range", min: 0, max: about.length - 1, step: 1,
      ariaLabel: labelled(about), oninput: () => {
        this.wanted.at[n] = Number(input.value);
        this.reload();
      } });
    input.value = about.at;
    const made = make("div", { className: "slider" },
      make("span", { textContent: about.label }), input, make("output"));
    made.dataset.of = `${about.label} ${about.length}`;
    return made;
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    this.say(this.told(event.clientX - box.left, event.clientY - box.top));
  }

  say(words) {
    this.readout.textContent = words || this.note || "";
  }
}

const WAYS = { line: "Line", image: "Map", points: "Points", value: "Value" };

/** The channels by stream and module; what was measured comes before what moved. */
function groups(channels) {
  const found = new Map();
  for (const channel of [...channels].sort((a, b) => a.moved - b.moved)) {
    const name = channel.stream === channels[0].stream
      ? channel.module : `${channel.module} (${channel.stream})`;
    const shape = channel.shape.join(" × ");
    const words = channel.title === channel.module ? channel.arrays.join(", ") : channel.title;
    const option = make("option", { value: channel.place,
      textContent: `${words}${shape ? ` — ${shape}` : ""}` });
    found.set(name, [...(found.get(name) || []), option]);
  }
  return Array.from(found, ([label, options]) => make("optgroup", { label }, options));
}
