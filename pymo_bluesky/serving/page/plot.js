// Numbers as lines, maps and points on a canvas.

import { labelled, number } from "./dom.js";

const LINES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
// Viridis at equal steps; between them colours are mixed.
const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37],
];
const FONT = '12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';

/** The numbers of a series, as they came from the server. */
export function unpack(series) {
  const bytes = Uint8Array.from(atob(series.data), (letter) => letter.charCodeAt(0));
  return series.type === "float32"
    ? new Float32Array(bytes.buffer)
    : new Float64Array(bytes.buffer);
}

/**
 * Draw a plot.
 * @param canvas  where
 * @param plot    what the server told, its series unpacked into `values`
 * @param options log, clipped (leave out the outermost hundredth), rois, bare
 * @returns what lies under a place of the canvas, as words
 */
export function draw(canvas, plot, options = {}) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || canvas.width;
  const height = canvas.clientHeight || canvas.height;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.font = FONT;
  const style = getComputedStyle(canvas);
  const sheet = {
    pen, width, height, scale, options,
    ink: style.getPropertyValue("--ink"),
    faint: style.getPropertyValue("--faint"),
    rule: style.getPropertyValue("--rule"),
    paper: style.getPropertyValue("--paper"),
    empty: style.getPropertyValue("--void"),
  };
  const ways = { line: drawLines, image: drawImage, points: drawPoints, value: drawValue };
  return (ways[plot.how] || drawValue)(sheet, plot);
}

// ------------------------------------------------------------------------ the ways

function drawValue(sheet, plot) {
  const { pen, width, height } = sheet;
  pen.fillStyle = sheet.ink;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const lines = plot.series.length + 1;
  plot.series.forEach((series, n) => {
    const y = (height * (n + 1)) / lines;
    pen.font = sheet.options.bare ? FONT : FONT.replace("12px", "26px");
    const text = `${number(series.values[0])} ${series.units}`;
    pen.fillText(sheet.options.bare ? number(series.values[0]) : text, width / 2, y);
    if (!sheet.options.bare) {
      pen.font = FONT;
      pen.fillText(series.label, width / 2, y + 30);
    }
  });
  return () => "";
}

function drawLines(sheet, plot) {
  const axis = plain(plot.axes[0]);
  const log = sheet.options.log;
  const x = span(axis.values);
  const y = span(plot.series.flatMap((s) => extremes(s.values, log)), log);
  const one = plot.series.length === 1;
  const area = frame(sheet, x, y, labelled(axis), one ? labelled(plot.series[0]) : "", log);
  const { pen } = sheet;
  if (!sheet.options.bare && sheet.options.rois) {
    for (const roi of plot.rois) band(sheet, area, roi);
  }
  clipped(pen, area, () => {
    plot.series.forEach((series, n) => {
      pen.strokeStyle = pen.fillStyle = LINES[n % LINES.length];
      pen.lineWidth = 1.5;
      trace(pen, area, axis.values, series.values, log);
    });
  });
  if (!one && !sheet.options.bare) legend(sheet, area, plot.series);
  return (left, top) => {
    if (!area.holds(left, top)) return "";
    const at = nearest(axis.values, area.atX(left));
    if (at < 0) return "";
    const values = plot.series.map((s) =>
      `${one ? "" : `${s.label} = `}${number(s.values[at])}${s.units ? ` ${s.units}` : ""}`);
    return `${axis.label} = ${number(axis.values[at])} ${axis.units}:  ${values.join(",  ")}`;
  };
}

function trace(pen, area, xs, ys, log) {
  const marked = ys.length <= 80;
  pen.beginPath();
  let begun = false;
  for (let n = 0; n < ys.length; n++) {
    const y = log ? Math.log10(ys[n]) : ys[n];
    if (!Number.isFinite(y) || xs[n] === null) { begun = false; continue; }
    const left = area.toX(xs[n]), top = area.toY(y);
    if (begun) pen.lineTo(left, top); else pen.moveTo(left, top);
    begun = true;
  }
  pen.stroke();
  if (!marked) return;
  for (let n = 0; n < ys.length; n++) {
    const y = log ? Math.log10(ys[n]) : ys[n];
    if (!Number.isFinite(y) || xs[n] === null) continue;
    pen.beginPath();
    pen.arc(area.toX(xs[n]), area.toY(y), 2.4, 0, 7);
    pen.fill();
  }
}

