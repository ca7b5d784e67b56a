// The replies that a page gets while it is looked at: the same ones, at the same time, in every run. Nothing is asked of a server but the files of the page.

export const NOW = new Date("2026-03-14T15:09:26Z");

const ago = (seconds) => new Date(NOW.getTime() - 1000 * seconds).toISOString();
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// ---- kinds of replies ----

export const success = (data) => (route) => route.fulfill({ json: { status: "success", message: "", data } });
export const failure = (status, code, message, data) => (route) =>
	route.fulfill({ status, json: { status: "fail", message, code, request_id: "7d9f0c2a", data } });
export const never = () => {};
export const away = failure(503, "unavailable", "The service is not available.");
export const refused = failure(500, "internal", "Something went wrong on the server.");
export const unreachable = (route) => route.abort("connectionrefused");

// ---- numbers ----

function sumOf(first, second, index) {
	let [one, next] = [first, second];
	for (let i = 0; i < index; i++) [one, next] = [next, one + next];
	return one;
}

function productOf(index, isFactor) {
	let product = 1n;
	for (let i = 2; i <= index; i++) if (isFactor(i)) product *= BigInt(i);
	return product;
}

function isPrime(n) {
	for (let i = 2; i * i <= n; i++) if (n % i === 0) return false;
	return n > 1;
}

const NUMBERS = {
	fibonacci: (index) => sumOf(1n, 1n, index),
	lucas: (index) => sumOf(2n, 1n, index),
	factorial: (index) => productOf(index, () => true),
	primorial: (index) => productOf(index, isPrime),
};
const digitsOf = (kind, index) => NUMBERS[kind](index).toString();

// ---- values ----

const result = (kind, index, durationUs) => {
	const digits = digitsOf(kind, index);
	return success({ kind, index, digits: digits.length, duration_us: durationUs, result: digits });
};

const previewOf = (digits) => (digits.length > 1000 ? `${digits.slice(0, 20)}…${digits.slice(-20)} (${digits.length} digits)` : digits);

let ids = 0;
function value(kind, index, submittedS, durationUs) {
	const digits = digitsOf(kind, index);
	const known = {
		state: "done",
		digits: digits.length,
		preview: previewOf(digits),
		duration_us: durationUs,
		calculated_at: ago(submittedS),
	};
	return { ...submission(kind, index, "done", submittedS), ...known };
}
function submission(kind, index, state, submittedS) {
	const unknown = { digits: null, preview: null, duration_us: null, calculated_at: null };
	return {
		id: `0194f3a8-7c1d-7000-8000-${String(++ids).padStart(12, "0")}`,
		kind,
		index,
		state,
		submitted_at: ago(submittedS),
		...unknown,
	};
}

const values = [
	submission("lucas", 777_777, "pending", 72),
	value("factorial", 1000, 4 * MINUTE, 112),
	submission("primorial", 654_321, "failed", 11 * MINUTE),
	value("fibonacci", 40, 2 * HOUR, 3),
	value("factorial", 1000, 3 * HOUR, 112),
	value("lucas", 353, 5 * HOUR, 5),
	value("primorial", 5000, DAY, 1480),
	value("factorial", 52, 2 * DAY, 4),
	value("fibonacci", 10_000, 9 * DAY, 236),
	value("lucas", 90, 16 * DAY, 2),
];

// A value that is done, of which only what a list and the plot show is there.
export const shortValue = (kind, index, { digits = 9, preview = "123456789", us = 7, agoS = MINUTE } = {}) => ({
	...submission(kind, index, "done", agoS),
	digits,
	preview,
	duration_us: us,
	calculated_at: ago(agoS),
});
export const pendingValue = (kind, index) => submission(kind, index, "pending", MINUTE);

// A list of COUNT values, each of another index.
export const manyValues = (count) =>
	Array.from({ length: count }, (_, i) => shortValue("lucas", i, { preview: String(100_000_000 + i), agoS: i * MINUTE }));

const DESCRIPTIONS = {
	fibonacci: "The Fibonacci number F(index + 1), so that 0 and 1 give 1 and 7 gives 21.",
	lucas: "The Lucas number L(index), with L(0) = 2 and L(1) = 1.",
	factorial: "The product of all whole numbers from 1 to index.",
	primorial: "The product of all primes up to index.",
};
const kinds = Object.entries(DESCRIPTIONS).map(([kind, description]) => ({
	kind,
	limit: kind === "factorial" ? 100_000 : 1_000_000,
	anonymous_limit: 1000,
	description,
}));

// ---- health ----

