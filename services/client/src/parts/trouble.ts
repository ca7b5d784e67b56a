/* Whether the server answers, derived from the queries: there is trouble while one of them has to retry, or a page cannot be loaded. */
import { onlineManager, type QueryClient } from "@tanstack/react-query";
import { Failure } from "../api/failure";
import { hurryChunks, isWaitingForChunk, subscribeChunks } from "./chunks";

export type Trouble = "offline" | "unreachable" | "unavailable" | "limited" | "unloaded";

declare module "@tanstack/react-query" {
	interface Register {
		queryMeta: { isQuiet?: boolean }; // its page shows its trouble itself
	}
}

/* BEFORE: the trouble until now, which lasts while a query that was started again has not answered yet. */
function troubleOf(queries: QueryClient, before: Trouble | null): Trouble | null {
	if (!onlineManager.isOnline()) return "offline";
	if (isWaitingForChunk()) return "unloaded";
	let trouble: Trouble | null = null;
	for (const query of queries.getQueryCache().getAll()) {
		const { fetchStatus, status, fetchFailureReason: reason } = query.state;
		if (query.meta?.isQuiet || !query.isActive() || (fetchStatus === "idle" && status === "success")) continue;
		if (!reason && before !== "offline" && before !== "unloaded") trouble ??= before;
		if (!(reason instanceof Failure) || !reason.isTransient) continue;
		if (reason.httpStatus === 0) return "unreachable";
		trouble = reason.httpStatus === 429 && trouble !== "unavailable" ? "limited" : "unavailable";
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
			const ends = [queries.getQueryCache().subscribe(look), onlineManager.subscribe(look), subscribeChunks(look)];
			return () => {
				for (const end of ends) end();
			};
		},
	};
}

/* Retries at once the queries that wait for their next attempt. */
export async function tryNow(queries: QueryClient): Promise<void> {
	hurryChunks();
	await queries.cancelQueries({ type: "active", predicate: ({ state }) => state.data === undefined }, { silent: true });
	await queries.refetchQueries({ type: "active" });
}
