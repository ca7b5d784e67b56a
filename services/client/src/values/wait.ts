/* What a calculation waits for that is still pending after some seconds, as the server says and the monitor sees. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { fetchHealth } from "../api/calls";
import type { Health, Value } from "../api/generated";
import type { Lost } from "../live/live";
import { formatCount } from "./format";

export const OVERDUE_MS = 3000;
const LOOK_AGAIN_MS = 2000;

export interface Wait {
	text: string;
	isDelayed: boolean; // nothing is calculated at the moment
}

export const healthQuery = queryOptions({ queryKey: ["health"], queryFn: fetchHealth, meta: { isQuiet: true } });

/* LOST: what the server says that it cannot reach; HEALTH: null if the monitor has not answered. null: it is not known. */
export function waitOf(lost: Lost, health: Health | null): Wait | null {
	const isDown = (part: Lost[number]) => lost.includes(part) || health?.[part]?.status === "down";
	const workers = health?.services.filter(({ name }) => name === "worker") ?? [];
	const depth = health?.queue?.depth ?? 0;

	if (isDown("redis")) return { text: "Waiting for the queue, which is down", isDelayed: true };
	if (workers.length > 0 && workers.every(({ status }) => status === "down")) return { text: "Waiting for a worker", isDelayed: true };
	if (isDown("postgres")) return { text: "Waiting for the database, which is down", isDelayed: true };
	return health && { text: depth > 1 ? `In a queue of ${formatCount(depth)}` : "Being calculated", isDelayed: false };
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

/* null while no value is overdue, or it is not known what it waits for. */
export function useWait(values: Value[], lost: Lost): Wait | null {
	const isOverdue = useOverdue(values);
	const { data: health } = useQuery({ ...healthQuery, enabled: isOverdue, refetchInterval: LOOK_AGAIN_MS });

	return isOverdue ? waitOf(lost, health ?? null) : null;
}
