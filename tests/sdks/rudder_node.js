// Six calls by @rudderstack/rudder-sdk-node, unmodified.
const Analytics = require("@rudderstack/rudder-sdk-node");

const { writeKey, host, userId, email, yearAgo, gzip } = JSON.parse(process.argv[2]);
const failed = (error) => {
  console.error(String(error));
  process.exitCode = 1;
};
const client = new Analytics(writeKey, { dataPlaneUrl: host, gzip, retryCount: 1, errorHandler: failed });
client.identify({ userId, anonymousId: "a-1", traits: { email, plan: "gold" } });
client.track({ userId, event: "Order Completed", properties: { total: 12.5 }, timestamp: new Date(yearAgo) });
client.page({ userId, category: "Shop", name: "Home", properties: { path: "/" } });
client.screen({ userId, category: "Shop", name: "Basket" });
client.group({ userId, groupId: "g-1", traits: { size: 2 } });
client.alias({ userId, previousId: "a-1" });
client.flush((error) => {
  if (error) failed(error);
  process.exit();
});
