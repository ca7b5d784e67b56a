/* Whether the server answers, seen from the queries: they try again by themselves, and while one of them has to, there is trouble. */
import { onlineManager, type QueryClient } from "@tanstack/react-query";
import { Failure } from "../api/failure";

export type Trouble = "offline" | "unreachable" | "unavailable";

declare module "@tanstack/react-query" {
	interface Register {
		queryMeta: { isQuiet?: boolean }; // its page tells of its trouble itself
	}
}

/* BEFORE: what there was; a query that begins anew has not got out of it yet. */
function troubleOf(queries: QueryClient, before: Trouble | null): Trouble | null {
	if (!onlineManager.isOnline()) return "offline";
	let trouble: Trouble | null = null;
	for (const query of queries.getQueryCache().getAll()) {
		const { fetchStatus, status, fetchFailureReason: reason } = query.state;
		if (query.meta?.isQuiet || !query.isActive() || (fetchStatus === "idle" && status === "success")) continue;
		if (!reason && before !== "offline") trouble ??= before;
		if (!(reason instanceof Failure) || !reason.isTransient) continue;
		if (reason.httpStatus === 0) return "unreachable";
		trouble = "unavailable";
	}
	return trouble;
}

export function createTroubles(queries: QueryClient) {
	let trouble = troubleOf(queries, null);

	return {
		current: () => trouble,
		subscribe(listener: () => void): () => void {
			const look = () => {
				trouble = troubleOf(queries, trouble);
				listener();
			};
			const ends = [queries.getQueryCache().subscribe(look), onlineManager.subscribe(look)];
			return () => {
				for (const end of ends) end();
			};
		},
	};
}

/* Does not wait for the next turn of the queries that wait for it. */
export async function tryNow(queries: QueryClient): Promise<void> {
	await queries.cancelQueries({ type: "active", predicate: ({ state }) => state.data === undefined }, { silent: true });
	await queries.refetchQueries({ type: "active" });
}
