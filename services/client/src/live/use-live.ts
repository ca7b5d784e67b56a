import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { LiveValue } from "../api/generated";
import type { Session } from "../session/session";
import { addLive } from "../values/values";
import { type LiveState, startLive } from "./live";

/* While this is mounted, results appear in the list by themselves. Calls ON_ARRIVED for each result that the list was waiting for. */
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
					/* Opened: fetch the results that were missed. Lost: find out whether the server answers and still accepts the token. */
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
