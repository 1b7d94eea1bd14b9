// The API's reference: tabs, search, light and dark, and trying an operation. The key stays in this page's memory.
"use strict";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const remembered = (name, value) => {
  try {
    if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch { return null; } // storage may be forbidden: nothing here needs it
};

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark", (remembered("docs.theme") ?? (dark.matches ? "dark" : "light")) === "dark");
paint();
dark.addEventListener("change", paint);
document.getElementById("theme").addEventListener("click", () => {
  remembered("docs.theme", document.documentElement.classList.contains("dark") ? "light" : "dark");
  paint();
});

// One language for all samples.
const choose = (language) => {
  for (const tab of all("[data-tab]")) tab.setAttribute("aria-selected", String(tab.dataset.tab === language));
  for (const panel of all("[data-panel]")) panel.hidden = panel.dataset.panel !== language;
};
if (["python", "javascript"].includes(remembered("docs.language"))) choose(remembered("docs.language"));
for (const tab of all("[data-tab]")) tab.addEventListener("click", () => {
  const before = tab.getBoundingClientRect().top; // other samples grow or shrink: what was clicked stays in its place
  remembered("docs.language", tab.dataset.tab);
  choose(tab.dataset.tab);
  scrollBy({ top: tab.getBoundingClientRect().top - before, behavior: "instant" });
});
for (const button of all("[data-copy]")) button.addEventListener("click", async () => {
  await navigator.clipboard.writeText(button.closest("[data-tabs]").querySelector("pre:not([hidden])").textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

// Colours of JSON. Text nodes only: an answer is never read as markup.
const colour = (pre) => {
  const text = pre.textContent;
  const parts = text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g);
  const made = document.createDocumentFragment();
  let at = 0;
  for (const part of parts) {
    const span = document.createElement("span");
    span.className = part[2] !== undefined ? "k" : part[1] !== undefined ? "s" : "n";
    span.textContent = part[1] ?? part[0];
    made.append(text.slice(at, part.index), span);
    at = part.index + span.textContent.length;
  }
  made.append(text.slice(at));
  pre.replaceChildren(made);
};
all("pre.answer").forEach(colour);

document.getElementById("find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of all("nav section")) {
    for (const link of all("a", section)) link.hidden = !words.every((word) => link.dataset.find.toLowerCase().includes(word));
    section.hidden = all("a", section).every((link) => link.hidden);
  }
});

const links = new Map(all("nav a[href^='#']").map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  const entry = entries.find((it) => it.isIntersecting);
  if (!entry) return;
  all("nav a.here").forEach((link) => link.classList.remove("here"));
  const link = links.get(entry.target.id);
  link?.classList.add("here");
  link?.scrollIntoView({ block: "nearest" });
}, { rootMargin: "-80px 0px -70% 0px" });
all("article[id]").forEach((article) => seen.observe(article));

const cookie = (name) => document.cookie.split("; ").find((it) => it.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
const addressOf = (operation, form) => {
  let path = operation.dataset.path;
  const query = new URLSearchParams();
  for (const input of all("[data-where]", form)) {
    if (input.dataset.where === "path") path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value !== "") query.set(input.name, input.value);
  }
  return query.size ? `${path}?${query}` : path;
};
const show = (form, words, good, body) => {
  const output = form.querySelector("output"), pre = output.querySelector("pre"), status = output.querySelector(".status");
  output.hidden = false;
  status.textContent = words;
  status.className = `status ${good ? "good" : "bad"}`;
  try { pre.textContent = JSON.stringify(JSON.parse(body), null, 2); } catch { pre.textContent = body; }
  colour(pre);
};
for (const form of all("form.try")) form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const operation = form.closest(".op"), method = operation.dataset.method, body = form.querySelector("textarea")?.value;
  const key = document.getElementById("key").value.trim(), button = form.querySelector(".inputs button");
  const headers = { Accept: "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  else if (method !== "GET") headers["X-CSRFToken"] = cookie("csrftoken");
  if (body !== undefined) headers["Content-Type"] = "application/json";
  button.disabled = true;
  const began = performance.now();
  try {
    const answer = await fetch(addressOf(operation, form), { method, headers, body, credentials: key ? "omit" : "same-origin" });
    const text = await answer.text();
    show(form, `${answer.status} ${answer.statusText} · ${Math.round(performance.now() - began)} ms`, answer.ok, text || "no body");
  } catch {
    show(form, "No answer", false, "The server could not be reached.");
  } finally { button.disabled = false; }
});
