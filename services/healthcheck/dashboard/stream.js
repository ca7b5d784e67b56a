// Server-sent events by fetch(), because an EventSource sends no token. Reads as much of the format as /status/stream writes.

import { headers, refuse } from "./session.js";

const AGAIN_MS = 1000;
const LONGER_MS = 5000; // after a refusal, such as too many open pages

let isOpen = false;
export const isListening = () => isOpen;

async function* linesOf(body) {
	let rest = "";
	for await (const text of body.pipeThrough(new TextDecoderStream())) {
		const lines = (rest + text).split("\n");
		rest = lines.pop();
		yield* lines;
	}
}

// Returns how long to wait before the next attempt.
async function listenOnce(receive) {
	const sent = await headers();
	const response = await fetch("stream", { headers: sent, cache: "no-store" });
	if (response.status === 401) refuse(sent);
	if (!response.ok) return response.status === 401 ? 0 : LONGER_MS;
	isOpen = true;
	for await (const line of linesOf(response.body)) if (line.startsWith("data: ")) receive(JSON.parse(line.slice("data: ".length)));
	return 0;
}

// Calls receive() with each message for as long as the page lives, and ended() whenever the stream has ended.
export async function listen(receive, ended) {
	for (;;) {
		let waitMs = AGAIN_MS;
		try {
			waitMs = (await listenOnce(receive)) || AGAIN_MS / 10;
		} catch {
			// the connection was lost
		}
		isOpen = false;
		ended();
		await new Promise((resume) => setTimeout(resume, waitMs));
	}
}
