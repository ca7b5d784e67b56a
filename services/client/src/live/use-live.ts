import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { LiveValue } from "../api/generated";
import { notify } from "../parts/notices";
import type { Session } from "../session/session";
import { addLive } from "../values/values";
import { type LiveState, type Lost, startLive } from "./live";
import { textOfNotice } from "./notice";

const NOTHING: Lost = [];

/* While this is mounted, results appear in the list by themselves, and what happens to the account is shown. Calls ON_ARRIVED for each result that
   the list was waiting for. */
export function useLive(session: Session, onArrived: (value: LiveValue) => void): { live: LiveState; lost: Lost } {
	const queries = useQueryClient();
	const [live, setLive] = useState<LiveState>("connecting");
	const [lost, setLost] = useState<Lost>(NOTHING);

	useEffect(
		() =>
			startLive({
				url: `${window.location.origin.replace(/^http/, "ws")}/api/values/live`,
				token: session.token,
				onState(next) {
					setLive(next);
					/* Opened: fetch the results that were missed. Lost: find out whether the server answers and still accepts the token. */
					if (next !== "connecting") queries.invalidateQueries({ queryKey: ["values"] });
				},
				onLost: (next) => setLost(next.length > 0 ? next : NOTHING),
				onValue(value) {
					if (addLive(queries, value)) onArrived(value);
				},
				onNotice({ notice }) {
					const text = textOfNotice(notice);
					if (text) notify("warning", text, true);
				},
			}),
		[session.token, queries, onArrived],
	);
	return { live, lost };
}
