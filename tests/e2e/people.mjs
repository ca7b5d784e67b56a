// Users of the browser tests: made and asked about through the API, and logged in on the page.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { artifact, base, newPage, secret, sideways, violations } from "./stack.mjs";

export const PASSWORD = "seven brass beads";
export const admin = { email: "admin@abacus.test", password: "abacus-admin-dev" };
let count = 0;

// ---- the API, called directly ----

export async function call(method, path, { body, token, confirmation, at = base } = {}) {
	const headers = {
		...(confirmation ? { "X-Confirmation": confirmation } : {}),
		...(body ? { "Content-Type": "application/json" } : {}),
		...(token ? { Authorization: `Bearer ${token}` } : {}),
	};
	const response = await fetch(`${at}${path}`, { method, headers, body: body && JSON.stringify(body) });
	return { ...(await response.json()), status: response.status };
}

// Makes the user with this id an admin, with the token of one whose password confirms it.
export async function makeAdmin(id, token, password) {
	const begun = await call("POST", "/auth/confirmations", {
		token,
		body: { action: "change_user", parameters: { id: `${id}`, admin: true } },
	});
	const answer = { method: "password", password };
	const { confirmation } = (await call("POST", `/auth/challenge/${begun.data.challenge}`, { body: answer })).data;
	await call("PATCH", `/users/${id}`, { token, confirmation, body: { admin: true } });
}

// Registers a new user: {username, email, password, token}.
export async function newUser() {
	const username = `person${process.pid}x${++count}x${Date.now()}`;
	const body = { username, email: `${username}@example.com`, password: PASSWORD };
	return { ...body, token: (await call("POST", "/auth/register", { body })).auth_token };
}

// The token with a period of validity that is over, signed like the server does.
export function expired(token) {
	const [header, payload] = token.split(".");
	const claims = { ...JSON.parse(Buffer.from(payload, "base64url")), iat: 1_600_000_000, nbf: 1_600_000_000, exp: 1_600_000_060 };
	const signed = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
	return `${signed}.${createHmac("sha256", secret("SECRET_KEY")).update(signed).digest("base64url")}`;
}

// ---- the pages ----

export const h1 = (page, text) => page.getByRole("heading", { level: 1, name: text, exact: true }).waitFor();
export const notice = (page, tone, text) => page.locator(`.notification.is-${tone}`, { hasText: text });
export const isLive = (page, timeout = 15_000) => page.locator(".live[data-live=open]").waitFor({ timeout });
export const loggedOut = (page) => page.locator(".navbar-menu").getByText("Log in", { exact: true }).waitFor({ state: "attached" });

export async function open(t, path, options = {}) {
	const page = await newPage(t, options);
	await page.goto(`${base}${path}`);
	return page;
}

export async function givePassword(page, { email, password = PASSWORD }, { keep = false, at = base } = {}) {
	await page.goto(`${at}/login`);
	await page.getByLabel("Email").fill(email);
	await page.getByLabel("Password").fill(password);
	if (keep) await page.getByLabel(/^Keep me logged in/).check();
	await page.locator("[type=submit]").click();
}

export async function logIn(page, who, options = {}) {
	await givePassword(page, who, options);
	await page.getByRole("heading", { level: 1, name: "Your values" }).waitFor();
}

export async function openAs(t, who, options = {}) {
	const page = await newPage(t, options);
	await logIn(page, who, options);
	await isLive(page);
	return page;
}

// Without the messages that every browser logs for a refused call, and when a session ends while its live connection is being made.
const BROWSERS = /^Failed to load resource|WebSocket is closed before the connection is established/;
export const own = (complaints) => complaints.filter((text) => !BROWSERS.test(text));

export async function settled(page) {
	await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" }); // the first of those that are left
	await page.evaluate(() => document.fonts.ready);
	await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))); // in the colours of now
}

// ---- the account page ----

export const dialog = (page, name) => page.getByRole("dialog", { name });
export const noDialog = (page) => page.locator("dialog").waitFor({ state: "detached" });

export async function openAccount(page, at = base) {
	await page.goto(`${at}/account`);
	await h1(page, "Account");
	await page.getByRole("heading", { name: "Where you are logged in" }).waitFor();
	await settled(page);
}

export async function confirmByPassword(page, name = "Confirm that it is you") {
	await dialog(page, name).getByLabel("Your password").fill(PASSWORD);
	await page.keyboard.press("Enter");
	await noDialog(page);
}

export const LIGHT = ["light", { width: 1280, height: 900 }, "light"];
export const PHONE = ["phone-dark", { width: 390, height: 844 }, "dark"];

// Looks at the page as it is now. Each state is looked at once, and each of the two views has states with and without a dialog.
export async function look(page, name, [how, viewport, colorScheme]) {
	await page.setViewportSize(viewport);
	await page.emulateMedia({ colorScheme });
	await settled(page);
	assert.deepEqual(await violations(page), [], `${name}, ${how}`);
	assert.ok((await sideways(page)) <= 0, `${name} scrolls sideways, ${how}`);
	await page.screenshot({ path: artifact(`account-${how}-${name}.png`), fullPage: true });
}