const instance = (name, number, status = "up", reason = null) => ({
	name,
	instance: `${name}-${number}`,
	address: `127.0.0.1:500${number}`,
	status,
	reason,
	cpu_percent: 1.5,
	memory_bytes: 9 * 2 ** 20,
	uptime_s: 3 * DAY,
	response_ms: 0.7,
	version: "1.0.0",
	last_seen: ago(1),
	down_since: status === "down" ? ago(40) : null,
});

const health = {
	summary: "values: 1 of 2 down",
	detail: "full",
	notice: null,
	services: [
		instance("users", 1),
		instance("values", 1),
		instance("values", 2, "down", "no connection"),
		instance("worker", 1),
		instance("mailer", 1),
	],
	queue: { depth: 240, oldest_s: 72, per_s: 31.5, dead: 1 },
	mail: { waiting: 0, oldest_s: null, sent: 12, failed: 0, sms_sent: 0, sms_failed: 0 },
	postgres: { status: "up", reason: null, connections: 14, connections_max: 100, role: "primary" },
	redis: {
		status: "degraded",
		reason: "its memory is nearly full",
		memory_bytes: 480 * 2 ** 20,
		memory_max_bytes: 512 * 2 ** 20,
		evicted: 0,
		role: "master",
		clients: 9,
	},
	nginx: { status: "up", reason: null, active: 5, requests_per_s: 12.5 },
	updated_at: ago(1),
};

// ---- accounts ----

export const USER = { id: 12, username: "ada.lovelace", email: "ada@example.com", active: true, admin: false };
export const ADMIN = { ...USER, id: 1, username: "admin", email: "admin@example.com", admin: true };

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const SAFARI =
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";

const factors = {
	asked: "login",
	recovery_codes: 3,
	factors: [
		{ id: "f1", method: "passkey", name: "My laptop", created_at: ago(40 * DAY), last_used_at: ago(2 * HOUR) },
		{ id: "f2", method: "totp", name: null, created_at: ago(90 * DAY), last_used_at: ago(9 * DAY) },
	],
};
const noFactors = { asked: "login", recovery_codes: 0, factors: [] };

const login = (id, userAgent, address, more) => ({
	id,
	user_agent: userAgent,
	address,
	created_at: ago(9 * DAY),
	last_used_at: ago(3 * HOUR),
	expires_at: ago(-20 * DAY),
	remember: false,
	current: false,
	...more,
});
const sessions = [
	login("s1", FIREFOX, "192.0.2.7", { current: true, last_used_at: ago(10), remember: true }),
	login("s2", SAFARI, "2001:db8::17", {}),
	login("s3", "curl/8.0", "198.51.100.4", { last_used_at: ago(5 * DAY) }),
];

const event = (id, name, atS, more = {}) => ({
	id,
	event: name,
	at: ago(atS),
	user: USER.id,
	actor: USER.id,
	session: null,
	network: "192.0.2.0/24",
	user_agent: FIREFOX,
	request_id: null,
	count: 1,
	last_at: ago(atS),
	...more,
});
const events = [
	event(9, "factor_used", 2 * HOUR),
	event(8, "login", 2 * HOUR),
	event(7, "login_failed", 8 * HOUR, { actor: null, network: "198.51.100.0/24", user_agent: "curl/8.0", count: 4 }),
	event(6, "user_activated", 3 * DAY, { actor: ADMIN.id }),
	event(5, "factor_added", 40 * DAY),
	event(4, "registered", 90 * DAY),
];

const people = [
	ADMIN,
	USER,
	{ id: 13, username: "emmy", email: "emmy.noether@mathematisches-institut.example.org", active: true, admin: true },
	{ id: 14, username: "srinivasa.ramanujan", email: "ramanujan@example.net", active: false, admin: false },
	{ id: 15, username: "sophie", email: "sophie@example.com", active: true, admin: false },
];

const challenge = (methods) => ({ challenge: "c1", methods, expires_in: 300, sent: false });
const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

// ---- the API's document, of which Swagger UI makes its page ----

const operation = (operationId, summary, more = {}) => ({
	tags: ["values"],
	operationId,
	summary,
	responses: {
		200: {
			description: "It is so, as `data` says.",
			headers: { "X-Request-ID": { description: "As in `request_id`.", schema: { type: "string" } } },
			content: { "application/json": { schema: { $ref: "#/components/schemas/Value" } } },
		},
		401: {
			description: "The token is refused.",
			content: {
				"application/json": { examples: { expired: { value: { code: "token_expired" } }, dead: { value: { code: "token_invalid" } } } },
			},
		},
	},
	...more,
});
const apiDocument = {
	openapi: "3.1.0",
	info: { title: "Abacus", version: "1.0.0", description: "Calls that exist for this picture." },
	tags: [{ name: "values", description: "Submissions and their results" }],
	components: {
		securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
		schemas: { Value: { type: "object", properties: { kind: { type: "string" }, index: { type: "integer", minimum: 0 } } } },
	},
	paths: {
		"/api/values": {
			get: operation("listValues", "Lists the values of the user", { security: [{ bearer: [] }] }),
			post: operation("submitValue", "Submits an index", {
				requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Value" } } } },
			}),
			delete: operation("deleteValues", "Deletes all values of the user", { security: [{ bearer: [] }] }),
		},
	},
};

