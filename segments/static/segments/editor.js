/* The rule's editor: a form for simple rules that writes the text below it, and a preview of whatever the text says. */
(function () {
  "use strict";
  const text = document.getElementById("id_rule");
  const purpose = document.getElementById("id_purpose");
  const panel = document.getElementById("segment-preview");
  if (!text || !purpose || !panel) { if (panel) panel.remove(); return; }

  // --- the preview: asked anew a moment after each change ---
  const result = document.getElementById("segment-preview-result");
  let timer = 0, asked = 0;
  async function show() {
    const mine = ++asked;
    const body = new FormData();
    body.append("rule", text.value);
    body.append("purpose", purpose.value);
    body.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    let said = "The preview is not available.";
    try {
      const answer = await fetch(panel.dataset.url, {method: "POST", body: body, credentials: "same-origin"});
      if (answer.ok) said = await answer.text();
    } catch { /* offline: said above */ }
    if (mine === asked) result.innerHTML = said;
  }
  function soon() { clearTimeout(timer); timer = setTimeout(show, 400); }

  // --- the form ---
  const words = JSON.parse(document.getElementById("segment-words").textContent);
  const LABELS = {
    is: "is", is_not: "is not", contains: "contains", starts: "starts with", has: "has", gte: "at least", lte: "at most",
    gt: "more than", lt: "less than", newer_than_days: "within the last … days", older_than_days: "longer ago than … days",
  };
  const OPERATORS = {
    text: ["is", "is_not", "contains", "starts"], number: ["gte", "lte", "is", "gt", "lt"], boolean: ["is"], list: ["has"],
    date: ["newer_than_days", "older_than_days", "is"], datetime: ["newer_than_days", "older_than_days"],
  };
  const COUNTS = ["gte", "lte", "is"];
  const inputClass = (document.getElementById("id_name") || text).className;
  const form = document.createElement("div");
  form.className = "rule-form";
  text.before(form);
  for (const [id, names] of [["rule-traits", Object.keys(words.traits)], ["rule-events", words.events]]) {
    const list = document.createElement("datalist");
    list.id = id;
    for (const name of names) list.append(new Option(name));
    form.after(list);
  }
  let join = "all", rows = [];

  function typeOf(name) { return words.traits[name] || "text"; }

  function read(condition) {
    /* One condition as a row, or null when it says more than a row can. */
    if (condition === null || typeof condition !== "object") return null;
    const keys = Object.keys(condition);
    if (typeof condition.trait === "string") {
      const [op, more] = keys.filter((key) => key !== "trait");
      if (more || !(OPERATORS[typeOf(condition.trait)] || []).includes(op) || typeof condition[op] === "object") return null;
      return {kind: "trait", name: condition.trait, op: op, value: String(condition[op])};
    }
    if (typeof condition.event !== "string" || keys.some((key) => !["event", "count", "within"].includes(key))) return null;
    const count = Object.entries(condition.count || {gte: 1});
    const within = Object.entries(condition.within || {days: ""});
    if (count.length !== 1 || !COUNTS.includes(count[0][0]) || within.length !== 1 || within[0][0] !== "days") return null;
    return {kind: "event", name: condition.event, op: count[0][0], value: String(count[0][1]), days: String(within[0][1])};
  }

  function parse(source) {
    /* The rows of a rule, or null. */
    let rule;
    try { rule = JSON.parse(source); } catch { return null; }
    if (rule === null || typeof rule !== "object") return null;
    const kind = ["all", "any"].find((key) => Array.isArray(rule[key]) && Object.keys(rule).length === 1);
    const found = (kind ? rule[kind] : [rule]).map(read);
    return found.includes(null) ? null : {join: kind || "all", rows: found};
  }

  function typed(row) {
    const type = typeOf(row.name);
    if (type === "boolean") return row.value === "true";
    if ((type === "number" || row.op.endsWith("_days")) && row.value.trim() !== "" && !isNaN(row.value)) return Number(row.value);
    return row.value;
  }

  function condition(row) {
    if (row.kind === "trait") return {trait: row.name, [row.op]: typed(row)};
    const made = {event: row.name, count: {[row.op]: Number(row.value) || 0}};
    if (Number(row.days) > 0) made.within = {days: Number(row.days)};
    return made;
  }

  function write() {
    const conditions = rows.map(condition);
    text.value = JSON.stringify(conditions.length === 1 ? conditions[0] : {[join]: conditions}, null, 2);
    soon();
  }

  function input(row, key, label, more) {
    const made = document.createElement("input");
    Object.assign(made, {value: row[key], autocomplete: "off"});
    made.className = `${inputClass} ${more.className}`;
    made.setAttribute("aria-label", label);
    made.placeholder = label;
    if (more.list) made.setAttribute("list", more.list);
    if (more.number) Object.assign(made, {type: "number", min: 0, step: "any"});
    made.addEventListener("input", () => { row[key] = made.value; write(); });
    return made;
  }

  function choice(row, key, label, options) {
    const made = document.createElement("select");
    made.className = purpose.className;
    made.setAttribute("aria-label", label);
    for (const [value, shown] of options) made.append(new Option(shown, value, false, value === row[key]));
    made.addEventListener("change", () => { row[key] = made.value; write(); });
    return made;
  }

  function button(label, act, className) {
    const made = document.createElement("button");
    Object.assign(made, {type: "button", textContent: label, className: className || ""});
    made.addEventListener("click", act);
    return made;
  }

  function word(said) { const made = document.createElement("span"); made.textContent = said; return made; }

  function line(row) {
    const made = document.createElement("div");
    made.className = "line";
    const name = input(row, "name", row.kind, {className: "name", list: `rule-${row.kind}s`});
    made.append(word(row.kind === "trait" ? "Trait" : "Event"), name);
    if (row.kind === "trait") {
      const type = typeOf(row.name);
      const operators = OPERATORS[type] || OPERATORS.text;
      made.append(choice(row, "op", "comparison", operators.map((op) => [op, LABELS[op]])));
      if (type === "boolean") made.append(choice(row, "value", "value", [["true", "yes"], ["false", "no"]]));
      else made.append(input(row, "value", "value", {className: "value", number: type === "number" || row.op.endsWith("_days")}));
      name.addEventListener("change", () => {
        const next = OPERATORS[typeOf(row.name)] || OPERATORS.text;
        if (!next.includes(row.op)) row.op = next[0];
        if (typeOf(row.name) === "boolean" && row.value !== "false") row.value = "true";
        write();
        draw();
      });
    } else {
      made.append(choice(row, "op", "how often", COUNTS.map((op) => [op, op === "is" ? "exactly" : LABELS[op]])));
      made.append(input(row, "value", "times", {className: "number", number: true}), word("times within"));
      made.append(input(row, "days", "ever", {className: "number", number: true}), word("days"));
    }
    made.append(button("Remove", () => { rows.splice(rows.indexOf(row), 1); write(); draw(); }));
    return made;
  }

  function add(row) { rows.push(row); write(); draw(); }

  function draw() {
    form.replaceChildren();
    if (rows === null) {
      const note = word("The rule says more than this form can show: it is edited as text.");
      note.className = "note";
      form.append(note);
      return;
    }
    if (rows.length > 1) {
      const state = {join: join};
      const made = choice(state, "join", "which of the conditions", [["all", "Every one of these is true"], ["any", "At least one of these is true"]]);
      made.addEventListener("change", () => { join = made.value; write(); });
      const first = document.createElement("div");
      first.className = "line";
      first.append(made);
      form.append(first);
    }
    form.append(...rows.map(line));
    form.append(
      button("+ Trait", () => add({kind: "trait", name: "", op: "is", value: ""}), "add"),
      button("+ Event", () => add({kind: "event", name: "", op: "gte", value: "1", days: ""}), "add"),
    );
  }

  function take() {
    const found = parse(text.value);
    rows = found ? found.rows : null;
    join = found ? found.join : "all";
    draw();
  }

  text.addEventListener("input", () => { take(); soon(); });
  purpose.addEventListener("change", soon);
  take();
  show();
})();
