// Nothing is loaded and nothing is sent before the visitor has agreed. What they said travels with every event as
// `context.consent`; they can change their mind at any time; Global Privacy Control is a "no" that need not be asked for.
//
// The page's own code calls `tracking.page()`, `tracking.track(...)` and so on. Calls without consent are dropped, not kept
// for later: nobody has agreed to what was done before they were asked.
(() => {
  "use strict";

  // library: where this site serves analytics.js from; host: the customer data platform; notice: the version of the text.
  const { library, host, writeKey, notice } = document.currentScript.dataset;
  const ANSWER = "consent-answer";
  const WITHDRAWAL = "consent-withdrawal";
  const CALLS = ["identify", "track", "page", "group", "alias"];
  const signal = navigator.globalPrivacyControl === true;
  let loaded = false;

  const remembered = (name) => {
    try {
      return JSON.parse(localStorage.getItem(name));
    } catch {
      return null;
    }
  };
  const remember = (name, value) => localStorage.setItem(name, JSON.stringify(value));
  const statusOf = (answer, purpose) => answer?.decisions.find((decision) => decision.purpose === purpose)?.status;
  const agrees = (answer) => Boolean(answer?.decisions.some((decision) => decision.status === "granted"));

  // A decision keeps its time for as long as it stands: so it is one line of the ledger, however many events repeat it.
  function decided(granted, method) {
    const before = remembered(ANSWER);
    const at = new Date().toISOString();
    const decisions = purposes().map((purpose) => {
      const had = statusOf(before, purpose);
      const no = had === "granted" || had === "withdrawn" ? "withdrawn" : "denied";
      const status = granted.includes(purpose) ? "granted" : no;
      const standing = before?.decisions.find((decision) => decision.purpose === purpose && decision.status === status);
      return standing?.notice === notice ? standing : { purpose, status, at, notice, method, channel: "web" };
    });
    remember(ANSWER, { decisions, notice, signal });
    const withdrawn = decisions.some(
      ({ purpose, status }) => status === "withdrawn" && statusOf(before, purpose) === "granted",
    );
    if (withdrawn) tellWithdrawal(decisions);
    if (agrees(remembered(ANSWER))) load();
    else if (before) forget();
  }

  // analytics.js as its makers' snippet loads it, but from our own site and with the platform as its only host.
  function load() {
    if (loaded) return;
    loaded = true;
    const calls = (window.analytics = []);
    for (const name of [...CALLS, "addSourceMiddleware", "reset"]) {
      calls[name] = (...given) => calls.push([name, ...given]);
    }
    Object.assign(calls, { _writeKey: writeKey, _cdn: host });
    calls.addSourceMiddleware(({ payload, next }) => {
      const answer = remembered(ANSWER);
      if (!agrees(answer)) return next(null);
      payload.obj.context = { ...payload.obj.context, consent: { decisions: answer.decisions } };
      next(payload);
    });
    const script = document.createElement("script");
    Object.assign(script, { src: library, async: true });
    document.head.append(script);
    tracking.page();
  }

  // Kept until the platform has it: a withdrawal must arrive even if the network fails just now.
  function tellWithdrawal(decisions) {
    const anonymousId = remembered("ajs_anonymous_id");
    if (!anonymousId) return; // nothing was ever sent
    const now = new Date().toISOString();
    remember(WITHDRAWAL, {
      type: "track",
      event: "Consent Withdrawn",
      anonymousId,
      userId: remembered("ajs_user_id"),
      messageId: `withdrawal-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`,
      timestamp: now,
      context: { consent: { decisions } },
    });
    deliverWithdrawal();
  }

  async function deliverWithdrawal() {
    const event = remembered(WITHDRAWAL);
    if (!event) return;
    const body = JSON.stringify({ ...event, writeKey, sentAt: new Date().toISOString() });
    try {
      const answer = await fetch(`${host}/v1/track`, { method: "POST", body, keepalive: true });
      if (answer.ok && remembered(WITHDRAWAL)?.messageId === event.messageId) localStorage.removeItem(WITHDRAWAL);
    } catch {
      // The next page tries again.
    }
  }

  // Removes what analytics.js keeps in this browser.
  function forget() {
    if (loaded) window.analytics.reset();
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith("ajs_") || name.includes(writeKey)) localStorage.removeItem(name);
    }
    for (const name of document.cookie.split("; ").map((cookie) => cookie.split("=")[0])) {
      if (!name.startsWith("ajs_")) continue;
      const parts = location.hostname.split(".");
      for (const domain of ["", ...parts.map((_, n) => `; domain=${parts.slice(n).join(".")}`)]) {
        document.cookie = `${name}=; path=/; max-age=0${domain}`;
      }
    }
  }

  const dialog = document.getElementById("consent");
  const boxes = [...dialog.querySelectorAll("input[name=purpose]")];
  const purposes = () => boxes.map((box) => box.value);

  function ask() {
    const answer = remembered(ANSWER);
    for (const box of boxes) box.checked = statusOf(answer, box.value) === "granted"; // never ticked beforehand
    dialog.show();
  }

  dialog.addEventListener("click", ({ target }) => {
    const chosen = {
      all: purposes,
      chosen: () => boxes.filter((box) => box.checked).map((box) => box.value),
      none: () => [],
    }[target.dataset?.consent];
    if (!chosen) return;
    dialog.close();
    decided(chosen(), "web_form");
  });
  for (const button of document.querySelectorAll("[data-consent=ask]")) button.addEventListener("click", ask);

  window.tracking = { ask };
  for (const name of CALLS) {
    tracking[name] = (...given) => {
      if (loaded && agrees(remembered(ANSWER))) window.analytics[name](...given);
    };
  }

  const answer = remembered(ANSWER);
  deliverWithdrawal();
  // Somebody who agreed and has since turned the signal on has withdrawn; who agreed with the signal on has meant it.
  if (signal && agrees(answer) && !answer.signal) decided([], "gpc");
  else if (answer?.notice === notice) agrees(answer) && load();
  else if (!signal) ask();
})();
