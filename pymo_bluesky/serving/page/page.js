// The list of scans: found by words and days, sorted, turned page by page.

import { ask, find, make, settled } from "./dom.js";
import { closeScan, showScan } from "./scan.js";
import { preview } from "./preview.js";

const COLUMNS = [
  { title: "", style: "picture mid" },
  { title: "Date", sort: "started" },
  { title: "Scan", sort: "plan" },
  { title: "Sample", sort: "sample" },
  { title: "Points", sort: "points", style: "mid" },
  { title: "Detectors", style: "late" },
  { title: "Status", sort: "status" },
  { title: "File", sort: "file", style: "late" },
];
const DOWN_FIRST = ["started", "points", "scan_id"];
const PAGE = 50;
const LOOK_AGAIN = 5000; // milliseconds

const state = { q: "", since: "", until: "", sort: "started", descending: true, offset: 0 };
let shown = { scans: [], found: 0, total: 0 };
let chosen = "";
let asking = null;
let drawnText = "";

// ---------------------------------------------------------------------- the address

function readAddress() {
  const told = new URLSearchParams(location.hash.slice(1));
  for (const key of ["q", "since", "until"]) state[key] = told.get(key) || "";
  state.sort = told.get("sort") || "started";
  state.descending = told.get("order") !== "up";
  state.offset = Number.parseInt(told.get("offset") || "0", 10) || 0;
  find("words").value = state.q;
  find("since").value = state.since;
  find("until").value = state.until;
  return told.get("scan") || "";
}

function address(uid) {
  const told = new URLSearchParams();
  for (const key of ["q", "since", "until"]) if (state[key]) told.set(key, state[key]);
  if (state.sort !== "started") told.set("sort", state.sort);
  if (!state.descending) told.set("order", "up");
  if (state.offset) told.set("offset", state.offset);
  if (uid) told.set("scan", uid);
  return `#${told}`;
}

function writeAddress() {
  history.replaceState(null, "", address(chosen));
}

// -------------------------------------------------------------------------- the list

async function load() {
  asking?.abort();
  asking = new AbortController();
  try {
    const found = await ask("list", { ...state, limit: PAGE }, asking.signal);
    if (state.offset && state.offset >= found.found) {
      state.offset = Math.max(0, Math.floor((found.found - 1) / PAGE) * PAGE);
      return load();
    }
    shown = found;
    drawList();
  } catch (error) {
    if (error.name !== "AbortError") tell(error.message, true);
  }
  return undefined;
}

function tell(words, bad = false) {
  const empty = find("empty");
  empty.textContent = words;
  empty.hidden = !words;
  empty.classList.toggle("error", bad);
}

function drawList() {
  const text = JSON.stringify([shown, state]);
  if (text === drawnText) return;
  drawnText = text;
  find("directory").textContent = `of ${shown.directory}`;
  document.title = `Scans of ${shown.directory}`;
  const focused = document.activeElement?.closest("tr")?.dataset.uid;
  find("lines").replaceChildren(...shown.scans.map(line));
  mark();
  if (focused) row(focused)?.querySelector("a").focus({ preventScroll: true });
  const last = Math.min(state.offset + PAGE, shown.found);
  find("range").textContent = shown.found
    ? `${state.offset + 1} to ${last} of ${shown.found}` : "";
  find("previous").disabled = !state.offset;
  find("next").disabled = last >= shown.found;
  const none = shown.total ? "No scan fits this search." : "There are no scans here yet.";
  tell(shown.found ? "" : none);
  const problems = find("problems");
  problems.hidden = !shown.problems;
  problems.textContent = `${shown.problems} could not be read`;
}

function line(scan) {
  const title = `${scan.plan || "scan"}${scan.scan_id === null ? "" : ` ${scan.scan_id}`}`;
  const points = scan.shape.join(" × ");
  const cells = [
    make("td", { className: "picture mid" }, preview(scan.uid)),
    make("td", { className: "date" }, ...dateOf(scan)),
    make("td", { className: "name" }, make("a", { href: address(scan.uid), textContent: title })),
    make("td", { className: "clip", title: scan.sample, textContent: scan.sample }),
    make("td", { className: "mid date", textContent: points }),
    make("td", { className: "late clip", title: scan.detectors.join(", "),
      textContent: scan.detectors.join(", ") }),
    make("td", {}, badge(scan.status)),
    make("td", { className: "late clip faint small", title: `${scan.file} ${scan.scan}`,
      textContent: `${scan.file.split("/").pop()} ${scan.scan}` }),
  ];
  const made = make("tr", { onclick: (event) => {
    if (!event.target.closest("a")) choose(scan.uid);
  } }, cells);
  made.dataset.uid = scan.uid;
  return made;
}

