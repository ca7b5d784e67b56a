import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useId, useRef, useState } from "react";
import { submitValue } from "../api/calls";
import { Failure, messageOf } from "../api/failure";
import type { Kind } from "../api/generated";
import { dismissErrors, notify } from "../parts/notices";
import { formatCount, formatDigits } from "./format";
import { KIND_NAMES, KINDS, parseIndex } from "./kinds";
import { addSubmitted, kindsQuery } from "./values";

interface Calculation {
	kind: Kind;
	index: number;
}

/* Submits an index, for this form and for the dialog of a result. */
export function useSubmit() {
	const queries = useQueryClient();
	const isSending = useRef(false); // two submits may come before the next render
	const submitting = useMutation({
		mutationFn: ({ kind, index }: Calculation) => submitValue(kind, index),
		onMutate: dismissErrors,
		onSuccess(submitted) {
			addSubmitted(queries, submitted);
			if (submitted.state === "failed") notify("warning", "That calculation has failed before. Retry puts it back.");
		},
		onError(error) {
			if (!(error instanceof Failure && error.fields.index)) notify("danger", messageOf(error));
		},
		onSettled() {
			isSending.current = false;
		},
	});

	return {
		...submitting,
		submit(calculation: Calculation, onSuccess: () => void) {
			if (isSending.current) return;
			isSending.current = true;
			submitting.mutate(calculation, { onSuccess });
		},
	};
}

/* The error of the index as it is typed, as a sentence, or null. */
function problemOf(text: string, limit: number | undefined): string | null {
	const index = parseIndex(text);

	if (text.trim() === "") return null;
	if (index === null) return "The index must be a whole number, 0 or more.";
	if (limit !== undefined && index > limit) return `Index too high: ${formatCount(limit)} is the highest of this kind.`;
	return Number.isFinite(index) ? null : "Index too high.";
}

function hintOf(kind: Kind, text: string): string {
	const index = parseIndex(text);

	if (index === null) return "Choose an index, or one of the examples.";
	const digits = Math.max(1, Math.floor(KINDS[kind].digits(index)));
	return `${KINDS[kind].notation(formatCount(index))} has ${digits > 20 ? "about " : ""}${formatDigits(digits)}.`;
}

export function SubmitForm() {
	const id = useId();
	const [kind, setKind] = useState<Kind>("fibonacci");
	const [text, setText] = useState("");
	const { data: kinds } = useQuery(kindsQuery);
	const submitting = useSubmit();
	const facts = kinds?.find((one) => one.kind === kind);
	const examples = KINDS[kind].examples.filter((index) => facts === undefined || index <= facts.limit);
	const index = parseIndex(text);
	const position = examples.findLastIndex((example) => index !== null && example <= index);
	const problem = problemOf(text, facts?.limit) ?? (submitting.error instanceof Failure ? (submitting.error.fields.index ?? null) : null);

	function submit(event: SyntheticEvent) {
		event.preventDefault();
		if (index === null || problem) return;
		submitting.submit({ kind, index }, () => setText((now) => (now === text ? "" : now)));
	}

	function choose(next: string) {
		setText(next);
		if (submitting.isError) submitting.reset();
	}

	return (
		<form onSubmit={submit} noValidate aria-label="Submit an index">
			<fieldset className="choice">
				<legend className="label">Kind</legend>
				{KIND_NAMES.map((name) => (
					<label key={name}>
						<input type="radio" name="kind" value={name} checked={kind === name} onChange={() => setKind(name)} />
						<span>{KINDS[name].name}</span>
					</label>
				))}
			</fieldset>
			<p className="kind-hint soft">{facts?.description}</p>
			<div className="field">
				<label className="label" htmlFor={`${id}-index`}>
					Index
				</label>
				<input
					id={`${id}-index`}
					name="index"
					className={problem ? "input index is-danger" : "input index"}
					inputMode="numeric"
					autoComplete="off"
					placeholder={facts ? `0 to ${formatCount(facts.limit)}` : undefined}
					value={text}
					onChange={(event) => choose(event.currentTarget.value)}
					aria-invalid={problem ? true : undefined}
					aria-describedby={`${id}-hint`}
				/>
				<p className={problem ? "help is-danger" : "help"} id={`${id}-hint`} aria-live="polite">
					{problem ?? hintOf(kind, text)}
				</p>
			</div>
			<div className="field">
				<label className="label" htmlFor={`${id}-examples`}>
					Examples
				</label>
				<input
					id={`${id}-examples`}
					name="examples"
					className="slider"
					type="range"
					min={0}
					max={examples.length - 1}
					step={1}
					value={Math.max(0, position)}
					aria-valuetext={`index ${formatCount(examples[Math.max(0, position)] ?? 0)}`}
					onChange={(event) => choose(`${examples[Number(event.currentTarget.value)] ?? ""}`)}
				/>
				<p className="ticks" aria-hidden="true">
					<span>{formatCount(examples[0] ?? 0)}</span>
					<span>{formatCount(examples.at(-1) ?? 0)}</span>
				</p>
			</div>
			<input
				className="button is-primary is-fullwidth"
				type="submit"
				value={submitting.isPending ? "Submitting…" : "Calculate"}
				disabled={index === null || problem !== null || submitting.isPending}
			/>
		</form>
	);
}
