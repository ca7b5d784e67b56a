/* Sensitive actions: the server wants them confirmed, by a second factor or, of a user without one, by the password. Its confirmation is good for
 * one action with these parameters. The action is tried; if the server asks, a dialog (parts/confirm-dialog.tsx) asks the user, and the action is
 * repeated with the confirmation. What the server refuses for another reason, such as a name that is taken, is so known before the user is asked. */
import { Failure, messageOf } from "../api/failure";
import type { ConfirmationRequest } from "../api/generated";
import { notify } from "../parts/notices";

export interface Sensitive {
	action: ConfirmationRequest["action"];
	parameters: Record<string, unknown>; // what the call carries: its body without `current`, and `id` of its path as text
	title: string;
	text?: string;
	button: string;
	isDangerous?: boolean;
}

export interface Question extends Sensitive {
	id: number;
	confirm(confirmation: string): void;
	cancel(): void;
}

/* The user did not confirm: nothing is to be reported. */
export class Cancelled extends Error {}

/* Reports an error to the user. */
export function report(error: unknown): void {
	if (!(error instanceof Cancelled)) notify("danger", messageOf(error));
}

let question: Question | null = null;
let lastId = 0;
const listeners = new Set<() => void>();

function become(next: Question | null) {
	question = next;
	for (const listener of listeners) listener();
}

export function currentQuestion(): Question | null {
	return question;
}

export function subscribeQuestion(listener: () => void): () => void {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

/* Resolves to the confirmation. A question that is open is cancelled, because there is one dialog. One that is closed stays so, whatever its dialog
   reports later: the reply to an answer may arrive after the user cancelled, and while the next question is open. */
function ask(what: Sensitive): Promise<string> {
	question?.cancel();
	return new Promise((resolve, reject) => {
		const id = ++lastId;
		const close = (settle: () => void) => {
			if (question?.id !== id) return;
			become(null);
			settle();
		};
		become({
			...what,
			id,
			confirm: (confirmation) => close(() => resolve(confirmation)),
			cancel: () => close(() => reject(new Cancelled())),
		});
	});
}

function wantsConfirmation(error: unknown): boolean {
	if (!(error instanceof Failure)) return false;
	return ["confirmation_required", "confirmation_invalid"].includes(error.code) || "current" in error.fields;
}

/* Rejects with Cancelled if the user does not confirm. */
export async function confirmed<T>(what: Sensitive, call: (confirmation?: string) => Promise<T>): Promise<T> {
	let confirmation: string | undefined;
	for (;;) {
		try {
			return await call(confirmation);
		} catch (error) {
			if (!wantsConfirmation(error)) throw error;
		}
		confirmation = await ask(what);
	}
}
