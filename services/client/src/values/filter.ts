/* Which of the user's values the list shows, and in which order. It is in the address, so that it can be shared and gone back to. */
import type { Kind, ListValuesData, Value } from "../api/generated";
import { oneOf } from "../parts/one-of";
import { isKind, parseIndex } from "./kinds";

export type ValueQuery = Pick<NonNullable<ListValuesData["query"]>, "kind" | "state" | "from" | "to" | "order">;

export const STATES = ["pending", "done", "failed"] as const satisfies readonly Value["state"][];
export const ORDERS = ["newest", "lowest", "highest"] as const;

export interface Filter {
	kind: Kind | null;
	state: (typeof STATES)[number] | null;
	order: (typeof ORDERS)[number];
	text: string; // an index, or two with a dash between them
}

export function filterOf(search: string): Filter {
	const parts = new URLSearchParams(search);
	const kind = parts.get("kind") ?? undefined;

	return {
		kind: isKind(kind) ? kind : null,
		state: oneOf(STATES, parts.get("state")),
		order: oneOf(ORDERS, parts.get("order")) ?? "newest",
		text: parts.get("index") ?? "",
	};
}

/* The address's part, "" for all values; what is not chosen is not in it. */
export function searchOf({ kind, state, order, text }: Filter): string {
	const parts = new URLSearchParams();

	if (kind) parts.set("kind", kind);
	if (state) parts.set("state", state);
	if (order !== "newest") parts.set("order", order);
	if (text !== "") parts.set("index", text);
	return parts.size > 0 ? `?${parts}` : "";
}

/* "7", "1,000", "100-200", "100 to 200", "100-". null: it is no index. */
export function rangeOf(text: string): Pick<ValueQuery, "from" | "to"> | null {
	const [first = "", second, ...others] = text.split(/\s*(?:[-–—]|\bto\b)\s*/);
	if (text.trim() === "") return {};
	const from = parseIndex(first);
	if (others.length > 0 || from === null || !Number.isFinite(from)) return null;
	if (second === undefined) return { from, to: from };
	if (second.trim() === "") return { from };
	const to = parseIndex(second);
	return to !== null && Number.isFinite(to) ? { from: Math.min(from, to), to: Math.max(from, to) } : null;
}

/* What is asked of the server, null for all values. A text that is no index does not filter; its field says so. */
export function queryOf({ kind, state, order, text }: Filter): ValueQuery | null {
	const query: ValueQuery = { ...(rangeOf(text) ?? {}), ...(kind ? { kind } : {}), ...(state ? { state } : {}) };

	if (order !== "newest") query.order = order;
	return Object.keys(query).length > 0 ? query : null;
}

/* ---- what was submitted several times ---- */

export interface Folded {
	value: Value; // the first one of the list
	ids: string[]; // of all of them
}

export function folded(values: readonly Value[]): Folded[] {
	const rows = new Map<string, Folded>();

	for (const value of values) {
		const name = `${value.kind} ${value.index}`;
		const row = rows.get(name);
		if (row) row.ids.push(value.id);
		else rows.set(name, { value, ids: [value.id] });
	}
	return [...rows.values()];
}

/* ---- export ---- */

const COLUMNS = [
	"kind",
	"index",
	"state",
	"digits",
	"duration_us",
	"submitted_at",
	"calculated_at",
	"preview",
] as const satisfies (keyof Value)[];

/* RFC 4180. No field can begin a formula of a spreadsheet, because each is a number, a time, or a word of the API. */
export function csvOf(values: readonly Value[]): string {
	const field = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
	const lines = values.map((value) => COLUMNS.map((column) => field(`${value[column] ?? ""}`)).join(","));

	return [COLUMNS.join(","), ...lines, ""].join("\r\n");
}

export function jsonOf(values: readonly Value[]): string {
	return `${JSON.stringify(values, null, "\t")}\n`;
}
