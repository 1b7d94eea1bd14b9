// The page of one person: tabs, fragments on demand, questions before decisions.
(function () {
  "use strict";
  const page = document.querySelector("[data-profile]");
  if (!page) return;

  function show(name) {
    const tab = page.querySelector('[data-tab="' + CSS.escape(name) + '"]');
    if (!tab) return;
    page.querySelectorAll("[data-tab]").forEach((it) => it.classList.toggle("on", it === tab));
    page.querySelectorAll("[data-pane]").forEach((it) => { it.hidden = it.dataset.pane !== name; });
    page.querySelectorAll("[data-tab-kept]").forEach((it) => { it.value = name; });
    history.replaceState(null, "", "#" + name);
  }

  async function fragment(address) {
    const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.text();
  }

  page.addEventListener("click", async (event) => {
    const target = event.target.closest("button");
    if (!target) return;
    if (target.dataset.tab) show(target.dataset.tab);
    if (target.dataset.toggle) {
      const panel = page.querySelector(target.dataset.toggle);
      panel.hidden = !panel.hidden;
      if (!panel.hidden) panel.querySelector("input:not([type=hidden])").focus();
    }
    if (target.dataset.fetch || target.dataset.why) {
      target.disabled = true;
      try {
        const html = await fragment(target.dataset.fetch || target.dataset.why);
        if (target.dataset.fetch) {
          target.closest("[data-more]").outerHTML = html;
        } else {
          target.closest(".row").nextElementSibling.innerHTML = html;
          target.disabled = false;
        }
      } catch (error) {
        target.textContent = "That did not work. Reload the page.";
      }
    }
  });

  page.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  if (location.hash.length > 1) show(location.hash.slice(1));
})();
