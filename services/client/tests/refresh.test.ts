import { beforeEach, expect, it, vi } from "vitest";
import { revoke } from "../src/api/calls";
import { Failure, failureOf } from "../src/api/failure";
import { createRefresher, type InTurn } from "../src/session/refresh";
import { createSessions, type Ending, sessions as real, type Sessions, type Surroundings, type Tokens } from "../src/session/session";
import { accessToken, answer, answerBy, askedFor, failure, tokens, user } from "./server";

/* Two tabs of one browser, whose events arrive late: never. */
function storage(): Storage {
	const map = new Map<string, string>();
	return {
		getItem: (key: string) => map.get(key) ?? null,
		setItem: (key: string, value: string) => void map.set(key, value),
		removeItem: (key: string) => void map.delete(key),
	} as Storage;
}

let shared: Storage;
let asked: (string | null)[];
let reply: () => Promise<Tokens>;
let turn: Promise<void>;

function open(): { sessions: Sessions; endings: Ending[]; fresh: (refused?: string) => Promise<string | undefined> } {
	const around: Surroundings = { tab: storage(), browser: shared, channel: null, events: { addEventListener: () => {} } };
	const sessions = createSessions(around);
	const endings: Ending[] = [];
	sessions.onEnd((why) => endings.push(why));
	const ask = (refreshToken: string | null) => {
		asked.push(refreshToken);
		return reply();
	};
	const inTurn: InTurn = (_, action) => {
		turn = turn.catch(() => {}).then(action);
		return turn;
	};
	return { sessions, endings, fresh: createRefresher(sessions, ask, inTurn) };
}

const old = accessToken({ ageS: 601 });
const next = accessToken({ ageS: 1 });

beforeEach(() => {
	shared = storage();
	asked = [];
	turn = Promise.resolve();
	reply = async () => ({ token: next, refreshToken: "refresh-2" });
});

/* As after a reload: a token that was stored says by itself when it ends. */
function openWithOld(keep: boolean) {
	const tab = open();
	tab.sessions.start(old, keep, keep ? undefined : "refresh-1");
	vi.spyOn(Date, "now").mockReturnValue(Date.now() + 601_000);
	return tab;
}

it("a token that is good for longer than a call is used as it is", async () => {
	const { sessions, fresh } = open();
	sessions.start(next, false, "refresh-1");
	expect([await fresh(), asked]).toEqual([next, []]);
});

it("the clock of the computer does not matter for a token that was just made", async () => {
	vi.spyOn(Date, "now").mockReturnValue(Date.now() + 86_400_000);
	const { sessions, fresh } = open();
	sessions.start(next, false, "refresh-1");
	expect([await fresh(), asked]).toEqual([next, []]);
});

it("a token that ends is replaced once, however many calls need it", async () => {
	const { sessions, fresh } = openWithOld(false);
	expect(await Promise.all([fresh(), fresh(), fresh()])).toEqual([next, next, next]);
	expect(asked).toEqual(["refresh-1"]);
	expect(sessions.current()).toMatchObject({ token: next, refreshToken: "refresh-2" });
});

it("the refresh token of a kept session is asked of the cookie", async () => {
	const { sessions, fresh } = openWithOld(true);
	expect(await fresh()).toBe(next);
	expect(asked).toEqual([null]);
	expect(sessions.current()?.refreshToken).toBeNull();
});

it("of two tabs that take turns the second uses the token that the first has got, before the browser reports it", async () => {
	const first = openWithOld(true);
	const second = open();
	expect(second.sessions.current()?.token).toBe(old);
	expect(await Promise.all([first.fresh(), second.fresh()])).toEqual([next, next]);
	expect(asked).toEqual([null]);
});

it("a token that the server refuses is replaced, and not a second time when several calls were refused", async () => {
	const { sessions, fresh } = open();
	const refused = accessToken();
	sessions.start(refused, false, "refresh-1");
	expect(await Promise.all([fresh(refused), fresh(refused)])).toEqual([next, next]);
	expect(await fresh(refused)).toBe(next);
	expect(asked).toEqual(["refresh-1"]);
});

