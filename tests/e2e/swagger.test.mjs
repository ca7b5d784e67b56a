// The page of the API, Swagger UI, whose calls run on the real system.

import assert from "node:assert/strict";
import { test } from "node:test";
import { giveReplies } from "./replies.mjs";
import { artifact, base, newPage, sideways, violations } from "./stack.mjs";

const operation = (page, id) => page.locator(`#operations-${id}`);

async function open(t, options) {
	const page = await newPage(t, options);
	await page.goto(`${base}/swagger/`);
	await operation(page, "auth-getStatus").waitFor();
	return page;
}

// Sends the document's example of an operation; returns status and body.
async function tryOut(page, id) {
	const block = operation(page, id);
	if (!(await block.locator("button.execute").count())) await block.locator(".opblock-summary-control").click();
	const answered = page.waitForResponse((response) => response.request().resourceType() === "fetch");
	await block.locator("button.execute").click();
	const response = await answered;
	const shown = block.locator(".live-responses-table .response-col_status").last();
	await shown.filter({ hasText: String(response.status()) }).waitFor();
	return { status: response.status(), body: await response.json() };
}

test("every operation is shown, and no request leaves the machine", async (t) => {
	const elsewhere = [];
	const page = await open(t, {});
	page.on("request", (request) => request.url().startsWith(base) || request.url().startsWith("data:") || elsewhere.push(request.url()));
	await page.reload();
	await operation(page, "auth-getStatus").waitFor();
	const document = await (await fetch(`${base}/swagger/openapi.yaml`)).text();
	assert.equal(await page.locator(".opblock").count(), document.match(/^ +operationId:/gm).length);
	assert.deepEqual(elsewhere, []);
	assert.deepEqual(page.complaints, []);
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("swagger.png") });
});

test("after trying out logging in, the following calls are authorized", async (t) => {
	const page = await open(t, {});
	assert.equal((await tryOut(page, "auth-getStatus")).body.code, "token_missing");
	assert.equal((await tryOut(page, "auth-logIn")).status, 200);
	const { status, body } = await tryOut(page, "auth-getStatus");
	assert.equal(status, 200);
	assert.equal(body.data.email, "user@abacus.test");
	assert.equal((await tryOut(page, "values-submitValue")).body.working, true);
	assert.equal((await tryOut(page, "auth-logOut")).status, 200);
	assert.equal((await tryOut(page, "auth-getStatus")).body.code, "token_invalid");
});

test("a pasted token authorizes the calls that need one", async (t) => {
	const credentials = { email: "user@abacus.test", password: "abacus-user-dev" };
	const login = await fetch(`${base}/auth/login`, {
		method: "POST",
		headers: { "Content-Type": "application/json" },
		body: JSON.stringify(credentials),
	});
	const page = await open(t, {});
	await page.locator("button.authorize").first().click();
	await page.locator(".auth-container input").fill((await login.json()).auth_token);
	await page.locator(".auth-container button.authorize").click();
	await page.locator(".auth-container button.btn-done").click();
	assert.equal((await tryOut(page, "auth-getStatus")).status, 200);
	assert.ok(Array.isArray((await tryOut(page, "values-listValues")).body.data.values));
});

for (const [name, options] of Object.entries({ light: {}, "phone-dark": { viewport: { width: 390, height: 844 }, colorScheme: "dark" } }))
	test(`axe finds nothing (${name}): the page, calls and models that are open, a reply, and the dialog of the token`, async (t) => {
		const page = await newPage(t, options);
		const found = async (state) => (await violations(page)).map((each) => `${state}: ${each}`);
		await giveReplies(page, { isTimed: true }); // a small document: axe takes a minute for all calls at once
		await page.goto(`${base}/swagger/`);
		await operation(page, "values-listValues").waitFor();
		const all = await found("page");
		for (const id of ["values-listValues", "values-submitValue"]) {
			await operation(page, id).locator(".opblock-summary-control").click();
			await operation(page, id).locator("button.execute").waitFor();
		}
		await page.locator(".models-control").first().click();
		await page.locator(".models .model-container, .models .json-schema-2020-12").first().waitFor();
		all.push(...(await found("calls")));
		await page.screenshot({ path: artifact(`swagger-${name}-calls.png`), fullPage: true });
		assert.equal((await tryOut(page, "values-listValues")).status, 200);
		all.push(...(await found("reply")));
		await page.locator("button.authorize").first().click();
		await page.locator(".auth-container input").waitFor();
		all.push(...(await found("token")));
		await page.screenshot({ path: artifact(`swagger-${name}-token.png`) });
		assert.deepEqual(all, []);
		assert.ok((await sideways(page)) <= 0, "it scrolls sideways");
	});
