// Small pictures of scans: the file's own, else drawn when they come into sight.

import { ask, make } from "./dom.js";
import { draw, unpack } from "./plot.js";

const AT_ONCE = 3;
const waiting = [];
let busy = 0;
const made = new Map();

const sight = new IntersectionObserver((seen) => {
  for (const one of seen) {
    if (!one.isIntersecting) continue;
    sight.unobserve(one.target);
    waiting.push(one.target);
  }
  work();
});

/** A picture of a scan, empty until it is seen. */
export function preview(uid) {
  const known = made.get(uid);
  if (known) return known;
  const holder = make("div", { className: "thumb" });
  holder.setAttribute("aria-hidden", "true");
  holder.dataset.uid = uid;
  made.set(uid, holder);
  if (made.size > 1000) made.delete(made.keys().next().value);
  sight.observe(holder);
  return holder;
}

function work() {
  while (busy < AT_ONCE && waiting.length) {
    busy += 1;
    fill(waiting.shift()).finally(() => {
      busy -= 1;
      work();
    });
  }
}

async function fill(holder) {
  try {
    const told = await ask(`preview/${encodeURIComponent(holder.dataset.uid)}`);
    if (told.picture) {
      const image = make("img", { className: "thumb", alt: "" });
      image.src = `data:image/png;base64,${told.picture}`;
      holder.replaceWith(image);
      made.set(holder.dataset.uid, image);
    } else if (told.plot) {
      for (const series of told.plot.series) series.values = unpack(series);
      const canvas = make("canvas", { className: "thumb" });
      holder.replaceWith(canvas);
      made.set(holder.dataset.uid, canvas);
      draw(canvas, told.plot, { bare: true });
    }
  } catch {
    holder.title = "There is no picture of this scan.";
  }
}
