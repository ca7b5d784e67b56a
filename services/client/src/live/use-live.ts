import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { LiveValue } from "../api/generated";
import type { Session } from "../session/session";
import { addLive } from "../values/values";
import { type LiveState, startLive } from "./live";

/* Results arrive in the list by themselves while this is mounted. ON_ARRIVED: one that the caller had waited for. */
export function useLive(session: Session, onArrived: (value: LiveValue) => void): LiveState {
	const queries = useQueryClient();
	const [state, setState] = useState<LiveState>("connecting");

	useEffect(
		() =>
			startLive({
				url: `${window.location.origin.replace(/^http/, "ws")}/api/values/live`,
				token: session.token,
				onState(next) {
					setState(next);
					/* Opened: fetch what came meanwhile. Lost: see whether the server is there at all, and still takes the token. */
					if (next !== "connecting") queries.invalidateQueries({ queryKey: ["values"] });
				},
				onValue(value) {
					if (addLive(queries, value)) onArrived(value);
				},
			}),
		[session.token, queries, onArrived],
	);
	return state;
}
