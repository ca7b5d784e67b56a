import { useMutation } from "@tanstack/react-query";
import { type ChangeEvent, type SyntheticEvent, useCallback, useRef, useState } from "react";
import { Failure } from "../api/failure";
import { report } from "../session/confirm";
import { dismissErrors } from "./notices";

type Texts = Record<string, string>;

/* Makes a sentence of a label and a problem: "Username must have 3 characters." */
function sentences(fields: Record<string, string>, labels: Texts): Texts {
	return Object.fromEntries(Object.entries(fields).map(([name, problem]) => [name, `${labels[name] ?? name} ${problem}.`]));
}

/* A form: its texts, which are INITIAL at first, the server's error for each, and sending it. An error that belongs to no field becomes a
   notification. */
export function useForm<T extends Texts>(labels: T, send: (texts: T) => Promise<void>, initial?: T) {
	const empty = Object.fromEntries(Object.keys(labels).map((name) => [name, ""])) as T;
	const [texts, setTexts] = useState(initial ?? empty);
	const [errors, setErrors] = useState<Texts>({});
	const isSending = useRef(false); // two submits may come before the next render
	const sending = useMutation({
		mutationFn: send,
		onError: (error) => {
			const fields = error instanceof Failure ? error.fields : {};
			setErrors(sentences(fields, labels));
			if (!Object.keys(fields).some((name) => name in labels)) report(error);
		},
		onSettled: () => {
			isSending.current = false;
		},
	});

	/* Texts that are still those of BEFORE become those of NOW. */
	const follow = useCallback((before: T, now: T) => {
		const next = (texts: T) => Object.entries(texts).map(([name, text]) => [name, text === before[name] ? now[name] : text]);
		setTexts((texts) => Object.fromEntries(next(texts)) as T);
	}, []);

	return {
		texts,
		follow,
		isSending: sending.isPending,
		clear: () => setTexts(empty),
		set: (some: Partial<T>) => setTexts((before) => ({ ...before, ...some })),
		submit(event: SyntheticEvent) {
			event.preventDefault();
			if (isSending.current) return;
			isSending.current = true;
			dismissErrors();
			setErrors({});
			sending.mutate(texts);
		},
		field(name: keyof T & string) {
			return {
				name,
				label: labels[name] ?? name,
				value: texts[name],
				error: errors[name],
				onChange(event: ChangeEvent<HTMLInputElement>) {
					const { value } = event.currentTarget;
					setTexts((before) => ({ ...before, [name]: value }));
					setErrors(({ [name]: _, ...others }) => others);
				},
			};
		},
	};
}
