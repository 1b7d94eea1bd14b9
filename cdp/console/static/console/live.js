// Fetches the page's live parts again every few seconds, as long as somebody looks at them. A part whose mark ([data-mark]) is
// another than at first says that something has ended which the rest of the page shows: then the page is loaded again.
(function () {
  "use strict";

  function follow(part) {
    const every = Number(part.dataset.every || 5) * 1000;
    const mark = () => part.querySelector("[data-mark]")?.dataset.mark;
    const first = mark();
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
        if (mark() !== first) return location.reload();
      }
      window.setTimeout(again, every * Math.min(1 + failures, 12));
    }

    window.setTimeout(again, every);
  }

  document.querySelectorAll("[data-live]").forEach(follow);
})();
