/* Keeps the access token of a session fresh. The tabs of a session take turns (Web Locks), and the second one finds the token that the first one
 * has got. A browser without locks, as on a page without TLS, asks in several tabs at once, and the server gives all of them the same.
 *
 * Only the server's word ends a session. When it cannot be reached the call that needed the token fails, and is repeated as any other. */
import { Failure, UNKNOWN } from "../api/failure";
import type { Ending, Session, Sessions, Tokens } from "./session";

export type Ask = (refreshToken: string | null) => Promise<Tokens>;
export type InTurn = (name: string, action: () => Promise<void>) => Promise<void>;

const AHEAD_MS = 15_000; // more than the time limit of a call

/* Whether the token ends before the reply to a call that begins now. */
export function isStale(session: Session, now = Date.now()): boolean {
	return session.canRefresh && session.endsAt - now < AHEAD_MS;
}

async function takeTurns(name: string, action: () => Promise<void>): Promise<void> {
	return navigator.locks ? navigator.locks.request(name, action) : action();
}

/* null: the session may live, and a later attempt may help. A refusal without a code is not the server's, but that of a proxy before it. */
function endingOf(error: unknown): Ending | null {
	if (!(error instanceof Failure) || ![401, 403].includes(error.httpStatus) || error.code === UNKNOWN) return null;
	return error.code === "session_reused" ? "session_reused" : "token_invalid";
}

/* Returns the function that resolves to the token for a call: a new one if that of the session is about to end, or is REFUSED. undefined: there is
   no session, or it has ended by this. Rejects when the server does not answer. */
export function createRefresher(sessions: Sessions, ask: Ask, inTurn: InTurn = takeTurns) {
	let running: Promise<void> | null = null;

	async function replace(token: string) {
		sessions.reread();
		const session = sessions.current();
		if (session?.token !== token) return;
		try {
			const tokens = await ask(session.refreshToken);
			if (sessions.current()?.id === session.id) sessions.renew(tokens);
		} catch (error) {
			const why = endingOf(error);
			if (!why) throw error;
			if (sessions.current()?.id === session.id) sessions.end(why);
		}
	}

	return async function freshToken(refused?: string): Promise<string | undefined> {
		const session = sessions.current();
		if (session?.canRefresh && (session.token === refused || isStale(session))) {
			const name = session.isKept ? "abacus.session" : `abacus.session.${session.id}`;
			running ??= inTurn(name, () => replace(session.token)).finally(() => {
				running = null;
			});
			await running;
		}
		return sessions.current()?.token;
	};
}
