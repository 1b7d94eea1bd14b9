// The page's own code: it need not know whether the visitor has agreed.
document.getElementById("buy").addEventListener("click", () => {
  tracking.track("Order Completed", { order_id: crypto.getRandomValues(new Uint32Array(1))[0], revenue: 25.5, currency: "EUR" });
});
document.getElementById("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const { user, email } = Object.fromEntries(new FormData(event.target));
  tracking.identify(user, { email });
});
