/* The controls of an instrument: the kind, and the index, which is typed or stepped. */
import type { KeyboardEvent } from "react";
import type { Kind } from "../api/generated";
import { formatCount } from "./format";
import { KIND_NAMES, KINDS, parseIndex } from "./kinds";

export function KindChoice({ kind, onKind }: { kind: Kind; onKind: (kind: Kind) => void }) {
	return (
		<fieldset className="choice">
			<legend className="label">Kind</legend>
			{KIND_NAMES.map((name) => (
				<label key={name}>
					<input type="radio" name="kind" value={name} checked={kind === name} onChange={() => onKind(name)} />
					<span>{KINDS[name].name}</span>
				</label>
			))}
		</fieldset>
	);
}

const STEPS: Record<string, number> = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

/* TEXT with a step added, within 0 and LIMIT. Of what is no number, the step begins at 0. */
export function stepped(text: string, step: number, limit: number): string {
	const index = parseIndex(text);

	return `${index === null ? 0 : Math.min(Math.max(index + step, 0), limit)}`;
}

export function IndexField({
	id,
	text,
	limit = Number.MAX_SAFE_INTEGER,
	problem,
	hint,
	placeholder,
	onText,
}: {
	id: string;
	text: string;
	limit?: number | undefined;
	problem: string | null;
	hint: string;
	placeholder?: string | undefined;
	onText: (text: string) => void;
}) {
	function onKeyDown(event: KeyboardEvent) {
		const step = STEPS[event.key];
		if (step === undefined) return;
		event.preventDefault();
		onText(stepped(text, step, limit));
	}

	return (
		<div className="field">
			<label className="label" htmlFor={id}>
				Index
			</label>
			<div className="stepper">
				<button type="button" className="button" aria-label="One less" onClick={() => onText(stepped(text, -1, limit))}>
					<span aria-hidden="true">−</span>
				</button>
				<input
					id={id}
					name="index"
					className={problem ? "input index is-danger" : "input index"}
					inputMode="numeric"
					autoComplete="off"
					placeholder={placeholder}
					value={text}
					onChange={(event) => onText(event.currentTarget.value)}
					onKeyDown={onKeyDown}
					aria-invalid={problem ? true : undefined}
					aria-describedby={`${id}-hint`}
				/>
				<button type="button" className="button" aria-label="One more" onClick={() => onText(stepped(text, 1, limit))}>
					<span aria-hidden="true">+</span>
				</button>
			</div>
			<p className={problem ? "help is-danger" : "help"} id={`${id}-hint`} aria-live="polite">
				{problem ?? hint}
			</p>
		</div>
	);
}

/* The error of the index as it is typed, as a sentence, or null. */
export function problemOf(text: string, limit: number | undefined): string | null {
	const index = parseIndex(text);

	if (text.trim() === "") return null;
	if (index === null) return "The index must be a whole number, 0 or more.";
	if (limit !== undefined && index > limit) return `Index too high: ${formatCount(limit)} is the highest of this kind.`;
	return Number.isFinite(index) ? null : "Index too high.";
}
