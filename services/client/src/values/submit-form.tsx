import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useId, useRef, useState } from "react";
import { submitValue } from "../api/calls";
import { Failure, messageOf } from "../api/failure";
import type { Kind, Value } from "../api/generated";
import { dismissErrors, notify } from "../parts/notices";
import { IndexField, KindChoice, problemOf } from "./controls";
import { shownOfPreview } from "./digits";
import { formatCount } from "./format";
import { estimate, introduction, KINDS, parseIndex } from "./kinds";
import { MOST_ON_STAGE, Stage, type StageState } from "./stage";
import { addSubmitted, kindsQuery } from "./values";
import type { Wait } from "./wait";

interface Calculation {
	kind: Kind;
	index: number;
}

/* Submits an index, for this form and for the page of a result. */
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

function stateOf(value: Value | undefined, wait: Wait | null): StageState {
	if (!value) return { is: "unknown" };
	if (value.state === "pending") return { is: "pending", text: wait?.text ?? "Being calculated" };
	if (value.state === "failed") return { is: "problem", text: "The calculation has failed. Retry in the list puts it back." };
	return { is: "done", shown: shownOfPreview(value.preview ?? "", value.digits ?? 0, MOST_ON_STAGE), durationUs: value.duration_us ?? 0 };
}

const ABOVE_LIST = { depth: 1 };

/* The instrument of a user who is logged in. It shows what is chosen, from the list VALUES if it is there, and the latest value at first. */
export function SubmitForm({ values, wait }: { values: Value[]; wait: Wait | null }) {
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
	const isChosen = index !== null && problem === null;
	const value = isChosen ? values.find((one) => one.kind === kind && one.index === index) : values[0];
	const staged = isChosen ? { kind, index } : value;

	function submit(event: SyntheticEvent) {
		event.preventDefault();
		if (index === null || problem) return;
		submitting.submit({ kind, index }, () => {});
	}

	function choose(next: string) {
		setText(next);
		if (submitting.isError) submitting.reset();
	}

	return (
		<form className="instrument" onSubmit={submit} noValidate aria-label="Submit an index">
			<div className="instrument-controls">
				<KindChoice kind={kind} onKind={setKind} />
				<IndexField
					id={`${id}-index`}
					text={text}
					limit={facts?.limit}
					problem={problem}
					hint={isChosen ? `${introduction(kind, index)}: ${estimate(kind, index)}.` : "Choose an index, or one of the examples."}
					placeholder={facts ? `0 to ${formatCount(facts.limit)}` : undefined}
					onText={choose}
				/>
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
					className="button is-primary is-fullwidth instrument-go"
					type="submit"
					value={submitting.isPending ? "Submitting…" : "Calculate"}
					disabled={!isChosen || submitting.isPending}
				/>
			</div>
			<p className="kind-hint soft">{facts?.description}</p>
			{staged && <Stage kind={staged.kind} index={staged.index} state={stateOf(value, wait)} linkState={ABOVE_LIST} />}
		</form>
	);
}
