// The page of one rule: what it would change is asked anew a moment after each choice.
(function () {
  "use strict";
  const form = document.querySelector("form[data-preview]");
  const result = document.getElementById("rule-preview");
  if (!form || !result) return;
  let timer = 0;
  let asked = 0;

  async function show() {
    const mine = ++asked;
    let html = '<p class="mute">The preview is not available. Reload the page.</p>';
    try {
      const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form), redirect: "error" });
      if (answer.ok) html = await answer.text();
    } catch (error) {
      // What is shown says it.
    }
    if (mine === asked) result.innerHTML = html;
  }

  form.addEventListener("change", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(show, 300);
  });
  show();
})();
