import { type InputHTMLAttributes, useId } from "react";

/* A labelled input that reserves space for its error, so that nothing moves when one appears. */
export function Field({ label, error, ...input }: { label: string; error?: string | undefined } & InputHTMLAttributes<HTMLInputElement>) {
	const id = useId();

	return (
		<div className="field">
			<label className="label" htmlFor={id}>
				{label}
			</label>
			<div className="control">
				<input
					{...input}
					id={id}
					className={error ? "input is-danger" : "input"}
					aria-invalid={error ? true : undefined}
					aria-describedby={`${id}-help`}
				/>
			</div>
			<p className="help is-danger" id={`${id}-help`}>
				{error}
			</p>
		</div>
	);
}
