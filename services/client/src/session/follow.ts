/* What else happens when a session ends, whoever ended it. */
import type { QueryClient } from "@tanstack/react-query";
import { revoke } from "../api/calls";
import { notify, type Tone } from "../parts/notices";
import { type Ending, sessions } from "./session";

const TEXTS: Record<Ending, [Tone, string]> = {
	logged_out: ["success", "You have logged out"],
	logged_out_elsewhere: ["success", "You have logged out in another tab"],
	token_expired: ["danger", "Signature expired. Please log in again."],
	token_invalid: ["danger", "Invalid token. Please log in again."],
	user_inactive: ["danger", "This account is not active. Ask an admin to activate it."],
	password_changed: ["success", "Password changed. Please log in again."],
};

/* Nothing that the one saw is left for the next. */
export function followSessions(queries: QueryClient): () => void {
	return sessions.onEnd((why, ended, wantsRevoking) => {
		const [tone, text] = TEXTS[why];
		queries.clear();
		notify(tone, text);
		if (wantsRevoking) revoke(ended.token).catch(() => {});
	});
}

/* Logs out every tab at once, and only then tells the server. */
export async function logOutEverywhere(): Promise<void> {
	const session = sessions.current();
	if (!session) return;
	sessions.endEverywhere("logged_out");
	try {
		await revoke(session.token);
	} catch {
		notify("warning", "The server could not be told. Until its time is over, the token would still be taken.");
	}
}
