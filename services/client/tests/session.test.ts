import { describe, expect, it } from "vitest";
import { createSessions, type Ending, readToken, type Surroundings } from "../src/session/session";
import { accessToken, token } from "./server";

type Listener = (event: unknown) => void;

/* A browser: all tabs share its localStorage and its channel; each has its own sessionStorage. */
function browser({ hasChannel = true } = {}) {
	const kept = new Map<string, string>();
	const tabs: { hear: (key: string, newValue: string | null) => void; message: Listener[] }[] = [];

	function storage(map: Map<string, string>, notify: (key: string, value: string | null) => void): Storage {
		return {
			getItem: (key: string) => map.get(key) ?? null,
			setItem(key: string, value: string) {
				map.set(key, value);
				notify(key, value);
			},
			removeItem(key: string) {
				if (map.delete(key)) notify(key, null);
			},
		} as Storage;
	}

	return function open(own = new Map<string, string>()) {
		const listeners: Listener[] = [];
		const me = {
			hear: (key: string, newValue: string | null) => listeners.forEach((listener) => void listener({ key, newValue })),
			message: [] as Listener[],
		};
		const others = () => tabs.filter((tab) => tab !== me);
		tabs.push(me);
		const around = {
			tab: storage(own, () => {}),
			browser: storage(kept, (key, value) => others().forEach((tab) => void tab.hear(key, value))),
			channel: hasChannel
				? {
						postMessage: (data: unknown) => others().forEach((tab) => void tab.message.forEach((listener) => void listener({ data }))),
						addEventListener: (_: string, listener: Listener) => me.message.push(listener),
					}
				: null,
			events: { addEventListener: (_: string, listener: Listener) => listeners.push(listener) },
		} as unknown as Surroundings;
		const sessions = createSessions(around);
		const endings: [Ending, boolean][] = [];
		sessions.onEnd((why, _, wantsRevoking) => endings.push([why, wantsRevoking]));
		return { sessions, endings, own };
	};
}

describe("a session", () => {
	it("has the claims of its token, and none without a valid one", () => {
		expect(readToken(token({ id: 3, admin: true }), false)).toMatchObject({ userId: 3, isAdmin: true, id: "jti-3", isKept: false });
		for (const rubbish of ["", "a.b.c", "..", "{}"]) expect(readToken(rubbish, false)).toBeNull();
	});

	it("survives a reload of its tab", () => {
		const open = browser();
		const first = open();
		first.sessions.start(token(), false);
		expect(open(first.own).sessions.current()?.userId).toBe(7);
	});

	it("does not exist in a new tab", () => {
		const open = browser();
		open().sessions.start(token(), false);
		expect(open().sessions.current()).toBeNull();
	});

	it("that is kept exists in a new tab", () => {
		const open = browser();
		open().sessions.start(token(), true);
		expect(open().sessions.current()).toMatchObject({ userId: 7, isKept: true });
	});

	it("that is kept logs in the open tabs that are logged out", () => {
		const open = browser();
		const other = open();
		open().sessions.start(token(), true);
		expect(other.sessions.current()?.userId).toBe(7);
	});

	it("that is kept does not change a tab with a session of its own", () => {
		const open = browser();
		const other = open();
		other.sessions.start(token({ id: 1 }), false);
		open().sessions.start(token({ id: 2 }), true);
		expect(other.sessions.current()?.userId).toBe(1);
	});

	it("notifies its subscribers", () => {
		const { sessions } = browser()();
		const seen: unknown[] = [];
		sessions.subscribe(() => seen.push(sessions.current()?.userId));
		sessions.start(token(), false);
		sessions.end("token_expired");
		expect(seen).toEqual([7, undefined]);
	});

	it("that the server refused ends in this tab alone", () => {
		const open = browser();
		const [one, two] = [open(), open()];
		for (const tab of [one, two]) tab.sessions.start(token(), false);
		one.sessions.end("token_expired");
		expect(one.endings).toEqual([["token_expired", false]]);
		expect(two.sessions.current()).not.toBeNull();
	});
});

