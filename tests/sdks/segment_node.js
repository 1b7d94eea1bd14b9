// Six calls by @segment/analytics-node, unmodified.
const { Analytics } = require("@segment/analytics-node");

const { writeKey, host, userId, email, yearAgo } = JSON.parse(process.argv[2]);
const client = new Analytics({ writeKey, host, maxRetries: 1 });
client.on("error", (error) => {
  console.error(error.code, error.reason);
  process.exitCode = 1;
});
client.identify({ userId, anonymousId: "a-1", traits: { email, plan: "gold" } });
client.track({ userId, event: "Order Completed", properties: { total: 12.5 }, timestamp: yearAgo });
client.page({ userId, category: "Shop", name: "Home", properties: { path: "/" } });
client.screen({ userId, category: "Shop", name: "Basket" });
client.group({ userId, groupId: "g-1", traits: { size: 2 } });
client.alias({ userId, previousId: "a-1" });
client.closeAndFlush();
