// The main path through the pages, at any address: `BASE_URL=https://abacus.example sh test.sh e2e` runs this file alone, against a system that runs
// elsewhere. So it needs nothing but the address, and leaves one user behind.

import assert from "node:assert/strict";
import { test } from "node:test";
import { base, newPage } from "./stack.mjs";

const PASSWORD = "seven brass beads";
// What every browser logs for a refused call, and when a session ends while its live connection is being made.
const BROWSERS = /^Failed to load resource|WebSocket is closed before the connection is established/;
const h1 = (page, text) => page.getByRole("heading", { level: 1, name: text, exact: true }).waitFor();

async function logIn(page, email) {
	await page.goto(`${base}/login`);
	await page.getByLabel("Email").fill(email);
	await page.getByLabel("Password").fill(PASSWORD);
	await page.locator("[type=submit]").click();
	await h1(page, "Your values");
}

test("a visitor registers, submits an index, sees its result, logs out, and finds it again after logging in", async (t) => {
	const name = `newcomer${Date.now()}`;
	const page = await newPage(t);
	await page.goto(`${base}/register`);
	await page.getByLabel("Username").fill(name);
	await page.getByLabel("Email").fill(`${name}@example.com`);
	await page.getByLabel("Password").fill(PASSWORD);
	await page.locator("[type=submit]").click();
	await h1(page, "Your values");

	await page.locator("[name=kind][value=fibonacci]").check({ force: true });
	await page.getByLabel("Index", { exact: true }).fill("12");
	await page.getByRole("button", { name: "Calculate" }).click();
	const row = page.locator(".value").filter({ has: page.locator(".value-name b", { hasText: /^12$/ }) });
	const result = row.getByText("233", { exact: true }); // F(index + 1)
	await result.waitFor();

	await page.getByRole("button", { name: "Log out" }).click();
	await page.locator(".navbar-menu").getByText("Log in", { exact: true }).waitFor({ state: "attached" });
	await logIn(page, `${name}@example.com`);
	await result.waitFor();
	assert.deepEqual(
		page.complaints.filter((text) => !BROWSERS.test(text)),
		[],
	);
});

test("a wrong password is refused in words for people", async (t) => {
	const page = await newPage(t);
	await page.goto(`${base}/login`);
	await page.getByLabel("Email").fill(`nobody${Date.now()}@example.com`);
	await page.getByLabel("Password").fill("not the password");
	await page.locator("[type=submit]").click();
	await page.locator(".notification.is-danger").waitFor();
});

test("the API's document is there, and what is asked without a token is answered as it says", async () => {
	assert.equal((await fetch(`${base}/swagger/openapi.yaml`)).status, 200);
	const refused = await fetch(`${base}/auth/status`);
	assert.equal(refused.status, 403);
	assert.equal((await refused.json()).code, "token_missing");
	assert.equal((await fetch(`${base}/api/values/kinds`)).status, 200);
});
