// Shows notices that carry no content. A worker of its own: the tip form's lives as long as a draft.

self.addEventListener("push", (event) => {
  const told = event.data ? event.data.json() : {};
  event.waitUntil(
    self.registration.showNotification(told.title || "Homeward", { body: told.body || "", tag: "homeward" }),
  );
});

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow("/receipt"));
});
