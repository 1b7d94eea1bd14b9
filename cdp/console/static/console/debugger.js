// The live event debugger: asks every second what has arrived, and turns what waits into what it became.
(function () {
  "use strict";
  const page = document.querySelector("[data-debugger]");
  if (!page) return;
  const { show, el, time, clock, frame } = window.debuggerDetail;
  const find = (name) => page.querySelector("[data-" + name + "]");
  const list = find("rows"), drawer = find("drawer"), note = find("note");
  const token = page.querySelector("[name=csrfmiddlewaretoken]").value;
  const MOST = 300, EVERY = 1000;
  const TYPES = { track: "tone-main", identify: "tone-good", page: "tone-second", screen: "tone-second", group: "tone-wait", alias: "tone-warn", merge: "tone-warn" };
  const NOT_KEPT = ["denied", "suppressed"];
  let rows = new Map();        // key -> row, whatever is shown or not
  let since = null, further = "", counts = null, opened = null, asking = 0;
  let paused = false, searching = false, failures = 0, timer = 0, at = null, last = 0, totals = {};

  const chart = window.debuggerChart(find("spark"), find("peak"), (name) => tones(name));
  const tones = (name) => (frame.outcomes[name] || {}).tone || TYPES[name] || "tone-calm";
  const nameOf = (id) => (frame.sources[id] || {}).name || "?";
  const on = (outcome) => page.querySelector('[data-outcome="' + outcome + '"]').classList.contains("on");
  const states = () => ["pending", "stored", "rejected"].filter(on);
  const asked = () => ({ source: find("source").value, states: states(), type: find("type").value, name: find("name").value.trim() });

  async function ask(address, body) {
    const answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token },
      body: JSON.stringify(body),
      redirect: "error",
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error || "That did not work.");
    return said;
  }

  // --- the loop ---------------------------------------------------------------------------------------------------
  async function poll() {
    const mine = ++asking, first = since === null;
    const watched = {};
    for (const row of rows.values()) if (row.state === "pending") watched[row.id] = row.key;
    try {
      const said = await ask(page.dataset.poll, { ...asked(), since, watched });
      if (mine !== asking) return;
      failures = 0;
      settle(said);
      if (first) {
        for (const [second, n] of said.seconds) chart.bucket(second).stored += n;
        further = said.further;
      }
      since = said.now;
      say(said.full && !first ? "More arrive than can be listed: these are some of the latest. The figures count all." : "");
      draw();
    } catch (error) {
      if (mine !== asking) return;
      failures += 1;
      if (failures > 2) say(error.message === "Failed to fetch" ? "The server does not answer. Trying again." : error.message);
    }
  }

  function loop() {
    window.clearTimeout(timer);
    const go = !paused && !searching && !document.hidden;
    Promise.resolve(go ? poll() : null).then(() => {
      timer = window.setTimeout(loop, EVERY * Math.min(1 + failures, 10));
    });
  }

  function restart() {
    rows = new Map();
    since = counts = null;
    further = "";
    chart.clear();
    totals = {};
    close();
    draw();
    loop();
  }

  // --- what an answer brings ----------------------------------------------------------------------------------------
  function settle(said) {
    const deltas = difference(said.counts);
    for (const row of said.rows) take(row);
    for (const [id, fate] of Object.entries(said.fates)) {
      const row = [...rows.values()].find((it) => it.state === "pending" && it.id === id);
      if (row && fate === "stored") row.soon = true;           // its stored row comes with one of the next answers
      if (row && fate === "gone") row.state = "gone";
    }
    explain(deltas);
    if (counts) figures(deltas, said.now);
    counts = said.counts;
    last = said.now;
  }

  function take(row) {
    const known = rows.get(row.key);
    if (known && known.state !== "pending" && known.state !== "gone" && row.state === "pending") return;
    rows.set(row.key, { ...row, fresh: since !== null && !known });
    if (rows.size > MOST * 2) {
      const kept = [...rows.values()].sort(later).slice(0, MOST);
      rows = new Map(kept.map((it) => [it.key, it]));
    }
  }

  function difference(now) {
    const found = {};
    if (!counts) return found;
    for (const [id, it] of Object.entries(now)) {
      const before = counts[id] || {};
      found[id] = {};
      for (const [name, n] of Object.entries(it)) found[id][name] = name === "pending" ? n : n - (before[name] || 0);
    }
    return found;
  }

  // What is not kept is known by its count alone. Rows that waited and are gone take their outcome from it.
  function explain(deltas) {
    for (const [id, it] of Object.entries(deltas)) {
      const gone = [...rows.values()].filter((row) => row.state === "gone" && row.source === id);
      const kinds = NOT_KEPT.filter((name) => it[name] > 0);
      const left = { ...it };
      if (kinds.length === 1) {
        for (const row of gone.slice(0, it[kinds[0]])) {
          row.state = kinds[0];
          left[kinds[0]] -= 1;
        }
      }
      for (const name of ["duplicates", ...NOT_KEPT]) if (left[name] > 0) count(id, name, left[name]);
    }
  }

  function count(id, name, n) {
    const now = new Date();
    const same = [...rows.values()].find((row) => row.n && row.source === id && row.state === name && now - new Date(row.began) < 10000);
    if (same) {
      same.n += n;
      same.received = now.toISOString();
    } else {
      const key = "n" + id + name + now.getTime();
      rows.set(key, { key, n, state: name, source: id, began: now.toISOString(), received: now.toISOString(), fresh: true });
    }
  }

  function figures(deltas, now) {
    const sum = {};
    for (const it of Object.values(deltas)) for (const [name, n] of Object.entries(it)) sum[name] = (sum[name] || 0) + n;
    chart.add(sum, last, now);
    for (const name of chart.SETTLED) totals[name] = (totals[name] || 0) + (sum[name] || 0);
    totals.pending = sum.pending || 0;
    for (const [name, n] of Object.entries(totals)) page.querySelector('[data-count="' + name + '"]').textContent = n.toLocaleString("en");
    const rate = (sum.accepted || 0) / Math.max(0.001, now - last);
    find("rate").textContent = rate > 0 ? rate.toLocaleString("en", { maximumFractionDigits: rate < 10 ? 1 : 0 }) + " events a second" : "nothing this second";
  }

  // --- the list -----------------------------------------------------------------------------------------------------
  const later = (a, b) => Date.parse(b.received) - Date.parse(a.received);

  function fits(row) {
    const choice = asked();
    if (row.state === "gone") return true;
    if (!on(row.state)) return false;
    if (row.n) return !choice.type && !choice.name;
    return (!choice.type || row.type === choice.type) && (!choice.name || row.name === choice.name);
  }

  function line(row) {
    const made = el("li", tones(row.state === "gone" ? "denied" : row.state));
    made.dataset.key = row.key;
    if (row.fresh) made.classList.add("fresh");
    row.fresh = false;
    const when = el("time", "", time(row.received));
    when.dateTime = row.received;
    when.title = clock(row.received);
    made.append(when, el("span", "tag " + tones(row.state === "gone" ? "denied" : row.state), row.state === "gone" ? "not kept" : row.state));
    if (row.n) {
      made.classList.add("count");
      made.append(el("span", "", words(row)));
      return made;
    }
    made.append(el("span", "tag " + tones(row.type), row.type || "?"));
    const what = row.state === "rejected" ? row.meaning || row.reason : row.name || (row.type === "identify" ? "who somebody is" : "");
    const called = el("span", row.state === "rejected" ? "" : row.declared ? "strong" : "strong undeclared", what);
    called.title = row.declared ? what : what + " (not declared in the catalogue)";
    made.append(called);
    made.append(el("span", "mute small wide", row.kinds.join(", ")));
    made.append(el("span", "mute small wide", nameOf(row.source) + " · " + row.facts + (row.facts === 1 ? " fact" : " facts") + (row.undeclared ? ", " + row.undeclared + " undeclared" : "")));
    made.append(el("span", "mute small end wide", row.state === "stored" ? row.took + " ms" : row.state === "pending" ? "…" : ""));
    return made;
  }

  function words(row) {
    const many = row.n.toLocaleString("en") + (row.n === 1 ? " event of " : " events of ") + nameOf(row.source);
    if (row.state === "duplicates") return many + ": sent before, counted once";
    if (row.state === "suppressed") return many + ": of somebody who was erased or blocked; not kept";
    const purposes = ((frame.sources[row.source] || {}).purposes || []).join(", ");
    return many + ": not kept, for the person permits none of its purposes: " + purposes;
  }

  function draw() {
    const shown = [...rows.values()].filter((row) => searching || fits(row)).sort(later).slice(0, MOST);
    const old = new Map([...list.children].map((it) => [it.dataset.key, it]));
    const made = shown.map((row) => {
      const print = JSON.stringify({ ...row, fresh: 0 });
      const known = old.get(row.key);
      if (known && known.print === print) return known;
      const fresh = line(row);
      fresh.print = print;
      return fresh;
    });
    list.replaceChildren(...made);
    mark();
    chart.draw(since || Date.now() / 1000);
    find("earlier").hidden = searching || !further;
    const never = !searching && counts !== null && !rows.size && Object.values(counts).every((it) => !it.accepted);
    if (never) snippets(true);
    if (find("snippets").dataset.first && rows.size) snippets(false);
    if (never) find("snippets").dataset.first = "1";
    find("main").hidden = never;
    find("empty").hidden = shown.length > 0 || never || counts === null;
  }

  // --- one event ----------------------------------------------------------------------------------------------------
  function mark() {
    for (const it of list.children) it.classList.toggle("at", it.dataset.key === at);
  }

  async function inspect(key) {
    const row = rows.get(key);
    if (!row || row.n) return;
    at = opened = key;
    mark();
    find("main").classList.add("split");
    drawer.hidden = false;
    try {
      if (NOT_KEPT.includes(row.state) || row.state === "gone") throw new Error("This event was not kept: " + (NOT_KEPT.includes(row.state) ? row.state : "denied or suppressed") + ". All that remains is its count.");
      const said = await ask(page.dataset.detail, { state: row.state, id: row.id });
      if (opened === key) show(drawer, said, { source: nameOf(row.source), tones, close, open: (profile, purpose, reason) => reveal(key, profile, purpose, reason) });
    } catch (error) {
      drawer.replaceChildren(el("p", "empty", error.message));
    }
  }

  async function reveal(key, profile, purpose, reason) {
    try {
      const said = await ask(page.dataset.open, { profile, purpose, reason });
      if (said.refused) return said.refused;
      await inspect(key);
      return "";
    } catch (error) {
      return error.message;
    }
  }

  function close() {
    opened = null;
    drawer.hidden = true;
    drawer.replaceChildren();
    find("main").classList.remove("split");
  }

  let soon = 0;
  function move(step) {
    const events = [...list.children].filter((it) => !it.classList.contains("count"));
    const here = events.findIndex((it) => it.dataset.key === at);
    const next = events[Math.max(0, Math.min(events.length - 1, here + step))];
    if (!next) return;
    at = next.dataset.key;
    mark();
    next.scrollIntoView({ block: "nearest" });
    window.clearTimeout(soon);
    // Every event that is opened is written down: not those that one only passes.
    if (opened) soon = window.setTimeout(() => inspect(at), 350);
  }

  // --- controls -----------------------------------------------------------------------------------------------------
  function pause(wanted) {
    paused = wanted;
    find("pause-text").textContent = paused ? "Resume" : "Pause";
    find("pause").querySelector(".material-symbols-outlined").textContent = paused ? "play_arrow" : "pause";
    find("state-text").textContent = paused ? "Paused" : "Live";
    const dot = find("state").querySelector(".dot");
    dot.classList.toggle("live", !paused);
    dot.classList.toggle("tone-good", !paused);
    dot.classList.toggle("tone-warn", paused);
    if (!paused) loop();
  }

  function say(text) {
    if (searching) return;
    note.textContent = text;
    note.hidden = !text;
  }

  function snippets(wanted) {
    find("snippets").hidden = !wanted;
    find("snippet-toggle").setAttribute("aria-expanded", String(wanted));
    const some = counts && Object.values(counts).some((it) => it.accepted);
    if (find("snippet-title")) find("snippet-title").textContent = some ? "Send an event" : "Waiting for the first event";
    const source = frame.sources[find("source").value] || (Object.keys(frame.sources).length === 1 ? Object.values(frame.sources)[0] : null);
    if (find("prefix")) find("prefix").textContent = source && source.prefix ? "(begins with " + source.prefix + ")" : "";
  }

  async function search(text) {
    try {
      const said = await ask(page.dataset.find, { source: find("source").value, message_id: text });
      searching = true;
      rows = new Map(said.rows.map((row) => [row.key, row]));
      note.textContent = said.says;
      note.hidden = false;
      find("search-end").hidden = false;
      find("main").hidden = false;
      draw();
      if (said.rows.length === 1) inspect(said.rows[0].key);
    } catch (error) {
      say(error.message);
    }
  }

  function endSearch() {
    searching = false;
    find("search-end").hidden = true;
    find("search").reset();
    say("");
    restart();
  }

  list.addEventListener("click", (event) => {
    const row = event.target.closest("li");
    if (row) inspect(row.dataset.key);
  });
  find("pause").addEventListener("click", () => pause(!paused));
  find("earlier").addEventListener("click", async () => {
    const said = await ask(page.dataset.poll, { ...asked(), before: further });
    said.rows.forEach((row) => rows.has(row.key) || rows.set(row.key, row));
    further = said.further;
    draw();
  });
  find("source").addEventListener("change", () => {
    const address = new URL(location.href);
    if (find("source").value) address.searchParams.set("source", find("source").value);
    else address.searchParams.delete("source");
    history.replaceState(null, "", address);
    snippets(false);
    if (searching) endSearch();
    else restart();
  });
  find("type").addEventListener("change", restart);
  find("name").addEventListener("change", restart);
  find("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = event.target.elements.message.value.trim();
    if (text) search(text);
  });
  find("search-end").addEventListener("click", endSearch);
  page.querySelectorAll("[data-outcome]").forEach((chip) => chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(chip.classList.toggle("on")));
    draw();
  }));
  find("snippet-toggle").addEventListener("click", () => snippets(find("snippets").hidden));
  page.querySelectorAll("[data-lang]").forEach((tab) => tab.addEventListener("click", () => {
    page.querySelectorAll("[data-lang]").forEach((it) => it.classList.toggle("on", it === tab));
    page.querySelectorAll("[data-code]").forEach((it) => { it.hidden = it.dataset.code !== tab.dataset.lang; });
  }));
  if (find("key")) find("key").addEventListener("input", (event) => {
    page.querySelectorAll("[data-fill]").forEach((it) => { it.textContent = event.target.value.trim() || "WRITE_KEY"; });
  });
  if (find("copy")) find("copy").addEventListener("click", async () => {
    const code = page.querySelector("[data-code]:not([hidden])");
    const said = find("copy").lastElementChild;
    try {
      await navigator.clipboard.writeText(code.textContent);
      said.textContent = "Copied";
    } catch (error) {
      window.getSelection().selectAllChildren(code);
      said.textContent = "Selected";
    }
    window.setTimeout(() => { said.textContent = "Copy"; }, 1500);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, button, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const acts = {
      j: () => move(1),
      k: () => move(-1),
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      Enter: () => at && inspect(at),
      Escape: close,
      " ": () => pause(!paused),
      "/": () => find("search").elements.message.focus(),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) loop(); });
  loop();
})();