function drawImage(sheet, plot) {
  const [vertical, horizontal] = plot.axes.map(plain);
  const values = plot.series[0].values;
  const xs = edges(horizontal.values), ys = edges(vertical.values);
  const colours = range(values, sheet.options);
  const alike = plot.square && horizontal.units === vertical.units;
  const area = frame(
    sheet, [Math.min(...ends(xs)), Math.max(...ends(xs))],
    [Math.min(...ends(ys)), Math.max(...ends(ys))],
    labelled(horizontal), labelled(vertical), false, 74, alike);
  const columns = horizontal.values.length;
  const { pen, scale } = sheet;
  const w = Math.max(1, Math.round(area.width * scale));
  const h = Math.max(1, Math.round(area.height * scale));
  const picture = new ImageData(w, h);
  const across = cells(xs, w, (n) => area.atX(area.left + (n + 0.5) / scale));
  const down = cells(ys, h, (n) => area.atY(area.top + (n + 0.5) / scale));
  for (let row = 0, at = 0; row < h; row++) {
    for (let column = 0; column < w; column++, at += 4) {
      const value = values[down[row] * columns + across[column]];
      if (!Number.isFinite(value) || down[row] < 0 || across[column] < 0) continue;
      paint(picture.data, at, colours.part(value));
    }
  }
  pen.putImageData(picture, Math.round(area.left * scale), Math.round(area.top * scale));
  border(sheet, area);
  if (!sheet.options.bare) {
    if (sheet.options.rois) clipped(pen, area, () => {
      for (const roi of plot.rois) outline(sheet, area, roi);
    });
    bar(sheet, area, colours, labelled(plot.series[0]));
  }
  return (left, top) => {
    if (!area.holds(left, top)) return "";
    const i = cell(xs, area.atX(left)), j = cell(ys, area.atY(top));
    if (i < 0 || j < 0) return "";
    return `${horizontal.label} = ${number(horizontal.values[i])} ${horizontal.units},  ` +
      `${vertical.label} = ${number(vertical.values[j])} ${vertical.units}:  ` +
      `${number(values[j * columns + i])} ${plot.series[0].units}`;
  };
}

function drawPoints(sheet, plot) {
  const [horizontal, vertical] = plot.axes.map(plain);
  const values = plot.series[0].values;
  const colours = range(values, sheet.options);
  const area = frame(sheet, span(horizontal.values), span(vertical.values),
    labelled(horizontal), labelled(vertical), false, 74);
  const { pen } = sheet;
  const size = sheet.options.bare ? 1.8 : values.length > 500 ? 3 : 5;
  const place = (n) => [area.toX(horizontal.values[n]), area.toY(vertical.values[n])];
  clipped(pen, area, () => {
    for (let n = 0; n < values.length; n++) {
      if (!Number.isFinite(values[n])) continue;
      const [r, g, b] = colour(colours.part(values[n]));
      pen.fillStyle = `rgb(${r},${g},${b})`;
      pen.beginPath();
      pen.arc(...place(n), size, 0, 7);
      pen.fill();
    }
  });
  border(sheet, area);
  if (!sheet.options.bare) bar(sheet, area, colours, labelled(plot.series[0]));
  return (left, top) => {
    let best = -1, least = 20 * 20;
    for (let n = 0; n < values.length; n++) {
      const [x, y] = place(n);
      const far = (x - left) ** 2 + (y - top) ** 2;
      if (far < least) { best = n; least = far; }
    }
    if (best < 0) return "";
    return `${horizontal.label} = ${number(horizontal.values[best])} ${horizontal.units},  ` +
      `${vertical.label} = ${number(vertical.values[best])} ${vertical.units}:  ` +
      `${number(values[best])} ${plot.series[0].units}`;
  };
}

