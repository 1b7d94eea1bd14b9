// Fetches the page's live part again every few seconds, as long as somebody looks at it.
(function () {
  "use strict";
  const part = document.querySelector("[data-live]");
  if (!part) return;
  const every = Number(part.dataset.every || 5) * 1000;
  let failures = 0;

  async function again() {
    if (!document.hidden && !part.matches(":has(:focus-visible)")) {
      try {
        const answer = await fetch(part.dataset.live, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
        if (answer.ok) {
          part.innerHTML = await answer.text();
          failures = 0;
        } else {
          failures += 1;
        }
      } catch (error) {
        failures += 1;
      }
      part.classList.toggle("stale", failures > 2);
    }
    window.setTimeout(again, every * Math.min(1 + failures, 12));
  }

  window.setTimeout(again, every);
})();
