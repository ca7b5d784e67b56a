/* What a calculation waits for that is still pending after some seconds, as the monitor sees it. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { fetchHealth } from "../api/calls";
import type { Health, Value } from "../api/generated";
import { formatCount } from "./format";

export const OVERDUE_MS = 3000;
const LOOK_AGAIN_MS = 2000;

export interface Wait {
	text: string;
	isDelayed: boolean; // nothing is calculated at the moment
}

export const healthQuery = queryOptions({ queryKey: ["health"], queryFn: fetchHealth, meta: { isQuiet: true } });

export function waitOf(health: Health): Wait {
	const workers = health.services.filter(({ name }) => name === "worker");
	const depth = health.queue?.depth ?? 0;

	if (health.redis?.status === "down") return { text: "Waiting for the queue, which is down", isDelayed: true };
	if (workers.length > 0 && workers.every(({ status }) => status === "down")) return { text: "Waiting for a worker", isDelayed: true };
	return { text: depth > 1 ? `In a queue of ${formatCount(depth)}` : "Being calculated", isDelayed: false };
}

/* Whether one of the values has been pending for OVERDUE_MS. */
function useOverdue(values: Value[]): boolean {
	const oldest = Math.min(...values.filter(({ state }) => state === "pending").map((value) => Date.parse(value.submitted_at)));
	const [isOverdue, setOverdue] = useState(false);

	useEffect(() => {
		setOverdue(false);
		if (!Number.isFinite(oldest)) return;
		const timer = setTimeout(() => setOverdue(true), Math.max(0, oldest + OVERDUE_MS - Date.now()));
		return () => clearTimeout(timer);
	}, [oldest]);
	return isOverdue;
}

/* null while no value is overdue, or the monitor has not answered. */
export function useWait(values: Value[]): Wait | null {
	const isOverdue = useOverdue(values);
	const { data: health } = useQuery({ ...healthQuery, enabled: isOverdue, refetchInterval: LOOK_AGAIN_MS });

	return isOverdue && health ? waitOf(health) : null;
}
