/* The WebSocket of live results.
 *
 *     off ──start──▶ connecting ──ready──▶ open ──ready: results may have been missed
 *                        ▲                  │ lost
 *                        └── back-off ── waiting
 *
 * The token is sent as the first message, never in the URL. From each `ready` on the client gets every result: onState("open") reports it, and
 * the owner then fetches the results that it has missed before. onLost() reports what the server has lost: it stays connected, but no results come.
 * onNotice() reports what happened to the user's account, once. */
import type { LiveLosses, LiveNotice, LiveReady, LiveValue } from "../api/generated";

export type LiveState = "connecting" | "open" | "waiting";
export type Lost = LiveLosses["lost"];

export interface LiveOptions {
	url: string;
	token: string;
	onState(state: LiveState): void;
	onLost(lost: Lost): void;
	onValue(value: LiveValue): void;
	onNotice(notice: LiveNotice): void;
	open?: (url: string) => WebSocket;
}

const FIRST_WAIT_MS = 500;
const LAST_WAIT_MS = 15_000;
const STEADY_AFTER_MS = 5000; // a connection that lasted this long resets the back-off
const TRY_AGAIN = 1013; // close code of a server that has lost what it checks tokens with

/* null for an unknown event, which is ignored. */
function parse(text: unknown): LiveReady | LiveLosses | LiveNotice | LiveValue | null {
	try {
		const message = JSON.parse(String(text));
		return ["value", "ready", "state", "notice"].includes(message?.event) ? message : null;
	} catch {
		return null;
	}
}

/* Connects, and reconnects after each loss, until the function that it returns is called. */
export function startLive(options: LiveOptions): () => void {
	const open = options.open ?? ((url) => new WebSocket(url));
	let socket: WebSocket | null = null;
	let timer: ReturnType<typeof setTimeout> | undefined;
	let attempts = 0;
	let isOver = false;

	function wait() {
		const ms = Math.min(FIRST_WAIT_MS * 2 ** attempts++, LAST_WAIT_MS);
		options.onState("waiting");
		timer = setTimeout(connect, ms * (0.75 + Math.random() / 2));
	}

	function connect() {
		clearTimeout(timer);
		options.onState("connecting");
		let readyAt = 0;
		let lost: Lost = [];
		const mine = open(options.url);
		socket = mine;
		mine.onopen = () => mine.send(JSON.stringify({ token: options.token }));
		mine.onmessage = (event) => {
			const message = parse(event.data);
			if (!message || isOver) return;
			if (message.event === "value") return options.onValue(message);
			if (message.event === "notice") return options.onNotice(message);
			if (message.event === "state") lost = message.lost;
			options.onLost(lost);
			if (message.event === "state") return;
			readyAt ||= Date.now();
			options.onState("open");
		};
		mine.onclose = ({ code }) => {
			if (isOver) return;
			if (code !== TRY_AGAIN) options.onLost([]); // it cannot be known from then on
			if (readyAt && Date.now() - readyAt >= STEADY_AFTER_MS) attempts = 0;
			wait();
		};
	}

	const hurry = () => {
		if (timer !== undefined && socket?.readyState === WebSocket.CLOSED) {
			attempts = 0;
			connect();
		}
	};

	window.addEventListener("online", hurry);
	connect();
	return () => {
		isOver = true;
		clearTimeout(timer);
		window.removeEventListener("online", hurry);
		socket?.close(1000);
	};
}
