import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { createTroubles, type Trouble, tryNow } from "./trouble";

const TEXTS: Record<Trouble, string> = {
	offline: "This device is offline. What is shown may be old.",
	unreachable: "The server cannot be reached. Trying again.",
	unavailable: "A part of Abacus is unavailable at the moment. Trying again.",
	limited: "Too many requests for the moment. Trying again.",
	unloaded: "That page cannot be loaded now. Trying again.",
};

const SHOWN_AFTER_MS = 400; // so that a single failed attempt shows nothing

export function TroubleBanner() {
	const queries = useQueryClient();
	const troubles = useMemo(() => createTroubles(queries), [queries]);
	const trouble = useSyncExternalStore(troubles.subscribe, troubles.current);
	const [isShown, setShown] = useState(false);

	useEffect(() => {
		if (!trouble) return setShown(false);
		const timer = setTimeout(() => setShown(true), SHOWN_AFTER_MS);
		return () => clearTimeout(timer);
	}, [trouble]);

	return (
		<div className="trouble" role="status">
			{trouble && isShown && (
				<div className="trouble-box">
					<span className="trouble-dot" aria-hidden="true" />
					<span>{TEXTS[trouble]}</span>
					{trouble !== "offline" && (
						<button type="button" className="button is-small" onClick={() => tryNow(queries)}>
							Try now
						</button>
					)}
				</div>
			)}
		</div>
	);
}
