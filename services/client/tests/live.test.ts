import { beforeEach, expect, it, vi } from "vitest";
import type { LiveNotice, LiveValue } from "../src/api/generated";
import { type LiveState, type Lost, startLive } from "../src/live/live";
import { textOfNotice } from "../src/live/notice";

class Socket {
	readyState = 0;
	sent: string[] = [];
	closedWith: number | undefined;
	onopen: () => void = () => {};
	onmessage: (event: { data: unknown }) => void = () => {};
	onclose: (event: { code: number }) => void = () => {};
	send(text: string) {
		this.sent.push(text);
	}
	close(code: number) {
		this.closedWith = code;
	}
	opens() {
		this.readyState = 1;
		this.onopen();
	}
	says(data: unknown) {
		this.onmessage({ data: typeof data === "string" ? data : JSON.stringify(data) });
	}
	isLost(code = 1006) {
		this.readyState = 3;
		this.onclose({ code });
	}
}

const value: LiveValue = { event: "value", kind: "fibonacci", index: 7, digits: 2, preview: "21", duration_us: 4 };

let sockets: Socket[];
let states: LiveState[];
let values: LiveValue[];
let lost: Lost;
let notices: LiveNotice[];
let stop: () => void;
const last = () => sockets.at(-1) as Socket;

beforeEach(() => {
	vi.useFakeTimers();
	vi.spyOn(Math, "random").mockReturnValue(0.5);
	vi.stubGlobal("WebSocket", { CLOSED: 3 });
	[sockets, states, values, lost, notices] = [[], [], [], [], []];
	stop = startLive({
		url: "ws://here/api/values/live",
		token: "the-token",
		onState: (state) => states.push(state),
		onLost: (parts) => (lost = parts),
		onValue: (one) => values.push(one),
		onNotice: (one) => notices.push(one),
		open(url) {
			expect(url).not.toContain("the-token");
			sockets.push(new Socket());
			return last() as unknown as WebSocket;
		},
	});
	return () => stop();
});

it("the token is the first message, and the connection is open when the server says ready", () => {
	last().opens();
	expect(last().sent).toEqual(['{"token":"the-token"}']);
	expect(states).toEqual(["connecting"]);
	last().says({ event: "ready" });
	expect(states).toEqual(["connecting", "open"]);
});

it("values are reported, and unknown messages are ignored", () => {
	last().opens();
	for (const message of [{ event: "ready" }, value, { event: "later" }, "{", "null", "7"]) last().says(message);
	expect(values).toEqual([value]);
});

it("a notice about the account is reported, and changes nothing else", () => {
	const notice: LiveNotice = { event: "notice", notice: "new_device", at: "2026-01-02T03:04:05.678Z" };
	last().opens();
	last().says({ event: "ready" });
	last().says(notice);
	expect(notices).toEqual([notice]);
	expect(states).toEqual(["connecting", "open"]);
	expect(textOfNotice("new_device")).toContain("A new device");
	expect(textOfNotice("of a newer server")).toBeUndefined();
});

it("another ready reports open again, because results may have been missed", () => {
	last().opens();
	last().says({ event: "ready" });
	last().says({ event: "ready" });
	expect(states).toEqual(["connecting", "open", "open"]);
});

it("a lost connection is made again, after delays that grow up to 15 s", () => {
	for (const wait of [500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
		const before = sockets.length;
		last().isLost();
		vi.advanceTimersByTime(wait - 1);
		expect(sockets.length).toBe(before);
		vi.advanceTimersByTime(1);
		expect(sockets.length).toBe(before + 1);
	}
});

it("a connection that has lasted 5 s resets the back-off", () => {
	for (let i = 0; i < 5; i++) {
		last().isLost();
		vi.advanceTimersByTime(20_000);
	}
	last().opens();
	last().says({ event: "ready" });
	vi.advanceTimersByTime(6000);
	const before = sockets.length;
	last().isLost();
	vi.advanceTimersByTime(500);
	expect(sockets.length).toBe(before + 1);
});

it("when the network is back it connects at once", () => {
	last().isLost();
	window.dispatchEvent(new Event("online"));
	expect(sockets.length).toBe(2);
});

it("stopped, it closes and never reconnects", () => {
	last().opens();
	stop();
	expect(last().closedWith).toBe(1000);
	last().isLost(1000);
	last().says(value);
	vi.advanceTimersByTime(60_000);
	window.dispatchEvent(new Event("online"));
	expect(sockets.length).toBe(1);
	expect(values).toEqual([]);
});

it("what the server says that it has lost is lost until it says otherwise, or the connection is gone", () => {
	last().opens();
	last().says({ event: "ready" });
	last().says({ event: "state", lost: ["redis"] });
	expect([lost, states.at(-1)]).toEqual([["redis"], "open"]);
	last().says({ event: "ready" });
	expect(lost).toEqual(["redis"]);
	last().says({ event: "state", lost: [] });
	expect(lost).toEqual([]);
	last().says({ event: "state", lost: ["postgres"] });
	last().isLost(1006);
	expect(lost).toEqual([]);
});

it("a server that cannot check tokens has still lost what it had lost before, until a connection begins with nothing lost", () => {
	last().opens();
	last().says({ event: "state", lost: ["redis"] });
	last().isLost(1013);
	expect(lost).toEqual(["redis"]);
	vi.advanceTimersByTime(1000);
	last().opens();
	last().isLost(1013);
	expect(lost).toEqual(["redis"]);
	vi.advanceTimersByTime(2000);
	last().opens();
	last().says({ event: "ready" });
	expect(lost).toEqual([]);
});