// --------------------------------------------------------------------- axes, legends

function frame(sheet, x, y, below, beside, log, right = 14, alike = false) {
  const { pen, width, height, options } = sheet;
  const steps = ticks(y, log, Math.max(2, height / 45));
  const widest = Math.max(...steps.map((t) => pen.measureText(t.text).width), 10);
  let left = options.bare ? 2 : widest + 36, top = options.bare ? 2 : 12;
  let w = width - left - (options.bare ? 2 : right);
  let h = height - top - (options.bare ? 2 : 46);
  if (alike && !options.bare) {
    const ratio = (x[1] - x[0]) / (y[1] - y[0]);
    if (Number.isFinite(ratio) && ratio > 0.2 && ratio < 5) {
      const fitted = Math.min(w, h * ratio);
      left += (w - fitted) / 2;
      top += (h - fitted / ratio) / 2;
      w = fitted;
      h = fitted / ratio;
    }
  }
  const area = {
    left, top, width: w, height: h,
    toX: (v) => left + ((v - x[0]) / (x[1] - x[0])) * w,
    toY: (v) => top + h - ((v - y[0]) / (y[1] - y[0])) * h,
    atX: (p) => x[0] + ((p - left) / w) * (x[1] - x[0]),
    atY: (p) => y[0] + ((top + h - p) / h) * (y[1] - y[0]),
    holds: (p, q) => p >= left && p <= left + w && q >= top && q <= top + h,
  };
  pen.fillStyle = sheet.options.bare ? sheet.paper : sheet.empty;
  if (right > 20) pen.fillRect(left, top, w, h);
  if (options.bare) return area;
  grid(sheet, area, ticks(x, false, Math.max(2, w / 90)), steps, right <= 20);
  pen.fillStyle = sheet.ink;
  pen.textAlign = "center";
  pen.textBaseline = "bottom";
  pen.fillText(below, left + w / 2, top + h + 42, w + 60);
  pen.save();
  pen.translate(left - widest - 22, top + h / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(beside, 0, 6, h);
  pen.restore();
  border(sheet, area);
  return area;
}

function grid(sheet, area, across, up, ruled) {
  const { pen } = sheet;
  pen.strokeStyle = sheet.rule;
  pen.fillStyle = sheet.faint;
  pen.lineWidth = 1;
  pen.textBaseline = "top";
  pen.textAlign = "center";
  for (const tick of across) {
    const x = Math.round(area.toX(tick.value)) + 0.5;
    pen.beginPath();
    pen.moveTo(x, ruled ? area.top : area.top + area.height);
    pen.lineTo(x, area.top + area.height + 4);
    pen.stroke();
    pen.fillText(tick.text, x, area.top + area.height + 7);
  }
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const tick of up) {
    const y = Math.round(area.toY(tick.value)) + 0.5;
    pen.beginPath();
    pen.moveTo(area.left - 4, y);
    pen.lineTo(ruled ? area.left + area.width : area.left, y);
    pen.stroke();
    pen.fillText(tick.text, area.left - 8, y);
  }
}

function border(sheet, area) {
  sheet.pen.strokeStyle = sheet.options.bare ? sheet.rule : sheet.faint;
  sheet.pen.lineWidth = 1;
  sheet.pen.strokeRect(
    Math.round(area.left) + 0.5, Math.round(area.top) + 0.5,
    Math.round(area.width) - 1, Math.round(area.height) - 1);
}

function legend(sheet, area, series) {
  const { pen } = sheet;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  const wide = Math.max(...series.map((s) => pen.measureText(labelled(s)).width));
  const left = area.left + area.width - Math.min(wide, area.width / 2) - 32;
  pen.globalAlpha = 0.85;
  pen.fillStyle = sheet.paper;
  pen.fillRect(left - 6, area.top + 5, area.left + area.width - left, series.length * 17 + 6);
  pen.globalAlpha = 1;
  series.forEach((one, n) => {
    const y = area.top + 16 + 17 * n;
    pen.fillStyle = LINES[n % LINES.length];
    pen.fillRect(left, y - 1.5, 16, 3);
    pen.fillStyle = sheet.ink;
    pen.fillText(labelled(one), left + 22, y, area.width / 2);
  });
}

