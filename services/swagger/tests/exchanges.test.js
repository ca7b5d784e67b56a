// The check of replies finds every kind of difference: a test that cannot fail proves nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ApiDocument } from "./api-document.js";
import { answersOf, publicPath, unseenOf } from "./exchanges.js";

const api = new ApiDocument(fileURLToPath(new URL("../openapi.yaml", import.meta.url)));
const headers = { "content-type": "application/json", "x-request-id": "a-1" };
const failure = (code, message) => JSON.stringify({ status: "fail", message, code, request_id: "a-1" });
const ping = { method: "GET", path: "/users/ping", status: 200, headers, body: '{"status":"success","message":"pong!"}' };

test("a reply that conforms has no problem", () => {
	assert.deepEqual(api.problemsOf(ping), []);
});

for (const [what, change] of Object.entries({
	"another message": { body: '{"status":"success","message":"pong"}' },
	"a member too many": { body: '{"status":"success","message":"pong!","more":1}' },
	"a body that is not JSON": { body: "pong!" },
	"a type that is not exactly JSON": { headers: { ...headers, "content-type": "application/json; charset=utf-8" } },
	"no request id": { headers: { "content-type": "application/json" } },
	"a status that the operation does not have": { status: 201 },
	"an unknown path that is not 404": { path: "/users/ping/pong" },
	"a wrong method that is not 405": { method: "DELETE", path: "/auth/login", status: 404, body: failure("not_found", "Not found.") },
	"a method not allowed without Allow": { method: "DELETE", status: 405, body: failure("method_not_allowed", "Method not allowed.") },
	"a failure without WWW-Authenticate": {
		path: "/auth/status",
		status: 401,
		body: failure("token_expired", "Signature expired. Please log in again."),
	},
	"a failure with the code of another": { status: 503, headers: { ...headers, "retry-after": "1" }, body: failure("timeout", "Too slow.") },
})) {
	test(`${what} is a problem`, () => {
		assert.notDeepEqual(api.problemsOf({ ...ping, ...change }), []);
	});
}

test("a refusal before any operation is checked too", () => {
	assert.deepEqual(
		api.problemsOf({ ...ping, method: "TRACE", path: "/users", status: 400, body: failure("bad_request", "Bad request.") }),
		[],
	);
	assert.notDeepEqual(api.problemsOf({ ...ping, status: 414, body: "<html>" }), []);
});

test("paths are compared as a client of nginx writes them", () => {
	assert.equal(publicPath("nginx", "/api/users/7?limit=1"), "/users/7");
	assert.equal(publicPath("nginx", "/api/user"), "/api/user");
	assert.equal(publicPath("values", "/values/all"), "/api/values/all");
	assert.equal(publicPath("values", "/api/values/all"), "/api/values/all");
	assert.equal(publicPath("nginx", "/values/all"), null);
	assert.equal(publicPath("nginx", "/"), null);
	assert.equal(publicPath("healthcheck", "/status/app.js"), null);
	assert.equal(publicPath("healthcheck", "/healthcheck"), "/api/healthcheck");
});

test("replies are read from the wire one by one", () => {
	const one = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\n{}";
	assert.deepEqual(
		[...answersOf(`${one}${one}HTTP/1.1 200`)].map((answer) => [answer.status, answer.headers["x-a"], answer.body]),
		[
			[200, "b", "{}"],
			[200, "b", "{}"],
		],
	);
});

test("the document lists an answer for each code of an error", () => {
	const of = (call) => api.documentedAnswers().filter((one) => one.startsWith(`${call} `));
	assert.deepEqual(of("logIn 429"), ["logIn 429 too_many_attempts", "logIn 429 too_many_requests"]);
	assert.deepEqual(of("addUser 413"), ["addUser 413 body_too_large"]);
	assert.ok(api.documentedAnswers().includes("ping 200"));
	assert.ok(api.documentedAnswers().includes("getHealth 503 unavailable") && api.documentedAnswers().includes("getHealth 503"));
});

test("a reply is the answer of its call, status and code", () => {
	assert.equal(api.answerOf(ping), "ping 200");
	assert.equal(api.answerOf({ ...ping, status: 503, body: failure("busy", "Too much.") }), "ping 503 busy");
	assert.equal(api.answerOf({ ...ping, status: 503, body: "<html>" }), "ping 503");
	assert.equal(api.answerOf({ ...ping, status: 204, body: "null" }), "ping 204");
	assert.equal(api.answerOf({ ...ping, method: "DELETE" }), null);
});

test("an answer that was not seen is found, although another code of its status was", () => {
	const all = unseenOf(api, new Set());
	for (const one of ["ping 200", "logIn 429 too_many_attempts"]) {
		assert.deepEqual(unseenOf(api, new Set(all.filter((each) => each !== one))), [one]);
	}
});
