import type { Value } from "../src/api/generated";

/* A small value that is done; MORE says what is different. */
export function value(id: string, more: Partial<Value> = {}): Value {
	return {
		id,
		kind: "fibonacci",
		index: 7,
		state: "done",
		digits: 2,
		preview: "21",
		submitted_at: "2026-01-02T03:04:05.000Z",
		calculated_at: "2026-01-02T03:04:05.004Z",
		duration_us: 4,
		...more,
	};
}
