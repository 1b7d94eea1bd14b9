// The drawer of the live event debugger: one event in full. Text is only ever set as text, never as markup.
window.debuggerDetail = (function () {
  "use strict";
  if (!document.getElementById("debugger-frame")) return {};
  const TONES = { fact: "tone-good", identifying: "tone-main", undeclared: "tone-warn", wire: "tone-calm" };

  function el(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined && text !== null) made.textContent = text;
    return made;
  }

  function link(address, text) {
    const made = el("a", "l", text);
    made.href = address;
    return made;
  }

  function part(drawer, title) {
    const made = el("section");
    made.append(el("h3", "", title));
    drawer.append(made);
    return made;
  }

  function list(pairs) {
    const made = el("dl");
    for (const [name, ...said] of pairs) {
      const value = el("dd");
      value.append(...said);
      made.append(el("dt", "", name), value);
    }
    return made;
  }

  const frame = JSON.parse(document.getElementById("debugger-frame").textContent);
  const HOUR = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23", timeZone: frame.zone };
  const hours = new Intl.DateTimeFormat("en-GB", HOUR);
  const days = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone: frame.zone });

  // Times are those of the installation's zone, as everywhere in admin.
  function time(at) {
    return hours.format(new Date(at));
  }

  function clock(at) {
    return days.format(new Date(at)) + " " + time(at) + " " + frame.zone;
  }

  function shown(value) {
    return typeof value === "string" ? value : JSON.stringify(value);
  }

  function tree(lines) {
    const made = el("div", "dbg-tree");
    for (const line of lines) {
      const row = el("div");
      row.style.setProperty("--deep", line.depth);
      const tone = TONES[line.data_class];
      row.append(el("span", "dot " + tone), el("span", "key", line.name));
      if (line.shown !== null) row.append(el("span", "value " + tone, shown(line.shown)));
      if (line.shown === null || line.shown === "•••") row.append(el("span", "type", line.type));
      if (line.note) row.append(el("span", "note", line.note));
      made.append(row);
    }
    return made;
  }

  function legend() {
    const made = el("div", "dbg-legend");
    const words = { fact: "fact, stands in clear", identifying: "identifying, sealed", undeclared: "undeclared, sealed", wire: "of the protocol" };
    for (const [name, text] of Object.entries(words)) {
      const it = el("span");
      it.append(el("span", "dot " + TONES[name]), document.createTextNode(text));
      made.append(it);
    }
    return made;
  }

  function became(drawer, it) {
    if (!it) return;
    const where = part(drawer, "What it became");
    const pairs = [["record", el("span", "mono", it.record), document.createTextNode(it.new_record ? " (new)" : "")]];
    if (it.records !== undefined) {
      const profile = it.address ? link(it.address, "open the profile") : el("span", "", "known");
      pairs.push(["profile", profile, el("span", "mute", " " + (it.new_profile ? "new, " : "") + it.records + (it.records === 1 ? " record" : " records"))]);
    }
    if (it.links && it.links.length) {
      pairs.push(["linked by", document.createTextNode(it.links.map((l) => l.rule + " (" + l.weight + " bits)").join(", "))]);
    }
    for (const text of it.happened) pairs.push(["with it", document.createTextNode(text)]);
    for (const s of it.segments || []) pairs.push([s.verb, link(s.address, s.name)]);
    where.append(list(pairs));
  }

  function reveal(drawer, it, open) {
    if (it.masked) part(drawer, "Why values are masked").append(el("p", "small", it.masked));
    if (!it.reveal) return;
    const where = part(drawer, "Reveal");
    if (it.reveal.until) {
      where.append(el("p", "small", "Open until " + clock(it.reveal.until) + ". Written to the audit trail."));
      return;
    }
    const form = el("form");
    const purpose = el("select", "in");
    purpose.setAttribute("aria-label", "Purpose");
    for (const p of it.reveal.purposes) {
      const option = el("option", "", p.name);
      option.value = p.key;
      option.selected = p.key === "operate";
      purpose.append(option);
    }
    const reason = el("input", "in");
    reason.required = true;
    reason.minLength = 10;
    reason.maxLength = 2000;
    reason.placeholder = "Why do you need to see it? (at least 10 letters)";
    reason.setAttribute("aria-label", "Reason");
    const said = el("p", "small mute", "Purpose and reason are written to the audit trail; the person must permit the purpose.");
    form.append(purpose, reason, el("button", "btn", "Open for ten minutes"), said);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const problem = await open(it.reveal.profile, purpose.value, reason.value);
      if (problem) said.textContent = problem;
    });
    where.append(form);
  }

  function show(drawer, it, { source, tones, close, open }) {
    drawer.replaceChildren();
    const head = el("header");
    head.append(el("span", "tag " + tones(it.state), it.state), el("span", "tag " + tones(it.type), it.type || "unknown type"));
    head.append(el("h2", it.declared ? "" : "undeclared", it.name || ""));
    const shut = el("button", "close push");
    shut.type = "button";
    shut.title = "Close (Esc)";
    shut.append(el("span", "material-symbols-outlined", "close"));
    shut.addEventListener("click", close);
    head.append(shut);
    drawer.append(head);
    if (it.refused) {
      const why = el("div", "why");
      why.append(el("p", "strong", it.refused.meaning || it.refused.reason));
      if (it.refused.field) why.append(el("p", "small", "Field: " + it.refused.field));
      if (it.refused.size) why.append(el("p", "small", it.refused.size));
      why.append(el("p", "small", it.refused.remedy));
      if (it.replayed) why.append(el("p", "small", "It was offered again since."));
      const where = part(drawer, "Why it was rejected");
      where.append(why);
      if (it.address) where.append(link(it.address, "Open the rejection"));
    }
    const read = part(drawer, "How it was read");
    const pairs = it.times.map((t) => [t.name, el("span", "mono", clock(t.at)), el("div", "small mute", t.note)]);
    pairs.unshift(["source", document.createTextNode(source)]);
    read.append(list(pairs));
    if (!it.declared && it.name) read.append(el("p", "small mute", "The name of this event is not declared in the catalogue: it is sealed, and rules cannot use it yet."));
    const ids = part(drawer, "Identifiers");
    if (it.identifiers.length) {
      const row = el("div", "row");
      for (const id of it.identifiers) {
        const tag = el("span", id.unread ? "tag tone-warn" : "tag tone-main");
        tag.append(el("span", "mute", id.kind), document.createTextNode((id.value ? " " + id.value : "") + (id.unread ? " " + id.unread : "")));
        row.append(tag);
      }
      ids.append(row);
    } else ids.append(el("p", "small mute", "None could be read."));
    if (it.consent.length) {
      part(drawer, "Consent it says").append(list(it.consent.map((c) => [c.purpose, el("span", "strong", c.status), el("span", "mute", " " + c.note)])));
    }
    became(drawer, it.became);
    if (it.lines.length) part(drawer, "The event as it came").append(tree(it.lines), legend());
    reveal(drawer, it, open);
    drawer.hidden = false;
  }

  return { show, el, time, clock, frame };
})();
