// Elements of the page. What comes out of files is only ever set as text.

export const find = (id) => document.getElementById(id);

/** An element: its properties, then its children; strings become text. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

/** JSON from the server; its words where something is wrong. */
export async function ask(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(parameters).toString();
  const answer = await fetch(`api/${path}${query ? `?${query}` : ""}`, { signal });
  if (answer.status === 401) {
    throw new Error("The server wants its key: open the address that it printed.");
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Error(typeof told.detail === "string" ? told.detail : answer.statusText);
  }
  return answer.json();
}

/** A number in as few digits as tell it. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "no value";
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const short = Number(value.toPrecision(6));
  const size = Math.abs(short);
  return size >= 1e7 || (size > 0 && size < 1e-4) ? short.toExponential() : String(short);
}

/** A label with its units. */
export const labelled = (about) =>
  about.units ? `${about.label} (${about.units})` : about.label;

/** What `work` does, but only after it has been left alone for some milliseconds. */
export function settled(work, milliseconds) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), milliseconds);
  };
}