function bar(sheet, area, colours, label) {
  const { pen } = sheet;
  const left = area.left + area.width + 10, wide = 12;
  for (let n = 0; n < area.height; n++) {
    const [r, g, b] = colour(1 - n / area.height);
    pen.fillStyle = `rgb(${r},${g},${b})`;
    pen.fillRect(left, area.top + n, wide, 1.5);
  }
  pen.fillStyle = sheet.faint;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  for (const tick of ticks([colours.low, colours.high], colours.log, area.height / 45)) {
    const part = (tick.value - colours.low) / (colours.high - colours.low);
    pen.fillText(tick.text, left + wide + 4, area.top + area.height * (1 - part), 46);
  }
  pen.fillStyle = sheet.ink;
  pen.textAlign = "right";
  pen.textBaseline = "bottom";
  pen.fillText(label, sheet.width - 4, sheet.height - 4, sheet.width * 0.4);
}

function ticks([low, high], log, wanted) {
  if (!(high > low)) return [];
  const raw = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw) || 10 * power;
  if (log) step = Math.max(1, Math.round(step));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) {
    found.push({ value: n * step, text: tickText(n * step, digits, log, high - low) });
  }
  return found;
}

function tickText(value, digits, log, wide) {
  if (log) return number(10 ** value);
  const size = Math.max(Math.abs(value), wide);
  if (size >= 1e6 || digits > 5) return value === 0 ? "0" : Number(value.toPrecision(4)).toExponential();
  return value.toFixed(digits);
}

// -------------------------------------------------------------- regions of interest

function ink(roi) {
  const [r, g, b] = roi.color;
  // White and black regions would be lost on a map's ends.
  return r + g + b > 720 || r + g + b < 60 ? "#ff4fd8" : `rgb(${r},${g},${b})`;
}

function outline(sheet, area, roi) {
  if (!roi.centre || !roi.size) return;
  const { pen } = sheet;
  const turn = (roi.angle * Math.PI) / 180;
  const [x, y] = roi.centre, [w, h] = roi.size;
  const round = roi.type !== "RectROI";
  const count = round ? 60 : 4;
  pen.beginPath();
  for (let n = 0; n <= count; n++) {
    const angle = (2 * Math.PI * n) / count;
    const u = round ? (Math.cos(angle) * w) / 2 : ([1, -1, -1, 1][n % 4] * w) / 2;
    const v = round ? (Math.sin(angle) * h) / 2 : ([1, 1, -1, -1][n % 4] * h) / 2;
    const left = area.toX(x + u * Math.cos(turn) - v * Math.sin(turn));
    const top = area.toY(y + u * Math.sin(turn) + v * Math.cos(turn));
    if (n) pen.lineTo(left, top); else pen.moveTo(left, top);
  }
  stroked(sheet, roi);
  pen.fillStyle = ink(roi);
  pen.textAlign = "left";
  pen.textBaseline = "bottom";
  pen.fillText(roi.name, area.toX(x - Math.abs(w) / 2) + 2, area.toY(y + Math.abs(h) / 2) - 3);
}

function stroked(sheet, roi) {
  const { pen } = sheet;
  pen.setLineDash(roi.enabled ? [] : [5, 4]);
  pen.strokeStyle = "rgba(0,0,0,.55)";
  pen.lineWidth = 3;
  pen.stroke();
  pen.strokeStyle = ink(roi);
  pen.lineWidth = 1.5;
  pen.stroke();
  pen.setLineDash([]);
}

