import { expect, it } from "vitest";
import type { Health } from "../src/api/generated";
import { waitOf } from "../src/values/wait";

type Status = Health["services"][number]["status"];

function health(redis: Status, workers: Status[], depth: number | null): Health {
	return {
		summary: "",
		services: workers.map((status) => ({ name: "worker", status })),
		queue: { depth },
		redis: { status: redis },
		postgres: null,
		nginx: null,
		updated_at: null,
	} as unknown as Health;
}

it.each([
	["down", ["degraded"], null, "Waiting for the queue, which is down", true],
	["up", ["down", "down"], 3, "Waiting for a worker", true],
	["up", ["up", "down"], 2400, "In a queue of 2,400", false],
	["up", ["up"], 1, "Being calculated", false],
	["up", [], null, "Being calculated", false],
] as [Status, Status[], number | null, string, boolean][])(
	"with Redis %s, workers %j and a queue of %s a value is: %s",
	(redis, workers, depth, text, isDelayed) => {
		expect(waitOf([], health(redis, workers, depth))).toEqual({ text, isDelayed });
	},
);

it("what the server has lost is known without the monitor, and before it has noticed", () => {
	const up = health("up", ["up"], 5);
	expect(waitOf(["redis"], null)?.text).toBe("Waiting for the queue, which is down");
	expect(waitOf(["postgres", "redis"], up)?.text).toBe("Waiting for the queue, which is down");
	expect(waitOf(["postgres"], up)).toEqual({ text: "Waiting for the database, which is down", isDelayed: true });
	expect(waitOf(["postgres"], health("up", ["down"], 5))?.text).toBe("Waiting for a worker");
	expect(waitOf([], null)).toBeNull();
});
