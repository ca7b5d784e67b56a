import { expect, it } from "vitest";
import { Failure } from "../src/api/failure";
import { Cancelled, confirmed, currentQuestion } from "../src/session/confirm";

/* An action that the server wants confirmed. */
function begin(title: string): Promise<string | undefined> {
	return confirmed({ action: "end_other_sessions", parameters: {}, title, button: "Go on" }, async (confirmation) => {
		if (!confirmation) throw new Failure(403, "confirmation_required", "Please confirm this.");
		return confirmation;
	});
}

const asked = async (title: string) => expect.poll(() => currentQuestion()?.title).toBe(title);

it("an action is repeated with its confirmation", async () => {
	const action = begin("one");
	await asked("one");
	currentQuestion()?.confirm("for one");
	expect([await action, currentQuestion()]).toEqual(["for one", null]);
});

it("another question cancels the one that is open", async () => {
	const first = begin("one");
	await asked("one");
	const second = begin("two");
	await expect(first).rejects.toBeInstanceOf(Cancelled);
	await asked("two");
	currentQuestion()?.confirm("for two");
	expect(await second).toBe("for two");
});

it("a reply to a question that was cancelled does not close the next one", async () => {
	const first = begin("one");
	await asked("one");
	const late = currentQuestion();
	late?.cancel();
	await expect(first).rejects.toBeInstanceOf(Cancelled);
	const second = begin("two");
	await asked("two");
	late?.confirm("for one");
	late?.cancel();
	expect(currentQuestion()?.title).toBe("two");
	currentQuestion()?.confirm("for two");
	expect(await second).toBe("for two");
});
