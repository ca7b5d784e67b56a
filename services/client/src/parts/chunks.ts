/* Pages that are files of their own, loaded when they are opened.
 *
 * A load that fails is repeated once the server answers, and meanwhile the page before stays (parts/trouble.ts reports it). If it fails although
 * the server answers, a deployment has replaced the file, or the browser remembers the failure: only then the window is loaded again. */
import { lazy } from "react";

const FIRST_WAIT_MS = 1000;
const LAST_WAIT_MS = 10_000;
const RELOADS_APART_MS = 10_000;
const ANSWER_LIMIT_MS = 5000;

let waiting = 0;
const listeners = new Set<() => void>();
const hurried = new Set<() => void>();

function count(change: 1 | -1) {
	waiting += change;
	for (const listener of listeners) listener();
}

export function isWaitingForChunk(): boolean {
	return waiting > 0;
}

export function subscribeChunks(listener: () => void): () => void {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

/* Asks the server again at once. */
export function hurryChunks(): void {
	for (const hurry of hurried) hurry();
}

function pause(ms: number): Promise<void> {
	return new Promise((resolve) => {
		const end = () => {
			clearTimeout(timer);
			hurried.delete(end);
			window.removeEventListener("online", end);
			resolve();
		};
		const timer = setTimeout(end, ms);
		hurried.add(end);
		window.addEventListener("online", end);
	});
}

async function serverAnswers(): Promise<boolean> {
	try {
		return (await fetch(`${window.location.origin}/site.json`, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_LIMIT_MS) })).ok;
	} catch {
		return false;
	}
}

async function untilServerAnswers(): Promise<void> {
	for (let wait = FIRST_WAIT_MS; !(await serverAnswers()); wait = Math.min(2 * wait, LAST_WAIT_MS)) await pause(wait);
}

/* Not storage, which may be forbidden, keeps a chunk that never loads from reloading the window for ever. */
function wasJustReloaded(): boolean {
	const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];

	return navigation?.type === "reload" && performance.now() < RELOADS_APART_MS;
}

function reload(): Promise<never> {
	window.location.reload();
	return new Promise(() => {});
}

async function loadAgain<T>(load: () => Promise<T>): Promise<T> {
	count(1);
	try {
		await untilServerAnswers();
		return await load().catch((error) => (wasJustReloaded() ? Promise.reject(error) : reload()));
	} finally {
		count(-1);
	}
}

const loads: (() => Promise<unknown>)[] = [];

/* A component whose file is loaded when it is first shown or, unless it is large, by prefetchChunks(). */
export function chunk<T extends Parameters<typeof lazy>[0]>(load: T, isLarge = false) {
	if (!isLarge) loads.push(load);
	return lazy((() => load().catch(() => loadAgain(load))) as T);
}

/* Loads the files of all small chunks in turn, so that they are there when the server is not. */
export async function prefetchChunks(): Promise<void> {
	for (const load of loads) await load().catch(() => {});
}
