/* Takes the place of the legacy client's service worker, which would go on answering with the legacy client's pages: removes itself and what that
 * one stored, and loads each open page anew. */
self.addEventListener("install", () => self.skipWaiting());

async function remove() {
	for (const name of await caches.keys()) await caches.delete(name);
	await self.registration.unregister();
	for (const page of await self.clients.matchAll({ type: "window" })) await page.navigate(page.url);
}

self.addEventListener("activate", (event) => event.waitUntil(remove()));
