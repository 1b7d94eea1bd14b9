// The steward's queue: keys for the answers, ticks for many at once.
(function () {
  "use strict";
  const page = document.querySelector("[data-review]");
  if (!page) return;

  function toggle(button) {
    const panel = page.querySelector(button.dataset.toggle);
    panel.hidden = !panel.hidden;
    if (!panel.hidden) panel.querySelector("input:not([type=hidden])").focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, select, textarea, [contenteditable], button, a") && event.key === "Enter") return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
    const target = page.querySelector('[data-key="' + CSS.escape(event.key) + '"]');
    if (!target) return;
    event.preventDefault();
    target.click();
  });

  page.addEventListener("click", (event) => {
    const button = event.target.closest("[data-toggle]");
    if (button) toggle(button);
  });

  const all = page.querySelector("[data-all]");
  const boxes = [...page.querySelectorAll("input[name=review]")];
  if (all) all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));

  const many = page.querySelector("[data-many]");
  if (many) {
    many.addEventListener("submit", (event) => {
      const n = boxes.filter((box) => box.checked).length;
      const words = event.submitter ? event.submitter.textContent : "";
      if (!n || (n > 1 && !window.confirm(n + " pairs: " + words + "?"))) event.preventDefault();
    });
  }
  // A second press of a key must not answer the next question before it is seen.
  page.querySelectorAll("form:not([data-many])").forEach((form) => form.addEventListener("submit", () => {
    window.setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }), 0);
  }));
})();
