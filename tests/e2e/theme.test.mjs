// The theme that the user chooses, on the client, the dashboard and Swagger UI.

import assert from "node:assert/strict";
import { test } from "node:test";
import { own } from "./people.mjs";
import { base, eventually, newPage } from "./stack.mjs";

const PAGES = { client: "/", dashboard: "/status/", swagger: "/swagger/" };

const themeOf = (page) => page.evaluate(() => document.documentElement.dataset.theme);
// The body of the client is transparent, and its ground is that of the root.
const groundOf = (page) =>
	page.evaluate(() => [document.body, document.documentElement].map((node) => getComputedStyle(node).backgroundColor).join(" on "));
// It changes in the course of a few frames.
const hasGround = (page, ground) => eventually(async () => (await groundOf(page)) === ground, `the ground is ${ground}`);
const option = (page, name) => page.locator("theme-switch").getByRole("radio", { name });

async function open(t, path, options) {
	const page = await newPage(t, options);
	await page.goto(`${base}${path}`);
	await option(page, "Dark").waitFor();
	return page;
}

for (const [name, path] of Object.entries(PAGES)) {
	test(`${name}: the theme is the system's until the user chooses another, and that one is there when the page comes again`, async (t) => {
		const page = await open(t, path, { colorScheme: "light" });
		assert.equal(await themeOf(page), "light");
		const light = await groundOf(page);
		await page.emulateMedia({ colorScheme: "dark" });
		await eventually(async () => (await themeOf(page)) === "dark", "the page follows the system");
		await eventually(async () => (await groundOf(page)) !== light, "the ground is dark");
		const dark = await groundOf(page);
		await option(page, "Light").check();
		await hasGround(page, light);
		await page.reload();
		await hasGround(page, light);
		await option(page, "As the system").check();
		await hasGround(page, dark);
		assert.deepEqual(own(page.complaints), []);
	});

	test(`${name}: a chosen theme is set before anything is painted`, async (t) => {
		const page = await newPage(t, { colorScheme: "light" });
		await page.addInitScript(() => {
			localStorage.setItem("abacus.theme", "dark");
			new MutationObserver((_, observer) => {
				if (!document.body) return;
				window.themeAtBody = document.documentElement.dataset.theme;
				observer.disconnect();
			}).observe(document, { childList: true, subtree: true });
		});
		await page.goto(`${base}${path}`);
		assert.equal(await page.evaluate(() => window.themeAtBody), "dark");
	});
}

test("the theme that one page chooses is that of the others, open or opened later", async (t) => {
	const page = await open(t, PAGES.client, { colorScheme: "light" });
	const other = await page.context().newPage();
	await other.goto(`${base}${PAGES.dashboard}`);
	await option(other, "Dark").check();
	await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
	assert.equal(await option(page, "Dark").isChecked(), true);
	await page.goto(`${base}${PAGES.swagger}`);
	assert.equal(await themeOf(page), "dark");
	assert.equal(await page.evaluate(() => document.documentElement.classList.contains("dark-mode")), true);
});

test("with storage blocked the theme can be chosen for as long as the page lasts", async (t) => {
	const page = await newPage(t, { colorScheme: "light" });
	await page.addInitScript(() =>
		Object.defineProperty(window, "localStorage", {
			get() {
				throw new DOMException("blocked", "SecurityError");
			},
		}),
	);
	await page.goto(`${base}/`);
	await option(page, "Dark").check();
	assert.equal(await themeOf(page), "dark");
});

test("the keyboard chooses the theme", async (t) => {
	const page = await open(t, PAGES.client, { colorScheme: "light" });
	await option(page, "As the system").focus();
	await page.keyboard.press("ArrowRight");
	assert.equal(await option(page, "Light").isChecked(), true);
	await page.keyboard.press("ArrowRight");
	assert.equal(await themeOf(page), "dark");
});

test("the dashboard and Swagger UI lead back to the client", async (t) => {
	for (const path of [PAGES.dashboard, PAGES.swagger]) {
		const page = await open(t, path, {});
		await page.getByRole("link", { name: "Abacus", exact: true }).click();
		await page.locator("#root .brand").waitFor();
	}
});