describe("a session whose tokens are renewed", () => {
	it("has them in a tab that is a copy too, and an older message changes nothing", () => {
		const open = browser();
		const first = open();
		first.sessions.start(accessToken({ ageS: 9 }), false, "refresh-1");
		const copy = open(new Map(first.own));
		copy.sessions.renew({ token: accessToken({ ageS: 5 }), refreshToken: "refresh-2" });
		expect(first.sessions.current()?.refreshToken).toBe("refresh-2");
		expect(open(first.own).sessions.current()).toMatchObject({ refreshToken: "refresh-2", canRefresh: true });
		const late = open(new Map(first.own));
		late.sessions.renew({ token: accessToken({ ageS: 7 }), refreshToken: "refresh-late" });
		expect(first.sessions.current()?.refreshToken).toBe("refresh-2");
	});

	it("changes no tab with another session", () => {
		const open = browser();
		const [one, two] = [open(), open()];
		one.sessions.start(accessToken({ sid: "sid-1" }), false, "refresh-of-1");
		two.sessions.start(accessToken({ sid: "sid-2" }), false, "refresh-of-2");
		one.sessions.renew({ token: accessToken({ sid: "sid-1", ageS: -1 }), refreshToken: "refresh-2" });
		expect(two.sessions.current()?.refreshToken).toBe("refresh-of-2");
	});

	it("and is kept has them in all tabs", () => {
		const open = browser();
		const [one, two] = [open(), open()];
		one.sessions.start(accessToken({ ageS: 9 }), true);
		const next = accessToken();
		one.sessions.renew({ token: next });
		expect([two.sessions.current()?.token, open().sessions.current()?.token]).toEqual([next, next]);
	});

	it("keeps its refresh token when only the other one is replaced", () => {
		const { sessions } = browser()();
		sessions.start(accessToken({ ageS: 9 }), false, "refresh-1");
		sessions.renew({ token: accessToken() });
		expect(sessions.current()?.refreshToken).toBe("refresh-1");
	});

	it("and has ended meanwhile gives them to no session that began since", () => {
		const { sessions } = browser()();
		for (const id of [1, 2]) sessions.start(accessToken({ id, sid: `sid-${id}` }), false, `refresh-of-${id}`);
		sessions.renew({ token: accessToken({ id: 1, sid: "sid-1", ageS: -1 }) });
		expect(sessions.current()).toMatchObject({ userId: 2, refreshToken: "refresh-of-2" });
		sessions.start(accessToken({ id: 2, sid: "sid-3" }), false, "refresh-of-3");
		sessions.renew({ token: accessToken({ id: 2, sid: "sid-2", ageS: -1 }) });
		expect(sessions.current()?.id).toBe("sid-3");
	});

	it("without a session is replaced by one that has another id", () => {
		const { sessions } = browser()();
		sessions.start(token(), false);
		sessions.renew({ token: accessToken() });
		expect(sessions.current()?.id).toBe("sid-7");
	});

	it("ends in every tab although one has not seen the last token yet", () => {
		const open = browser();
		const [one, two] = [open(), open()];
		one.sessions.start(accessToken({ ageS: 9 }), true);
		two.sessions.renew({ token: accessToken() });
		two.sessions.endEverywhere("logged_out");
		expect([one.sessions.current(), one.endings]).toEqual([null, [["logged_out_elsewhere", false]]]);
		expect(open().sessions.current()).toBeNull();
	});
});

describe.each([{ hasChannel: true }, { hasChannel: false }])("logging out ($hasChannel)", (how) => {
	it("logs out every tab at once", () => {
		const open = browser(how);
		const tabs = [open(), open(), open()];
		for (const tab of tabs) tab.sessions.start(token(), true);
		tabs[0]?.sessions.endEverywhere("logged_out");
		for (const tab of tabs) expect(tab.sessions.current()).toBeNull();
		expect(tabs[0]?.endings).toEqual([["logged_out", false]]);
		expect(tabs[1]?.endings.map(([why]) => why)).toEqual(["logged_out_elsewhere"]);
		expect(open().sessions.current()).toBeNull();
	});

	it("makes a tab with another session revoke it, also if it is the one that the browser keeps", () => {
		const open = browser(how);
		const [one, two] = [open(), open()];
		two.sessions.start(token({ id: 2 }), false);
		one.sessions.start(token({ id: 1 }), true);
		two.sessions.endEverywhere("logged_out");
		expect(one.endings).toEqual([["logged_out_elsewhere", true]]);
		expect(open().sessions.current()).toBeNull();
	});

	it("ends no session that begins afterwards", () => {
		const open = browser(how);
		const [one, two] = [open(), open()];
		for (const tab of [one, two]) tab.sessions.start(token(), false);
		two.sessions.onEnd(() => two.sessions.start(token({ id: 3 }), false));
		one.sessions.endEverywhere("logged_out");
		expect(two.sessions.current()?.userId).toBe(3);
	});

	it("makes a tab with a token of its own revoke that token", () => {
		const open = browser(how);
		const [one, two] = [open(), open()];
		one.sessions.start(token({ id: 1 }), false);
		two.sessions.start(token({ id: 2 }), false);
		one.sessions.endEverywhere("logged_out");
		expect(two.endings).toEqual([["logged_out_elsewhere", true]]);
	});
});
