/* What else happens when a session ends, for whatever reason. */
import type { QueryClient } from "@tanstack/react-query";
import { revoke } from "../api/calls";
import { ENDED } from "../api/failure";
import { notify, type Tone } from "../parts/notices";
import { type Ending, sessions } from "./session";

const TEXTS: Record<Ending, [Tone, string]> = {
	logged_out: ["success", "You have logged out"],
	logged_out_elsewhere: ["success", "You have logged out in another tab"],
	token_expired: ["danger", ENDED.token_expired],
	token_invalid: ["danger", ENDED.token_invalid],
	session_reused: ["danger", ENDED.session_reused],
	user_inactive: ["danger", ENDED.user_inactive],
	password_changed: ["success", "Password changed. Please log in again."],
	account_deleted: ["success", "Your account was deleted"],
};

/* Clears the cached data, so that the next user sees nothing of the last one's, and revokes the token if that is still to be done. */
export function followSessions(queries: QueryClient): () => void {
	return sessions.onEnd((why, ended, wantsRevoking) => {
		const [tone, text] = TEXTS[why];
		queries.clear();
		notify(tone, text);
		if (wantsRevoking) revoke(ended).catch(() => {});
	});
}

/* Logs out every tab at once, and then has the server revoke the token. */
export async function logOutEverywhere(): Promise<void> {
	const session = sessions.current();
	if (!session) return;
	sessions.endEverywhere("logged_out");
	try {
		await revoke(session);
	} catch {
		notify("warning", "You are logged out here, but the server could not be reached to end your session. It stays valid until it expires.");
	}
}
