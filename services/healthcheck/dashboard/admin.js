// What admins change: a note to an event, and the notice to all readers. One dialog asks for the text of either.

import { headers, refuse } from "./session.js";

const TIMEOUT_MS = 10_000;
const at = (id) => document.getElementById(id);

let save = null; // what the open dialog does with its text

async function send(method, path, body) {
	const sent = await headers();
	const response = await fetch(`../api/healthcheck/${path}`, {
		method,
		headers: { ...sent, ...(body && { "Content-Type": "application/json" }) },
		body: body && JSON.stringify(body),
		signal: AbortSignal.timeout(TIMEOUT_MS),
	});
	if (response.ok) return;
	if (response.status === 401) refuse(sent);
	throw new Error((await response.json().catch(() => null))?.message ?? `The server answered ${response.status}.`);
}

function ask(title, text, isRequired, action) {
	save = action;
	at("dialog-title").textContent = title;
	at("dialog-text").value = text;
	at("dialog-text").required = isRequired;
	at("dialog-problem").textContent = "";
	at("dialog").showModal();
}

// done() runs after the server has accepted it.
export function acknowledge(event, done) {
	ask("Acknowledge the event", event.note ?? "", false, async (note) => {
		await send("PUT", `events/${event.id}/acknowledgement`, { note });
		done();
	});
}

export function setNotice(text) {
	ask("Notice to all readers", text, true, (text) => send("PUT", "notice", { text }));
}

export async function removeNotice() {
	await send("DELETE", "notice");
}

at("dialog-form").addEventListener("submit", async (event) => {
	event.preventDefault();
	at("dialog-save").disabled = true;
	try {
		await save(at("dialog-text").value.trim());
		at("dialog").close();
	} catch (error) {
		at("dialog-problem").textContent = error.name === "TimeoutError" ? "The server does not answer. Please try again." : error.message;
	} finally {
		at("dialog-save").disabled = false;
	}
});
at("dialog-cancel").addEventListener("click", () => at("dialog").close());
