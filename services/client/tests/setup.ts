/* Adds what jsdom lacks, and starts each test clean. */
import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";
import { current, dismiss } from "../src/parts/notices";
import { sessions } from "../src/session/session";
import { forgetServer } from "./server";

configure({ asyncUtilTimeout: 20_000 }); // each page is loaded as a file, and the machine may be busy

HTMLDialogElement.prototype.showModal = function () {
	this.open = true;
};
HTMLDialogElement.prototype.close = function () {
	this.open = false;
};
window.scrollTo = () => {};

class FakeResizeObserver {
	observe() {}
	disconnect() {}
}

class FakeSocket {
	readyState = 0;
	send() {}
	close() {}
}

beforeEach(() => {
	vi.stubGlobal("ResizeObserver", FakeResizeObserver);
	vi.stubGlobal("WebSocket", FakeSocket);
	vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {}, removeEventListener() {} }));
	forgetServer();
});

afterEach(() => {
	cleanup();
	vi.useRealTimers();
	sessions.end("logged_out");
	window.sessionStorage.clear();
	window.localStorage.clear();
	for (const { id } of current()) dismiss(id);
});