function dateOf(scan) {
  const [day, time] = scan.date.split(" ");
  if (!day) return [make("span", { className: "faint", textContent: "unknown" })];
  return [day, " ", make("span", { className: "faint", textContent: time || "" })];
}

export function badge(status) {
  const kind = ["success", "abort", "fail"].includes(status) ? status : "unknown";
  return make("span", { className: `badge ${kind}`, textContent: status || "open" });
}

function drawColumns() {
  find("columns").replaceChildren(...COLUMNS.map(({ title, sort, style }) => {
    const head = make("th", { scope: "col", className: style || "" });
    if (!sort) {
      head.append(make("button", { type: "button", disabled: true, textContent: title }));
      return head;
    }
    const order = state.descending ? "descending" : "ascending";
    if (sort === state.sort) head.setAttribute("aria-sort", order);
    head.append(make("button", { type: "button", textContent: title, onclick: () => {
      state.descending = sort === state.sort
        ? !state.descending : DOWN_FIRST.includes(sort);
      state.sort = sort;
      again();
      find("columns").querySelector("[aria-sort] button").focus();
    } }));
    return head;
  }));
}

function again() {
  state.offset = 0;
  drawColumns();
  writeAddress();
  load();
}

function turn(pages) {
  const offset = state.offset + pages * PAGE;
  if (offset < 0 || offset >= shown.found) return;
  state.offset = offset;
  writeAddress();
  load().then(() => {
    document.querySelector("#list .scroll").scrollTop = 0;
  });
}

// --------------------------------------------------------------------- what is chosen

const row = (uid) => Array.from(find("lines").children).find((r) => r.dataset.uid === uid);

function mark() {
  for (const one of find("lines").children) {
    const here = one.dataset.uid === chosen;
    one.classList.toggle("chosen", here);
    if (here) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  }
}

function choose(uid) {
  if (uid !== chosen) location.hash = address(uid);
}

function follow() {
  const uid = new URLSearchParams(location.hash.slice(1)).get("scan") || "";
  if (uid === chosen) return;
  chosen = uid;
  mark();
  document.body.classList.toggle("open", Boolean(uid));
  if (uid) showScan(uid, () => { location.hash = address(""); });
  else closeScan();
}

function step(by) {
  const scans = shown.scans;
  if (!scans.length) return;
  const at = scans.findIndex((scan) => scan.uid === chosen);
  const to = at < 0 ? 0 : at + by;
  if (to < 0) turn(-1);
  else if (to >= scans.length) turn(1);
  else {
    history.replaceState(null, "", address(scans[to].uid));
    follow();
    const target = row(scans[to].uid);
    target.scrollIntoView({ block: "nearest" });
    target.querySelector("a").focus({ preventScroll: true });
  }
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const writing = event.target.closest("input, select, textarea");
  const inScan = event.target.closest("#scan");
  if (event.key === "/" && !writing) find("words").select();
  else if (event.key === "Escape" && event.target.id === "words") event.target.blur();
  else if (event.key === "Escape" && chosen) location.hash = address("");
  else if (event.key === "ArrowDown" && event.target.id === "words") step(chosen ? 0 : 1);
  else if (writing || inScan) return;
  else if (event.key === "ArrowDown" || event.key === "j") step(1);
  else if (event.key === "ArrowUp" || event.key === "k") step(-1);
  else if (event.key === "PageDown") turn(1);
  else if (event.key === "PageUp") turn(-1);
  else return;
  event.preventDefault();
}

async function showProblems() {
  const told = await ask("problems");
  const items = told.map((words) => make("li", { textContent: words }));
  document.body.classList.add("open");
  find("scan").replaceChildren(
    make("div", { className: "title" },
      make("button", { id: "back", type: "button", textContent: "‹ Scans",
        onclick: () => document.body.classList.remove("open") }),
      make("h2", { textContent: "What could not be read" })),
    make("ul", { className: "error" }, items));
}

// ---------------------------------------------------------------------------- begin

const typed = settled(() => {
  const before = JSON.stringify([state.q, state.since, state.until]);
  state.q = find("words").value.trim();
  state.since = find("since").value;
  state.until = find("until").value;
  if (JSON.stringify([state.q, state.since, state.until]) !== before) again();
}, 200);

find("search").addEventListener("submit", (event) => event.preventDefault());
find("search").addEventListener("input", typed);
find("search").addEventListener("change", typed);
find("previous").addEventListener("click", () => turn(-1));
find("next").addEventListener("click", () => turn(1));
find("problems").addEventListener("click", showProblems);
document.addEventListener("keydown", pressed);
window.addEventListener("hashchange", () => {
  const before = JSON.stringify(state);
  readAddress();
  if (JSON.stringify(state) !== before) { drawColumns(); load(); }
  follow();
});
setInterval(() => {
  if (!document.hidden) load();
}, LOOK_AGAIN);

readAddress();
drawColumns();
load().then(follow);