it("a server that does not answer ends no session", async () => {
	const { sessions, endings, fresh } = openWithOld(true);
	reply = () => Promise.reject(new Failure(503, "unavailable", "Not now."));
	await expect(fresh()).rejects.toMatchObject({ httpStatus: 503 });
	expect([sessions.current()?.token, endings]).toEqual([old, []]);
	reply = async () => ({ token: next });
	expect(await fresh()).toBe(next);
});

it.each([
	["session_ended", "token_invalid"],
	["session_reused", "session_reused"],
])("a session that the server has ended ends: %s", async (code, why) => {
	const { sessions, endings, fresh } = openWithOld(true);
	reply = () => Promise.reject(new Failure(401, code, "It has ended."));
	expect(await fresh()).toBeUndefined();
	expect([sessions.current(), endings, shared.getItem("abacus.token")]).toEqual([null, [why], null]);
});

it("a refusal that is not the server's, but a proxy's, ends no session", async () => {
	const { sessions, endings, fresh } = openWithOld(true);
	reply = () => Promise.reject(failureOf("<html>Log in to this network</html>", new Response(null, { status: 403 })));
	await expect(fresh()).rejects.toMatchObject({ httpStatus: 403 });
	expect([sessions.current()?.token, endings]).toEqual([old, []]);
});

it("a session that ends while its token is replaced stays ended", async () => {
	const { sessions, fresh } = openWithOld(true);
	reply = async () => {
		sessions.endEverywhere("logged_out");
		return { token: next };
	};
	expect(await fresh()).toBeUndefined();
	expect([sessions.current(), shared.getItem("abacus.token")]).toEqual([null, null]);
});

// ---- the calls ----

it("a call whose token is refused is repeated with the next one", async () => {
	const refused = accessToken();
	const { fetchProfile } = await import("../src/api/calls");
	real.start(refused, false, "refresh-1");
	answerBy("GET /auth/status", () =>
		real.current()?.token === refused
			? [401, failure("token_expired", "Signature expired. Please log in again.")]
			: [200, { status: "success", data: user(7, "somebody") }],
	);
	answer("POST /auth/session/refresh", 200, tokens(next, "refresh-2"));
	expect((await fetchProfile()).username).toBe("somebody");
	expect(askedFor("GET /auth/status").map((one) => one.authorization)).toEqual([`Bearer ${refused}`, `Bearer ${next}`]);
	expect(askedFor("POST /auth/session/refresh")[0]).toMatchObject({ body: { refresh_token: "refresh-1" }, authorization: null });
});

it("logging out with a token that has ended gets one for that, from the session that ends", async () => {
	real.start(old, false, "refresh-1");
	const ended = real.current();
	real.end("logged_out");
	answer("POST /auth/session/refresh", 200, tokens(next, "refresh-2"));
	answer("DELETE /auth/session", 200, { status: "success", message: "Successfully logged out." });
	vi.spyOn(Date, "now").mockReturnValue(Date.now() + 601_000);
	if (ended) await revoke(ended);
	expect(askedFor("DELETE /auth/session").map((one) => one.authorization)).toEqual([`Bearer ${next}`]);
});

it("a kept session that has ended elsewhere does not end the one that has the browser's cookie since", async () => {
	real.start(accessToken({ sid: "sid-1", ageS: 601 }), true);
	const ended = real.current();
	real.end("logged_out");
	answer("POST /auth/session/refresh", 200, tokens(accessToken({ sid: "sid-2" })));
	vi.spyOn(Date, "now").mockReturnValue(Date.now() + 601_000);
	if (ended) await revoke(ended);
	expect(askedFor("POST /auth/session/refresh")).toHaveLength(1);
	expect(askedFor("DELETE /auth/session")).toEqual([]);
});

it("a call of a session that has ended is never repeated with the token of the next user", async () => {
	const before = accessToken({ id: 1, sid: "sid-1" });
	real.start(before, false, "refresh-1");
	const ended = real.current();
	real.end("logged_out");
	real.start(accessToken({ id: 2, sid: "sid-2" }), false, "refresh-of-2");
	answer("DELETE /auth/session", 401, failure("token_invalid", "Invalid token. Please log in again."));
	if (ended) await revoke(ended);
	expect(askedFor("DELETE /auth/session").map((one) => one.authorization)).toEqual([`Bearer ${before}`]);
	expect(real.current()?.userId).toBe(2);
});
