/* A fake server for the tests: gives the reply set for each call, and records the requests. */
import { vi } from "vitest";

interface Asked {
	call: string; // "POST /auth/session"
	body: unknown;
	authorization: string | null;
	confirmation: string | null;
}

type Reply = [number, unknown, Record<string, string>?];
type Answer = Reply | ((body: unknown, confirmation: string | null) => Reply);

const answers = new Map<string, Answer>();
export let asked: Asked[] = [];
let isReachable = true;

export function forgetServer(): void {
	answers.clear();
	asked = [];
	isReachable = true;
	vi.stubGlobal("fetch", respond);
	answer("GET /api/values/kinds", 200, { status: "success", data: { kinds: KINDS } });
}

/* CALL: a method and a path, without a query. */
export function answer(call: string, status: number, body: unknown, headers: Record<string, string> = {}): void {
	answers.set(call, [status, body, headers]);
}

export function answerBy(call: string, answer: (body: unknown, confirmation: string | null) => Reply): void {
	answers.set(call, answer);
}

export function setReachable(to: boolean): void {
	isReachable = to;
}

export function askedFor(call: string): Asked[] {
	return asked.filter((one) => one.call === call);
}

async function respond(request: Request): Promise<Response> {
	const call = `${request.method} ${new URL(request.url).pathname}`;
	const text = await request.text();
	const body = text ? JSON.parse(text) : null;
	const confirmation = request.headers.get("X-Confirmation");
	asked.push({ call, body, authorization: request.headers.get("Authorization"), confirmation });
	if (!isReachable) throw new TypeError("Failed to fetch");
	const answer = answers.get(call);
	if (!answer) throw new Error(`the test has no answer to ${call}`);
	const [status, reply, headers] = typeof answer === "function" ? answer(body, confirmation) : answer;
	return new Response(JSON.stringify(reply), { status, headers: { "Content-Type": "application/json", ...headers } });
}

export const KINDS = [
	{ kind: "fibonacci", limit: 1_000_000, anonymous_limit: 1000, description: "The Fibonacci number F(index + 1)." },
	{ kind: "lucas", limit: 1_000_000, anonymous_limit: 1000, description: "The Lucas number L(index)." },
	{ kind: "factorial", limit: 100_000, anonymous_limit: 1000, description: "The product of all whole numbers from 1 to index." },
	{ kind: "primorial", limit: 1_000_000, anonymous_limit: 1000, description: "The product of all primes up to index." },
];

export function failure(code: string, message: string, errors?: { field: string; message: string }[]) {
	return { status: "fail", message, code, request_id: "5f0c2d6e9b7a4c31", ...(errors ? { errors } : {}) };
}

export function user(id: number, username: string, more: object = {}) {
	return { id, username, email: `${username}@example.com`, active: true, admin: false, ...more };
}

function signed(claims: object): string {
	const part = (claims: object) => btoa(JSON.stringify(claims)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
	return `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}.c2lnbmF0dXJl`;
}

/* A token of the server's form; nothing verifies its signature here. */
export function token({ id = 7, admin = false }: { id?: number; admin?: boolean } = {}): string {
	return signed({ sub: `${id}`, jti: `jti-${id}`, adm: admin });
}

/* An access token of a session, which was made AGE_S ago and lives ten minutes. */
export function accessToken({ id = 7, sid = "sid-7", ageS = 0 } = {}): string {
	const iat = Math.floor(Date.now() / 1000) - ageS;
	return signed({ sub: `${id}`, jti: `jti-${sid}-${ageS}`, sid, adm: false, iat, exp: iat + 600 });
}

/* The reply of a login and of a refresh. */
export function tokens(access = accessToken(), refreshToken?: string) {
	return {
		access_token: access,
		token_type: "Bearer",
		expires_in: 600,
		...(refreshToken ? { refresh_token: refreshToken } : {}),
		session: {},
	};
}

export const CHALLENGE = "019aba5e-6c00-7cc3-98c4-dc0c0c07398f";

export function challenge(methods: string[] = ["totp", "recovery"], { sent = false } = {}) {
	return { challenge: CHALLENGE, methods, expires_in: 300, sent };
}
