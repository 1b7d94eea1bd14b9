// Events by the second and by outcome, over the last two minutes: small stacked bars.
window.debuggerChart = function (place, peak, tones) {
  "use strict";
  const SETTLED = ["stored", "duplicates", "rejected", "denied", "suppressed"], SECONDS = 120, WIDE = 4, HIGH = 60;
  const SPACE = "http://www.w3.org/2000/svg";
  const buckets = new Map(); // second -> outcome -> number

  function bucket(second) {
    const key = Math.floor(second);
    if (!buckets.has(key)) buckets.set(key, Object.fromEntries(SETTLED.map((name) => [name, 0])));
    return buckets.get(key);
  }

  // What was counted between two answers, spread evenly over the seconds between them.
  function add(sum, from, to) {
    const seconds = Math.max(1, Math.min(SECONDS, Math.round(to - from)));
    for (let i = 0; i < seconds; i += 1) {
      for (const name of SETTLED) bucket(to - i)[name] += (sum[name] || 0) / seconds;
    }
  }

  function shape(tag, values) {
    const made = document.createElementNS(SPACE, tag);
    for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
    return made;
  }

  function draw(at) {
    const now = Math.floor(at);
    for (const key of buckets.keys()) if (key <= now - SECONDS) buckets.delete(key);
    const total = (it) => SETTLED.reduce((n, name) => n + it[name], 0);
    const most = Math.max(0, ...[...buckets.values()].map(total));
    const svg = shape("svg", { viewBox: "0 0 " + SECONDS * WIDE + " " + HIGH, preserveAspectRatio: "none" });
    svg.append(shape("line", { x1: 0, x2: SECONDS * WIDE, y1: HIGH - 0.5, y2: HIGH - 0.5 }));
    for (const [second, it] of buckets) {
      let y = HIGH;
      for (const name of SETTLED) {
        if (!it[name]) continue;
        const height = Math.max(1, (it[name] / Math.max(1, most)) * (HIGH - 4));
        y -= height;
        svg.append(shape("rect", { x: (SECONDS - 1 - (now - second)) * WIDE + 0.5, y, width: WIDE - 1, height, class: tones(name) }));
      }
    }
    place.replaceChildren(svg);
    peak.textContent = most > 0 ? "peak " + Math.ceil(most).toLocaleString("en") + " in a second" : "";
  }

  return { SETTLED, bucket, add, draw, clear: () => buckets.clear() };
};