// ---- by call ----

const REPLIES = {
	"GET /api/values/kinds": success({ kinds }),
	"GET /api/values": success({ values }),
	"POST /api/values": success(),
	"GET /api/values/factorial/52": result("factorial", 52, 4),
	"GET /api/values/factorial/1000": result("factorial", 1000, 112),
	"GET /api/healthcheck": success(health),
	"GET /api/healthcheck/queue/history": success({ minutes: 15, interval_s: 2, points: [] }),
	"GET /api/healthcheck/history": success({ service: "", minutes: 15, interval_s: 2, instances: [] }),
	"GET /api/healthcheck/events": success({ events: [] }),
	"GET /api/healthcheck/requests": success({ services: [] }),
	"GET /status/stream": unreachable,
	"GET /swagger/openapi.yaml": (route) => route.fulfill({ body: JSON.stringify(apiDocument) }), // which is YAML too
	"GET /auth/status": success(USER),
	"GET /auth/factors": success(factors),
	"GET /auth/sessions": success({ sessions }),
	"GET /auth/events": success({ events }),
	"GET /users": success({ users: people }),
	"GET /users/12/events": success({ events }),
	"POST /auth/passkey": failure(404, "not_found", "There is nothing to offer."),
	"POST /auth/session": failure(401, "second_factor_required", "Confirm that it is you.", challenge(["totp", "recovery"])),
	"POST /auth/password/forgot": success(),
	"PATCH /auth/account": failure(403, "confirmation_required", "Confirm that it is you."),
	"POST /auth/factors": success({
		id: "f3",
		method: "totp",
		secret,
		uri: `otpauth://totp/Abacus:ada%40example.com?secret=${secret}&issuer=Abacus`,
		expires_in: 600,
	}),
	"POST /auth/factors/f3": success({
		access_token: tokenOf(USER),
		token_type: "Bearer",
		expires_in: 600,
		recovery_codes: Array.from({ length: 10 }, (_, i) => `B${i}CD-E${i}FG-H${i}JK`),
	}),
	"POST /auth/confirmations": success(challenge(["password"])),
};

// Replies that make a page empty.
export const EMPTY = {
	"GET /api/values": success({ values: [] }),
	"GET /auth/factors": success(noFactors),
	"GET /auth/sessions": success({ sessions: sessions.slice(0, 1) }),
	"GET /auth/events": success({ events: events.slice(-1) }),
	"GET /users": success({ users: [] }),
};

export function tokenOf({ id, admin }) {
	const seconds = NOW.getTime() / 1000;
	const claims = { sub: String(id), jti: "t1", adm: admin, iat: seconds, exp: seconds + HOUR };
	const part = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");
	return `${part({ alg: "HS256" })}.${part(claims)}.signature`;
}

// From now on the page gets these replies: EVERY to each call, or those of REPLIES with the changes CHANGED ("GET /users": a reply). isTimed: the
// time goes on, because it is measured. Returns the server that the page believes to have.
export async function giveReplies(page, { who = null, changed = {}, every = null, isTimed = false } = {}) {
	const replies = { ...REPLIES, ...(who ? { "GET /auth/status": success(who) } : {}), ...changed };
	if (!isTimed) await page.clock.setFixedTime(NOW);
	if (who) await page.addInitScript((token) => sessionStorage.setItem("abacus.token", token), tokenOf(who));
	const sockets = [];
	let isAway = every !== null;
	await page.routeWebSocket("**/api/values/live", (socket) => {
		sockets.push(socket);
		socket.onMessage(() => isAway || socket.send(JSON.stringify({ event: "ready" })));
	});
	await page.route(/\/(api|auth|users|status\/stream|swagger\/openapi.yaml)(\/|\?|$)/, (route) => {
		const request = route.request();
		if (request.isNavigationRequest()) return route.continue();
		const call = `${request.method()} ${new URL(request.url()).pathname}`;
		const reply = every ?? replies[call];
		if (!reply) page.complaints.push(`${call} has no reply`);
		return (isAway && !every ? unreachable : (reply ?? away))(route);
	});

	return {
		// A message of the live connection.
		send(message) {
			for (const socket of sockets) socket.send(JSON.stringify(message));
		},
		// The server is gone.
		async end() {
			isAway = true;
			for (const socket of sockets) await socket.close();
		},
	};
}
