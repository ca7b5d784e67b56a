// The session of the web client, which this page shares because it has the same origin: the access token is in the storage of the tab, or of the
// browser for a session that is kept (docs/decisions/0026-tokens-in-the-web-client.md). The page starts and ends no session.

const TOKEN_KEY = "abacus.token";
const REFRESH_KEY = "abacus.refresh";
const AHEAD_MS = 15_000; // refresh so long before the token ends
const REFRESH_TIMEOUT_MS = 10_000;

let refused = ""; // the token that the server has refused last

// The browser's settings may forbid storage.
function stored(kind, key) {
	try {
		return window[kind].getItem(key);
	} catch {
		return null;
	}
}

function claimsOf(token) {
	try {
		return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
	} catch {
		return null;
	}
}

// {token, claims, isKept}; null: no user is logged in.
function current() {
	const own = stored("sessionStorage", TOKEN_KEY);
	const token = own ?? stored("localStorage", TOKEN_KEY);
	const claims = token && token !== refused && claimsOf(token);
	return claims ? { token, claims, isKept: !own } : null;
}

// By the token alone: the server decides what an admin may.
export const isAdmin = () => current()?.claims.adm === true;

function isStale({ claims }) {
	return claims.sid !== undefined && claims.exp * 1000 - Date.now() < AHEAD_MS;
}

async function replace({ token, isKept }) {
	if (current()?.token !== token) return; // another tab was faster
	const refreshToken = isKept ? null : stored("sessionStorage", REFRESH_KEY);
	const response = await fetch("../auth/session/refresh", {
		method: "POST",
		headers: { "Content-Type": "application/json" },
		body: JSON.stringify(refreshToken ? { refresh_token: refreshToken } : { cookie: true }),
		signal: AbortSignal.timeout(REFRESH_TIMEOUT_MS),
	});
	if (!response.ok || current()?.token !== token) return;
	const next = await response.json();
	window[isKept ? "localStorage" : "sessionStorage"].setItem(TOKEN_KEY, next.access_token);
	if (isKept || !next.refresh_token) return;
	sessionStorage.setItem(REFRESH_KEY, next.refresh_token);
	// A copy of this tab has a copy of the refresh token, which the server takes for a stolen one from now on.
	new BroadcastChannel("abacus").postMessage({ type: "renewed", token: next.access_token, refreshToken: next.refresh_token });
}

// In turn with the tabs of the client, by the same lock.
async function refresh(session) {
	const name = session.isKept ? "abacus.session" : `abacus.session.${session.claims.sid}`;
	try {
		await (navigator.locks ? navigator.locks.request(name, () => replace(session)) : replace(session));
	} catch (error) {
		console.warn("refresh", error.message); // the token is used as long as it is good
	}
}

let refreshing = null;

// The headers of a request: with the token, if a user is logged in.
export async function headers() {
	const session = current();
	if (session && isStale(session)) {
		refreshing ??= refresh(session).finally(() => {
			refreshing = null;
		});
		await refreshing;
	}
	const token = current()?.token;
	return token ? { Authorization: `Bearer ${token}` } : {};
}

const ASK_TIMEOUT_MS = 10_000;

export async function ask(path, timeoutMs = ASK_TIMEOUT_MS) {
	const sent = await headers();
	const response = await fetch(path, { cache: "no-store", headers: sent, signal: AbortSignal.timeout(timeoutMs) });
	if (response.status === 401) refuse(sent);
	if (!response.ok) throw new Error(`${path}: ${response.status}`);
	return response.json();
}

// The server has answered a request with those headers with 401: what follows is asked without a token.
export function refuse(sent) {
	if (sent.Authorization) refused = sent.Authorization.slice("Bearer ".length);
}