function band(sheet, area, roi) {
  if (!roi.edges) return;
  const { pen } = sheet;
  const [from, to] = roi.edges.map(area.toX);
  clipped(pen, area, () => {
    pen.globalAlpha = 0.16;
    pen.fillStyle = ink(roi);
    pen.fillRect(Math.min(from, to), area.top, Math.abs(to - from), area.height);
    pen.globalAlpha = 1;
    pen.textAlign = "left";
    pen.textBaseline = "top";
    pen.fillStyle = sheet.ink;
    pen.fillText(roi.name, Math.min(from, to) + 3, area.top + 4);
  });
}

// -------------------------------------------------------------------------- numbers

/** Times since 1970 as times since the first. */
function plain(axis) {
  const first = axis.values[0];
  if (!["s", "second", "seconds"].includes(axis.units) || !(first > 1e8)) return axis;
  return { ...axis, values: axis.values.map((v) => (v === null ? null : v - first)) };
}

function extremes(values, log = false) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value === null || !Number.isFinite(value) || (log && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [];
}

function span(values, log = false) {
  let [low, high] = extremes(values, log);
  if (low === undefined) return [0, 1];
  if (log) { low = Math.log10(low); high = Math.log10(high); }
  const room = (high - low || Math.abs(high) * 0.1 || 1) * 0.04;
  return [low - room, high + room];
}

function range(values, { log, clipped: cut }) {
  let [low, high] = extremes(values, log);
  if (low === undefined) [low, high] = [0, 1];
  if (cut) {
    const kept = Array.from(values).filter((v) => Number.isFinite(v) && (!log || v > 0));
    kept.sort((a, b) => a - b);
    if (kept.length > 20) {
      low = kept[Math.floor(kept.length * 0.01)];
      high = kept[Math.ceil(kept.length * 0.99) - 1];
    }
  }
  if (log) { low = Math.log10(low); high = Math.log10(high); }
  if (!(high > low)) { low -= 0.5; high += 0.5; }
  const part = (v) => ((log ? Math.log10(v) : v) - low) / (high - low);
  return { low, high, log, part };
}

function colour(part) {
  const place = Math.min(1, Math.max(0, Number.isNaN(part) ? 0 : part)) * (VIRIDIS.length - 1);
  const n = Math.min(VIRIDIS.length - 2, Math.floor(place));
  return VIRIDIS[n].map((c, i) => Math.round(c + (VIRIDIS[n + 1][i] - c) * (place - n)));
}

const TABLE = Array.from({ length: 256 }, (_, n) => colour(n / 255));

function paint(data, at, part) {
  const place = Math.round(255 * Math.min(1, Math.max(0, part)));
  const [r, g, b] = TABLE[Number.isNaN(place) ? 0 : place];
  data[at] = r; data[at + 1] = g; data[at + 2] = b; data[at + 3] = 255;
}

/** Where the cells around some positions meet. */
function edges(centres) {
  const n = centres.length;
  if (n === 1) return [centres[0] - 0.5, centres[0] + 0.5];
  const inner = centres.slice(1).map((c, i) => (c + centres[i]) / 2);
  return [2 * centres[0] - inner[0], ...inner, 2 * centres[n - 1] - inner[n - 2]];
}

const ends = (values) => [values[0], values[values.length - 1]];

function cell(bounds, value) {
  const rising = bounds[bounds.length - 1] >= bounds[0];
  let low = 0, high = bounds.length - 1;
  if (rising ? value < bounds[low] || value > bounds[high]
    : value > bounds[low] || value < bounds[high]) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rising ? value >= bounds[middle] : value <= bounds[middle]) low = middle;
    else high = middle;
  }
  return low;
}

const cells = (bounds, count, place) =>
  Int32Array.from({ length: count }, (_, n) => cell(bounds, place(n)));

function nearest(values, wanted) {
  let best = -1;
  values.forEach((value, n) => {
    if (value !== null &&
      (best < 0 || Math.abs(value - wanted) < Math.abs(values[best] - wanted))) best = n;
  });
  return best;
}

function clipped(pen, area, work) {
  pen.save();
  pen.beginPath();
  pen.rect(area.left, area.top, area.width, area.height);
  pen.clip();
  work();
  pen.restore();
}
