import { type InputHTMLAttributes, useId } from "react";

/* A labelled input with room kept for what is wrong with it, so that nothing moves when something is. */
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
